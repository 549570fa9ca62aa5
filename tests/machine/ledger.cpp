// SPDX-License-Identifier: Apache-2.0
// The figures of small worlds, against numbers worked out by hand.
#include "world.hpp"

#include <utility>

namespace trefoil::machine {
namespace {

[[nodiscard]] std::int64_t sum_over_holders(const ledger& f) {
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < holder_kinds; ++i) {
    sum += f.dead_page_directory_ns(static_cast<holder>(i));
  }
  return sum;
}

/// Two processes; page directories are dead
///     A: 100 ... 250, until CPU 0 lets go
///     B: 200 ... 260 by CPU 1; or, if the struct-only holder keeps it, 200 ... 500
void two_processes(world& w) {
  step& h = w.h;
  task a;
  task b;
  w.start(a);
  w.start(b);
  held accounting = h.hold(holder::struct_only, b.mm.load());
  h.advance(100);
  h.exit_mm(0, a);
  h.mmput(0, std::move(a.leaving));
  h.advance(200);
  h.exit_mm(1, b);
  h.mmput(1, std::move(b.leaving));
  h.advance(250);
  h.give_back(0);
  h.advance(260);
  h.give_back(1);
  h.advance(270);
  h.free_task(0, a, place::task);
  h.free_task(1, b, place::task);
  h.advance(500);
  h.drop(0, accounting, holder::struct_only, place::task);
  h.advance(1000);
}

TEST(ledger_test, TwoCounts) {
  world w("two-counts");
  two_processes(w);
  const ledger& f = w.h.figures();
  EXPECT_EQ(f.dead_page_directory_ns(), 150 + 300);
  EXPECT_EQ(f.dead_page_directory_ns(holder::lazy_cpu), 150);
  EXPECT_EQ(f.dead_page_directory_ns(holder::struct_only), 300);
  EXPECT_EQ(sum_over_holders(f), f.dead_page_directory_ns());
  EXPECT_EQ(f.dead_peak(), 2);
  EXPECT_EQ(f.bare_identity_ns(), 0);
  EXPECT_EQ(f.bare_peak(), 0) << "what lasts no time is no peak";
  w.expect_empty();
}

TEST(ledger_test, TwoCountsWithExitMm) {
  // A goes at 270, when its task is freed.
  world w("two-counts-exit-mm");
  two_processes(w);
  const ledger& f = w.h.figures();
  EXPECT_EQ(f.dead_page_directory_ns(), 170 + 300);
  EXPECT_EQ(f.dead_page_directory_ns(holder::exit_mm), 170);
  EXPECT_EQ(f.dead_page_directory_ns(holder::struct_only), 300);
  EXPECT_EQ(sum_over_holders(f), f.dead_page_directory_ns());
  EXPECT_EQ(f.bare_identity_ns(), 0);
  w.expect_empty();
}

TEST(ledger_test, ThreeCounts) {
  // A's identity outlives its page directory: 250 ... 270. B's does not: the accounting has both.
  world w("three-counts");
  two_processes(w);
  const ledger& f = w.h.figures();
  EXPECT_EQ(f.dead_page_directory_ns(), 150 + 300);
  EXPECT_EQ(f.dead_page_directory_ns(holder::lazy_cpu), 150);
  EXPECT_EQ(f.dead_page_directory_ns(holder::struct_only), 300);
  EXPECT_EQ(f.bare_identity_ns(), 20);
  EXPECT_EQ(f.bare_peak(), 1);
  w.expect_empty();
}

TEST(ledger_test, Reversed) {
  // Page directories go with the CPUs; identities are bare 250 ... 270 and 260 ... 500.
  world w("reversed");
  two_processes(w);
  const ledger& f = w.h.figures();
  EXPECT_EQ(f.dead_page_directory_ns(), 150 + 60);
  EXPECT_EQ(f.dead_page_directory_ns(holder::lazy_cpu), 150 + 60);
  EXPECT_EQ(sum_over_holders(f), f.dead_page_directory_ns());
  EXPECT_EQ(f.dead_peak(), 2);
  EXPECT_EQ(f.bare_identity_ns(), 20 + 240);
  EXPECT_EQ(f.bare_peak(), 2);
  w.expect_empty();
}

TEST(ledger_test, AWorkersDelayIsTheAnswerOfWhoLetGo) {
  world w("two-counts");
  task who;
  w.start(who);
  held victim = w.h.hold(holder::oom_mm, who.mm.load());
  w.h.advance(1000);
  w.exit(who);
  w.h.advance(1500);
  w.h.drop(0, victim, holder::oom_mm, place::rcu_callback);
  w.h.advance(5000);
  const ledger& f = w.h.figures();
  EXPECT_EQ(f.dead_page_directory_ns(), 500 + world::worker_delay);
  EXPECT_EQ(f.dead_page_directory_ns(holder::oom_mm), 500 + world::worker_delay);
  EXPECT_EQ(f.page_directories_gone(), 1U);
  EXPECT_EQ(f.identities_gone(), 1U);
}

TEST(ledger_test, AnAsyncMmputLeavesNoDeadPageDirectory) {
  world w("two-counts");
  w.h.advance(10);
  w.h.mmput(0, w.h.create(0, 1), place::softirq);
  w.h.advance(5000);
  EXPECT_EQ(w.h.figures().dead_page_directory_ns(), 0) << "alive until the worker came";
  EXPECT_EQ(w.h.figures().dead_peak(), 0);
}

TEST(ledger_test, OnPreemptRtEveryExitIsDeferredAndTheDelayIsTheCpus) {
  world w("two-counts", flavour::preempt_rt);
  for (int i = 0; i < 3; ++i) {
    task who;
    w.start(who);
    w.exit(who);
    w.h.free_task(0, who);
    w.h.advance(w.h.figures().now_ns() + 1000);
  }
  const ledger& f = w.h.figures();
  EXPECT_EQ(f.deferrals(sampled::task), 3);
  EXPECT_EQ(f.dead_page_directory_ns(holder::lazy_cpu), 3 * world::worker_delay);
  EXPECT_EQ(f.dead_page_directory_ns(), 3 * world::worker_delay);
  EXPECT_EQ(w.h.deferred_wait_ns().count(), 3U);
  EXPECT_EQ(w.h.deferred_wait_ns().max(), static_cast<std::uint64_t>(world::worker_delay));
}

// ---- pauses --------------------------------------------------------------------------------------

TEST(ledger_test, WhatHappensInAPauseCountsNowhere) {
  for (const kind& k : all_kinds()) {
    SCOPED_TRACE(name_of_kind({k, 0}));
    world w(*k.lifetimes, k.kernel);
    step& h = w.h;
    task dead;
    task alive;
    w.start(dead);
    w.start(alive);
    held victim = h.hold(holder::oom_mm, dead.mm.load());
    h.advance(100);
    h.exit_mm(0, dead);
    h.mmput(0, std::move(dead.leaving));
    h.advance(130);
    const std::uint64_t operations = h.count_operations();
    h.pause();
    h.give_back(0);
    h.drop(0, victim, holder::oom_mm, place::hardirq);
    h.free_task(0, dead);
    h.mmput(0, alive.mm.exchange({}), place::softirq);
    h.free_task(0, alive);
    h.resume(9000);
    w.expect_empty();
    h.advance(9500);
    const ledger& f = h.figures();
    EXPECT_EQ(f.now_ns(), 9500);
    EXPECT_EQ(f.dead_page_directory_ns(), 30) << "until the pause";
    EXPECT_EQ(sum_over_holders(f), 0) << "nobody let go of it";
    EXPECT_EQ(f.bare_identity_ns(), 0);
    EXPECT_EQ(f.dead_peak(), 1);
    EXPECT_EQ(w.deferrals(), 0);
    EXPECT_EQ(f.async_mmputs(), 0);
    EXPECT_EQ(f.handed_over(), 0U);
    EXPECT_EQ(h.deferred_wait_ns().count(), 0U);
    EXPECT_EQ(h.atomic_teardown_ns().count(), 0U);
    EXPECT_EQ(h.count_operations(), operations);
  }
}

TEST(ledger_test, WhatSurvivesAPauseIsDeadOnlyOutsideIt) {
  world w("two-counts");
  step& h = w.h;
  task who;
  w.start(who);
  h.advance(100);
  h.exit_mm(0, who);
  h.mmput(0, std::move(who.leaving));
  h.advance(110);
  h.pause();
  h.resume(1'000'000);
  h.advance(1'000'007);
  h.give_back(0);
  const ledger& f = h.figures();
  EXPECT_EQ(f.dead_page_directory_ns(), 17);
  EXPECT_EQ(f.dead_page_directory_ns(holder::lazy_cpu), 17) << "the jump is nobody's";
  h.free_task(0, who);
}

TEST(ledger_test, AfterAPauseEverythingCountsAgain) {
  world w("two-counts");
  w.h.pause();
  w.h.resume(500);
  task who;
  w.start(who);
  held victim = w.h.hold(holder::oom_mm, who.mm.load());
  w.exit(who);
  w.h.free_task(0, who);
  w.h.advance(600);
  w.h.drop(0, victim, holder::oom_mm, place::softirq);
  w.h.advance(2000);
  EXPECT_EQ(w.h.figures().deferrals(sampled::softirq), 1);
  EXPECT_EQ(w.h.figures().dead_page_directory_ns(holder::oom_mm), 100 + world::worker_delay);
  EXPECT_EQ(w.h.deferred_wait_ns().count(), 1U);
}

TEST(ledger_test, RealTimeIsTakenOfTeardownsBelowTaskAlone) {
  world w("two-counts");
  for (const place where : {place::task, place::scheduler_tail}) {
    task who;
    w.start(who);
    held slot = w.h.hold(holder::struct_only, who.mm.load());
    w.h.mmput(0, who.mm.exchange({}));
    w.h.drop(0, slot, holder::struct_only, where);
  }
  EXPECT_EQ(w.h.atomic_teardown_ns().count(), 1U);
  // Handed to a worker: no teardown here.
  task who;
  w.start(who);
  held slot = w.h.hold(holder::struct_only, who.mm.load());
  w.h.mmput(0, who.mm.exchange({}));
  w.h.drop(0, slot, holder::struct_only, place::softirq);
  EXPECT_EQ(w.h.atomic_teardown_ns().count(), 1U);
  w.h.advance(1000);
  w.expect_empty();
}

}  // namespace
}  // namespace trefoil::machine
