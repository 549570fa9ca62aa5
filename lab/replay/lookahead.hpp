// SPDX-License-Identifier: Apache-2.0
// The events of a recording with a limited view of what comes next.
//
// Three things that a recording tells late are wanted early: which CPUs turn out, by handing it on or
// giving it back, to have had a dead address space all along; whether the free of a task was recorded;
// and who caused the end of an address space (the route of its mm_free), which only gives a name to a
// holder that nothing else shows. They say WHAT holders there are. When a holder lets go is decided
// when its own event comes.
//
// CPUs are numbered anew, from 0 without gaps, in their order: a machine has as many as the recording names,
// however high their numbers are.
#ifndef TREFOIL_LAB_REPLAY_LOOKAHEAD_HPP
#define TREFOIL_LAB_REPLAY_LOOKAHEAD_HPP

#include "lab/recording/event.hpp"
#include "lab/recording/reader.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace trefoil::lab {

class lookahead {
 public:
  // The view reaches so many events ahead: some seconds of a busy machine, some MiB of memory.
  static constexpr std::size_t default_reach = std::size_t{1} << 18;

  explicit lookahead(recording_reader& from, std::size_t reach = default_reach);
  lookahead(const lookahead&) = delete;
  lookahead& operator=(const lookahead&) = delete;

  // The view has shrunk to half: read() fills it up again. next() does so itself if nobody else does.
  bool about_to_read() const noexcept { return !ended_ && ahead_.size() <= reach_ / 2; }
  void read();

  // False at the end.
  bool next(event& e);

  // Of the event that next() gave last: its row (from one), and the index of its segment.
  std::int64_t row() const noexcept { return row_; }
  std::size_t segment_index() const noexcept { return segment_; }

  // CPUs that will hand on `mm` dead, or give it back, in the order of time; as often as they will.
  const std::vector<std::uint16_t>& returns_of(mm_id mm) const;
  // Who caused the end of `mm`; none: not in view.
  route_id end_of(mm_id mm) const;
  bool sees_end_of(mm_id mm) const;
  // Whether the free of a task is in view.
  bool sees_free_of(task_id task) const { return frees_.contains(task.value()); }

 private:
  struct future {
    std::vector<std::uint16_t> returns;
    route_id end;
    bool ends = false;
  };

  void forget(const event& e);
  void erase_if_empty(mm_id mm);

  recording_reader& from_;
  const std::size_t reach_;
  std::vector<std::uint16_t> cpu_of_;  // by the number in the recording
  bool ended_ = false;
  std::deque<event> ahead_;
  std::unordered_map<std::uint32_t, future> mms_;
  std::unordered_set<std::uint32_t> frees_;
  std::int64_t row_ = 0;
  std::size_t segment_ = 0;
};

}  // namespace trefoil::lab

#endif
