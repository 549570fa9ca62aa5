// SPDX-License-Identifier: Apache-2.0
// The storm on a platform that knows which part of the mechanism a thread is in: so the counters can
// prove that signals landed inside the pool and inside the reclaimer.
#include "storm.hpp"

namespace {

struct watching : trefoil::threads {
  static trefoil::context::state<watching>& state() noexcept {
    static constinit thread_local trefoil::context::state<watching> here;
    return here;
  }
  static void report(trefoil::misuse, const void*) noexcept { storm::all.wrong.fetch_add(1); }

  static void enter(trefoil::region r) noexcept {
    at_ = r == trefoil::region::pool ? pool : reclaimer;
  }
  static void leave(trefoil::region) noexcept { at_ = nowhere; }

  /// Where a handler found its thread. It passes through the mechanism itself: it has to put the
  /// mark back.
  struct place {
    int at;
    bool in_pool;
    bool in_reclaimer;
  };
  static place interrupted() noexcept {
    const int at = at_;
    return {at, at == pool, at == reclaimer};
  }
  static void resume(const place& p) noexcept { at_ = p.at; }

 private:
  static constexpr int nowhere = 0;
  static constexpr int pool = 1;
  static constexpr int reclaimer = 2;
  // volatile: written for the handler's eyes, whatever the compiler thinks of it
  static inline constinit thread_local volatile int at_ = nowhere;
};

struct loop_tag;
struct on_worker : trefoil::default_traits {
  using platform = watching;
  using reclaimer = trefoil::basic_worker<watching>;
};
struct on_loop : on_worker {
  using reclaimer = trefoil::basic_polled<watching, loop_tag>;
};
struct on_table : on_worker {
  static constexpr bool findable = true;
};

TEST(signal_storm, lands_in_the_pool_and_in_the_reclaimer) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "ThreadSanitizer holds signals back until it is convenient";
#endif
  storm::workshop<on_worker, on_loop, on_table>::run(test::rounds(120'000), 3, true);
  EXPECT_GT(storm::all.in_pool.load(), 0);
  EXPECT_GT(storm::all.in_reclaimer.load(), 0);
  EXPECT_GT(storm::all.in_teardown.load(), 0);
  RecordProperty("signals", static_cast<int>(storm::all.signals.load()));
  RecordProperty("in_pool", static_cast<int>(storm::all.in_pool.load()));
  RecordProperty("in_reclaimer", static_cast<int>(storm::all.in_reclaimer.load()));
  RecordProperty("in_teardown", static_cast<int>(storm::all.in_teardown.load()));
}

}  // namespace
