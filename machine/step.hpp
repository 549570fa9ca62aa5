// SPDX-License-Identifier: Apache-2.0
/// @file
/// The `step` driver: one thread, virtual CPUs, a virtual clock; what happens, happens in the order
/// that the caller gives.
#pragma once

#include <cstdint>
#include <deque>

#include "machine/histogram.hpp"
#include "machine/host.hpp"

namespace trefoil::machine {

/// How long teardowns wait for those who run them.
struct worker_delays {
  std::int64_t work_ns = 0;       ///< a kworker
  std::int64_t rcu_ns = work_ns;  ///< an RCU callback, where the scheduler's tail needs one

  worker_delays(std::int64_t both_ns) noexcept  // NOLINT(google-explicit-constructor)
      : work_ns(both_ns) {}
  worker_delays(std::int64_t work, std::int64_t rcu) noexcept : work_ns(work), rcu_ns(rcu) {}
};

/// For one thread at a time. CPUs exist as soon as they are named.
class step : public host {
 public:
  /// `frames` outlives the machine; machines on one thread may share it.
  step(const design& lifetimes, flavour kernel, mm::frame_allocator<platform>& frames,
       worker_delays delays)
      : host(lifetimes, kernel, frames), delays_(delays) {
    notes().keep_time();
  }
  ~step() override;

  /// The clock goes on to `now_ns`; workers run, at their times, what is due. Not backwards.
  void advance(std::int64_t now_ns);

  /// What happens from here on has no time and counts nowhere, until resume(): to put away what is
  /// left of a world that is not looked at any more.
  void pause();
  /// The clock jumps.
  void resume(std::int64_t now_ns);

  /// The worker to which a place left it runs now. (mmput_async_fn)
  void mmput_async_now(unsigned cpu, user_ref space);

  void drop(unsigned cpu, held& slot, holder whose, place where) override;
  void give_back(unsigned cpu, place where = place::scheduler_tail) override;
  /// Every CPU does.
  void give_back_all();

  /// From a deferred drop to its teardown.
  [[nodiscard]] const histogram& deferred_wait_ns() const noexcept { return wait_ns_; }
  /// Real time of drops in places below task that tore something down. (Not reproducible.)
  [[nodiscard]] const histogram& atomic_teardown_ns() const noexcept { return atomic_ns_; }

 private:
  /// Something that a worker will run.
  struct work {
    std::int64_t due_ns;
    std::int64_t since_ns;
    deferred<platform>* node;
    unsigned cpu;
    holder whose;
    bool again;  // a worker has tried, in a place that would not do
  };

  template <class F>
  void timed(place where, F&& f);
  void hand_over(unsigned cpu, holder whose, bool again) override;
  [[nodiscard]] bool left_to_rcu(holder whose, bool again) const noexcept;
  std::deque<work>* next_due();
  void run_due(std::int64_t until_ns);
  void run_work(const work& w);
  void run_node(const work& w);
  [[nodiscard]] std::int64_t torn_down() const noexcept {
    return figures().page_directories_gone() + figures().identities_gone();
  }

  const worker_delays delays_;
  std::deque<work> works_;      // by due time: the delay is the same for all
  std::deque<work> callbacks_;  // of RCU; by due time, too
  histogram wait_ns_;
  histogram atomic_ns_;
  bool paused_ = false;
};

}  // namespace trefoil::machine
