// SPDX-License-Identifier: Apache-2.0
// The lives that the events of a recording tell: checks that they are possible, and counts them.
//
// A recording begins and ends in the middle of things, and some events are lost. So an object may
// appear without a birth and stay without an end; what no loss explains is refused:
//   an alloc of an id that is known already        (the id is reused)
//   a second task_exit, exit_mm, exit_mmap, rcu_put or free of the same object
//   an id of an earlier segment, and ids by the thousand that are far from each other
// An event that names an object after its free is odd but only counted.
//
// Memory: one byte per id of the current segment; never more than some 40.
#ifndef TREFOIL_LAB_RECORDING_CENSUS_HPP
#define TREFOIL_LAB_RECORDING_CENSUS_HPP

#include "lab/recording/event.hpp"
#include "lab/recording/life_table.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace trefoil::lab {

struct population {
  std::int64_t seen = 0;
  std::int64_t born_before = 0;  // seen, but their birth is not in the recording
  std::int64_t outliving = 0;    // seen, but their free is not in the recording

  friend bool operator==(const population&, const population&) = default;
};

class census {
 public:
  // False: no recording can hold this event here; problem() says why, in a few words.
  [[nodiscard]] bool observe(const event& e);
  const std::string& problem() const noexcept { return problem_; }

  // Counts those who are left and forgets all ids: the next segment has others.
  void end_segment();

  std::int64_t events() const noexcept;
  std::int64_t events(event_kind kind) const { return events_[static_cast<std::size_t>(kind)]; }

  // Complete after end_segment(). Births of files and sighands are never recorded.
  const population& mms() const noexcept { return mm_.total; }
  const population& tasks() const noexcept { return task_.total; }
  const population& files() const noexcept { return files_.total; }
  const population& sighands() const noexcept { return sighand_.total; }

  // What must have happened and is not there. Some may only have been late at the very end.
  std::int64_t missing_task_frees() const noexcept { return missing_task_frees_; }  // after rcu_put
  std::int64_t missing_mm_frees() const noexcept {
    return missing_mm_frees_;
  }                                                                   // after the last drop
  std::int64_t dead_at_end() const noexcept { return dead_at_end_; }  // exit_mmap, no mm_free

  std::int64_t named_after_free() const noexcept { return named_after_free_; }

 private:
  struct kind_of_object {
    char letter;
    life_table lives{};
    std::size_t known = 0;  // of this segment
    population total{};
    std::int64_t floor = 0;  // ids below belong to earlier segments
    std::int64_t top = 0;    // ids from here up are unknown
  };

  bool name(kind_of_object& kind, std::uint32_t number);
  bool mark(kind_of_object& kind, std::uint32_t number, std::uint8_t once, const char* what);
  bool birth(kind_of_object& kind, std::uint32_t number);
  bool refuse(const kind_of_object& kind, std::uint32_t number, const char* what);
  bool lives(const event& e);
  void close(kind_of_object& kind);

  kind_of_object mm_{'m'};
  kind_of_object task_{'t'};
  kind_of_object files_{'f'};
  kind_of_object sighand_{'s'};
  std::array<std::int64_t, event_names.size()> events_{};
  std::int64_t missing_task_frees_ = 0;
  std::int64_t missing_mm_frees_ = 0;
  std::int64_t dead_at_end_ = 0;
  std::int64_t named_after_free_ = 0;
  std::string problem_;
};

}  // namespace trefoil::lab

#endif
