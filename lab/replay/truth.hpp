// SPDX-License-Identifier: Apache-2.0
// Compares what the replay of the kernel's own design predicts with what the kernel did.
//
// A prediction is made when the last holder lets go in the replay: it names the task, the CPU and
// the place, and says that the end of the address space is that task's next event (of a deferred
// drop: the worker's). Only afterwards mm_free is looked at. It agrees if all of that is so.
#ifndef TREFOIL_LAB_REPLAY_TRUTH_HPP
#define TREFOIL_LAB_REPLAY_TRUTH_HPP

#include "lab/recording/event.hpp"
#include "lab/replay/story.hpp"
#include "machine/place.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

namespace trefoil::lab {

struct truth_figures {
  std::int64_t mms = 0;    // exit_mmap and mm_free in the file, last dropper observed
  std::int64_t agree = 0;  // of these
  std::int64_t inferred =
      0;  // the last dropper was seen only by the end that it caused, or not even that
  std::map<std::string, std::int64_t, std::less<>> disagree;  // by cause

  friend bool operator==(const truth_figures&, const truth_figures&) = default;
};

// Who caused an end is one of those whose taking a recording shows.
bool is_of_an_observed_holder(std::string_view route);

class truth {
 public:
  explicit truth(machine::flavour kernel) : flavour_(kernel) {}

  // Every event, before anything else is made of it.
  void look(const event& e, std::int64_t row);

  // The last holder of `mm` lets go, on behalf of a task on a CPU.
  void predict(mm_story& mm, const last_drop& how);

  // That was not the last holder after all.
  void withdraw(mm_story& mm);

  // The end of `mm` in the recording. `route`: who caused it.
  // `held_by`: an observed holder that still holds it in the replay; empty: none.
  // True: as predicted.
  bool compare(const mm_story& mm, const event& e, std::string_view route,
               std::string_view held_by);

  // No object crosses into the next segment.
  void end_segment();

  const truth_figures& figures() const noexcept { return figures_; }

 private:
  // An idle task is known by its CPU: they all have pid 0.
  static std::uint64_t who(std::int32_t pid, std::uint16_t cpu) {
    return pid != 0 ? static_cast<std::uint32_t>(pid) : (std::uint64_t{1} << 32) + cpu;
  }
  // Whose work a deferred drop is: an RCU callback's, else a kworker's.
  bool left_to_rcu(const last_drop& how) const;
  std::string_view wrong(const mm_story& mm, const event& e, std::string_view route);
  std::string_view wrong_place(machine::place predicted, const event& e,
                               std::string_view route) const;
  std::string_view wrong_end_of_deferred(const mm_story& mm, const event& e);
  std::string_view wrong_end(const mm_story& mm, const event& e, std::string_view route) const;

  const machine::flavour flavour_;
  truth_figures figures_;
  std::unordered_map<std::uint64_t, mm_id> next_;  // whose next event ends which mm
  std::unordered_set<std::uint32_t> prompt_;       // mms whose end came at once
  std::unordered_set<std::uint32_t> late_;         // mms whose end did not
  std::unordered_map<std::uint64_t, std::int64_t> last_row_of_worker_;
  struct waiting {
    std::uint16_t cpu;
    bool for_rcu;
    mm_id mm;
  };
  std::deque<waiting> deferred_;  // not ended yet, by time
  std::unordered_set<std::uint32_t> overtaken_;
};

}  // namespace trefoil::lab

#endif
