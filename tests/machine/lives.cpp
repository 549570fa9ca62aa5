// SPDX-License-Identifier: Apache-2.0
// Lives of processes, step by step, under every design and flavour: what is torn down where it was
// dropped, what a worker gets, and that everything comes back.
#include "world.hpp"

#include <algorithm>
#include <cstdlib>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace trefoil::machine {
namespace {

class lives : public ::testing::TestWithParam<kind> {
 protected:
  world w{*GetParam().lifetimes, GetParam().kernel};
  step& h = w.h;

  [[nodiscard]] bool rt() const { return GetParam().kernel == flavour::preempt_rt; }
  [[nodiscard]] kept keeps(holder whose) const { return GetParam().lifetimes->keeps_of(whose); }
  /// A drop of a page directory is deferred where the level is `any`.
  [[nodiscard]] bool defers(holder whose, place where) const {
    const context::level here = std::min(level_of(GetParam().kernel, where), assumed_by(whose));
    return keeps(whose) == kept::page_directory && here == context::any;
  }
};
INSTANTIATE_TEST_SUITE_P(every, lives, ::testing::ValuesIn(all_kinds()), name_of_kind);

TEST_P(lives, ANewAddressSpaceHasTheOneShape) {
  user_ref space = h.create(0, 42);
  EXPECT_EQ(w.ram.frames.in_use(), frames_of_one);
  EXPECT_EQ(space->vmas().size(), 3U);
  EXPECT_EQ(space.at<identity>().number(), 42U);
  EXPECT_EQ(space.use_count(), 1U);
  EXPECT_EQ(h.listed(), 1U);
  h.mmput(0, std::move(space));
  w.expect_empty();
}

TEST_P(lives, ForkWithAnAddressSpaceOfItsOwn) {
  task parent;
  w.start(parent);
  task child;
  w.start(child, parent);
  EXPECT_NE(parent.mm.load(), child.mm.load());
  EXPECT_EQ(h.figures().mappings(), 2);
  EXPECT_EQ(!parent.exec.empty(), GetParam().lifetimes->has_exec_state);
  EXPECT_EQ(parent.exec.load(), child.exec.load()) << "shared until one of them calls exec";
  w.exit(child);
  h.free_task(0, child);
  EXPECT_EQ(h.figures().mappings(), 1);
  EXPECT_TRUE(parent.mm.load());
  w.exit(parent);
  h.free_task(0, parent);
  h.advance(1000);
  w.expect_empty();
}

TEST_P(lives, ForkWithASharedAddressSpace) {
  task parent;
  w.start(parent);
  task thread;
  h.fork(parent, thread, parent.mm.load());
  EXPECT_EQ(parent.mm.load(), thread.mm.load());
  EXPECT_EQ(h.figures().mappings(), 1);
  w.exit(parent);
  h.free_task(0, parent);
  EXPECT_EQ(h.figures().mappings(), 1) << "the thread has it";
  EXPECT_EQ(w.ram.frames.in_use(), frames_of_one);
  EXPECT_EQ(w.deferrals(), 0);
  w.exit(thread);
  EXPECT_EQ(h.figures().mappings(), 0);
  h.free_task(0, thread);
  h.advance(1000);
  w.expect_empty();
}

TEST_P(lives, ExecHandsTheOldAddressSpaceBack) {
  task who;
  w.start(who);
  task child;
  w.start(child, who);
  const auto* const before = who.mm.load().address();
  const auto* const exec_before = who.exec.load().address();
  user_ref old = h.exec(who, h.create(0, 9));
  EXPECT_EQ(old.address(), before);
  EXPECT_EQ(who.mm.load().at<identity>().number(), 9U);
  EXPECT_EQ(h.figures().mappings(), 3) << "nothing is torn down inside exec";
  if (GetParam().lifetimes->has_exec_state) {
    EXPECT_FALSE(who.exec.empty());
    EXPECT_NE(who.exec.load().address(), exec_before);
    EXPECT_EQ(child.exec.load().address(), exec_before);
  } else {
    EXPECT_TRUE(who.exec.empty());
  }
  h.mmput(0, std::move(old));
  EXPECT_EQ(h.figures().mappings(), 2);
  for (task* const t : {&who, &child}) {
    w.exit(*t);
    h.free_task(0, *t);
  }
  h.advance(1000);
  w.expect_empty();
}

TEST_P(lives, ExitGoesInTheKernelsOrder) {
  task who;
  w.start(who);
  const auto* const space = who.mm.load().address();

  h.exit_mm(2, who);
  EXPECT_FALSE(who.mm.load()) << "cleared";
  EXPECT_EQ(who.leaving.address(), space) << "and kept for mmput()";
  EXPECT_EQ(h.borrowed(2).address(), space) << "lazily loaded";
  EXPECT_FALSE(h.borrowed(0));
  EXPECT_EQ(static_cast<bool>(who.exit_mm.load_identity()),
            keeps(holder::exit_mm) != kept::nothing);
  EXPECT_EQ(h.figures().mappings(), 1);

  h.mmput(2, std::move(who.leaving));
  EXPECT_EQ(h.figures().mappings(), 0);
  EXPECT_EQ(h.figures().page_directories(), 1) << "the CPU has it loaded";
  EXPECT_EQ(w.ram.frames.in_use(), 1U);

  // The CPU goes on to a user task. On PREEMPT_RT that is no place for a page directory.
  h.give_back(2);
  EXPECT_FALSE(h.borrowed(2));
  const bool task_has_it = keeps(holder::exit_mm) == kept::page_directory;
  const std::int64_t by_cpu = rt() && !task_has_it ? 1 : 0;
  EXPECT_EQ(h.figures().deferrals(sampled::task), by_cpu);
  EXPECT_EQ(h.figures().page_directories(), task_has_it || by_cpu == 1 ? 1 : 0);
  h.advance(world::worker_delay);
  EXPECT_EQ(h.figures().page_directories(), task_has_it ? 1 : 0);
  EXPECT_EQ(h.figures().identities(), keeps(holder::exit_mm) == kept::nothing ? 0 : 1);

  // An RCU callback: a softirq, but a thread on PREEMPT_RT.
  h.free_task(2, who);
  EXPECT_FALSE(who.exit_mm.load_identity());
  EXPECT_TRUE(who.exec.empty());
  const std::int64_t by_callback = defers(holder::exit_mm, place::rcu_callback) ? 1 : 0;
  EXPECT_EQ(h.figures().deferrals(sampled::softirq), by_callback);
  EXPECT_EQ(h.figures().deferrals(sampled::task), by_cpu);
  EXPECT_EQ(h.figures().deferrals(sampled::hardirq), 0);
  EXPECT_EQ(h.figures().handed_over(), static_cast<std::uint64_t>(by_cpu + by_callback));
  EXPECT_EQ(h.figures().page_directories(), by_callback);
  h.advance(2 * world::worker_delay);
  w.expect_empty();
  EXPECT_EQ(h.deferred_wait_ns().count(), static_cast<std::uint64_t>(by_cpu + by_callback));
  EXPECT_EQ(h.figures().async_mmputs(), 0);
}

/// A CPU in lazy TLB for long, and CPUs beside it: the worker looks now and then, and finds nothing.
TEST(lives_by_hand, ALazySlotMayBeHeldForLong) {
  world w("lazy-slots");
  task who;
  w.start(who);
  w.h.borrow(1, who.mm.load());
  w.h.borrow(2, who.mm.load());
  w.exit(who, 0);
  w.h.free_task(0, who, place::task);
  for (std::int64_t seconds = 1; seconds <= 10; ++seconds) w.h.advance(seconds * 1'000'000'000);
  EXPECT_EQ(w.h.listed(), 1U) << "CPUs 1 and 2 have it loaded";
  EXPECT_EQ(w.h.figures().dead_page_directory_ns(), 10'000'000'000);
  w.h.give_back(2);
  EXPECT_EQ(w.h.listed(), 1U);
  w.h.give_back(1);
  EXPECT_EQ(w.deferrals(), 0);
  w.expect_empty();
}

/// What looks after lazy slots is one for all machines: one that goes leaves it to the next.
TEST(lives_by_hand, TheErrandOutlivesAMachine) {
  struct open_step : step {
    using step::has_errands;
    using step::step;
  };
  for (int machine = 0; machine < 2; ++machine) {
    SCOPED_TRACE(machine);
    memory ram{64};
    open_step h(*find_design("lazy-slots"), flavour::ordinary, ram.frames, 0);
    user_ref space = h.create(0, 1);
    h.borrow(1, space);
    h.mmput(0, std::move(space));
    EXPECT_TRUE(h.has_errands());
  }
}

/// The figures of the mail, by hand: in the ordinary kernel, per exit whose task is freed by RCU.
TEST(lives_by_hand, DeferralsOfOneExit) {
  const struct {
    std::string_view id;
    std::int64_t exit, oom;
  } cases[]{{"two-counts", 0, 1}, {"two-counts-exit-mm", 1, 1}, {"three-counts", 0, 0},
            {"reversed", 0, 0},   {"exec-state", 0, 1},         {"lazy-slots", 0, 0}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.id);
    {
      world w(c.id);
      task who;
      w.start(who);
      w.exit(who);
      w.h.free_task(0, who);
      EXPECT_EQ(w.h.figures().deferrals(sampled::softirq), c.exit);
      EXPECT_EQ(w.deferrals(), c.exit);
      w.h.advance(1000);
      w.expect_empty();
    }
    {
      world w(c.id);
      task who;
      w.start(who);
      held victim = w.h.hold(holder::oom_mm, who.mm.load());
      w.exit(who);
      w.h.free_task(0, who);  // not the last any more
      EXPECT_EQ(w.deferrals(), 0);
      w.h.drop(0, victim, holder::oom_mm, place::rcu_callback);
      EXPECT_EQ(w.h.figures().deferrals(sampled::softirq), c.oom);
      EXPECT_EQ(w.deferrals(), c.oom);
      w.h.advance(1000);
      w.expect_empty();
    }
  }
}

// An OOM victim's group lets go by mmdrop_async wherever it is: assumed_by().
TEST_P(lives, EveryOtherHolderIsDeferredExactlyWhereItMustBe) {
  for (const holder whose : {holder::oom_mm, holder::proc_handle, holder::struct_only}) {
    for (const place where : {place::task, place::scheduler_tail, place::rcu_callback,
                              place::softirq, place::hardirq}) {
      SCOPED_TRACE(std::string(name_of(whose)) + " at " + std::to_string(static_cast<int>(where)));
      task who;
      w.start(who);
      held slot = h.hold(whose, who.mm.load());
      EXPECT_TRUE(slot);
      w.exit(who);
      h.free_task(0, who, place::task);
      h.advance(h.figures().now_ns() + 1000);
      EXPECT_EQ(h.figures().mappings(), 0);
      EXPECT_EQ(h.figures().identities(), 1);
      const sampled seen = sampled_as(GetParam().kernel, where);
      const std::int64_t before = h.figures().deferrals(seen);
      const std::int64_t all_before = w.deferrals();
      h.drop(0, slot, whose, where);
      EXPECT_FALSE(slot);
      const std::int64_t expected = defers(whose, where) ? 1 : 0;
      EXPECT_EQ(h.figures().deferrals(seen) - before, expected);
      EXPECT_EQ(w.deferrals() - all_before, expected);
      EXPECT_EQ(h.listed(), static_cast<std::size_t>(expected));
      h.advance(h.figures().now_ns() + world::worker_delay);
      w.expect_empty();
    }
  }
}

TEST_P(lives, AUserThatMayNotSleepIsAnAsyncMmputAndNoDeferral) {
  for (const place where :
       {place::scheduler_tail, place::rcu_callback, place::softirq, place::hardirq}) {
    SCOPED_TRACE(static_cast<int>(where));
    const std::int64_t before = h.figures().async_mmputs();
    user_ref space = h.create(0, 1);
    h.mmput(0, std::move(space), where);
    EXPECT_EQ(h.figures().async_mmputs(), before + 1);
    EXPECT_EQ(w.deferrals(), 0);
    EXPECT_EQ(h.figures().mappings(), 1);
    EXPECT_EQ(w.ram.frames.in_use(), frames_of_one);
    h.advance(h.figures().now_ns() + world::worker_delay - 1);
    EXPECT_EQ(h.figures().mappings(), 1);
    h.advance(h.figures().now_ns() + 1);
    w.expect_empty();
  }
  EXPECT_EQ(w.deferrals(), 0);
}

TEST_P(lives, LazyCpusKeepThePageDirectoryOneByOne) {
  task who;
  w.start(who);
  h.borrow(1, who.mm.load());  // a kernel task on CPU 1
  h.borrow(3, who.mm.load());
  EXPECT_EQ(h.borrowed(1).address(), who.mm.load().address());
  h.give_back(1);  // not the last: nothing happens, whatever the flavour
  EXPECT_EQ(w.deferrals(), 0);
  w.exit(who, 0);
  h.free_task(0, who, place::task);
  EXPECT_EQ(h.listed(), 1U) << "CPU 3 has it loaded";
  EXPECT_EQ(w.ram.frames.in_use(), 1U);
  h.give_back(3);
  EXPECT_EQ(w.deferrals(), rt() ? 1 : 0);
  EXPECT_EQ(h.listed(), rt() ? 1U : 0U);
  h.give_back(3);  // has nothing
  h.advance(world::worker_delay);
  w.expect_empty();
}

TEST_P(lives, AWorkerRunsAtItsTimeAndInOrder) {
  // Two drops in an interrupt, 15 apart; the worker's delay is 40.
  user_ref first = h.create(0, 1);
  user_ref second = h.create(0, 2);
  h.advance(100);
  h.mmput(0, std::move(first), place::hardirq);
  h.advance(115);
  h.mmput(1, std::move(second), place::hardirq);
  EXPECT_EQ(h.deferred_wait_ns().count(), 0U);
  h.advance(139);
  EXPECT_EQ(h.figures().mappings(), 2);
  h.advance(140);
  EXPECT_EQ(h.figures().mappings(), 1);
  h.advance(500);  // far beyond: the second ran at 155 all the same
  w.expect_empty();
  EXPECT_EQ(h.deferred_wait_ns().count(), 2U);
  EXPECT_EQ(h.deferred_wait_ns().max(), 40U);
  EXPECT_EQ(h.deferred_wait_ns().sum(), 80U);
  EXPECT_EQ(h.figures().now_ns(), 500);
}

TEST_P(lives, ATaskWhoseExitWasNotSeenIsPutAwayAllTheSame) {
  task running;
  w.start(running);
  task leaving;
  w.start(leaving, running);
  h.exit_mm(0, leaving);
  h.give_back(0);
  h.free_task(0, running);
  h.free_task(0, leaving);
  EXPECT_FALSE(running.mm.load());
  EXPECT_FALSE(leaving.leaving);
  EXPECT_EQ(h.figures().mappings(), 0);
  h.advance(1000);
  w.expect_empty();
}

TEST_P(lives, WithoutMemoryNothingIsMade) {
  for (std::size_t usable = 1; usable < frames_of_one; ++usable) {
    SCOPED_TRACE(usable);
    world tight(*GetParam().lifetimes, GetParam().kernel, usable);
    EXPECT_THROW(static_cast<void>(tight.h.create(0, 1)), std::bad_alloc);
    tight.expect_empty();
    tight.h.advance(1000);
    EXPECT_EQ(tight.h.figures().dead_page_directory_ns(), 0);
    EXPECT_EQ(tight.h.figures().bare_identity_ns(), 0);
    EXPECT_EQ(tight.deferrals(), 0);
  }
  world none(*GetParam().lifetimes, GetParam().kernel, 1);
  const mm::physical taken = none.ram.frames.allocate();  // not even one for the page directory
  EXPECT_THROW(static_cast<void>(none.h.create(0, 1)), std::bad_alloc);
  none.ram.frames.free(taken);
  none.expect_empty();
  world enough(*GetParam().lifetimes, GetParam().kernel, frames_of_one);
  enough.h.mmput(0, enough.h.create(0, 1));
  enough.expect_empty();
}

TEST_P(lives, WhatCpusHaveBorrowedGoesWithTheMachine) {
  task who;
  w.start(who);
  h.exit_mm(5, who);
  h.mmput(5, std::move(who.leaving));
  h.free_task(5, who);
  EXPECT_EQ(h.listed(), 1U);
  // world's end looks whether the frame came back, deferred works included.
}

TEST(lives_by_hand, OnPreemptRtAnyHolderOfAnythingEndsInTheEnd) {
  // A design that nobody has proposed: what a struct-only holder keeps can need more than the RCU
  // callback that page directories are left to.
  design greedy = designs[0];
  greedy.keeps[static_cast<std::size_t>(holder::struct_only)] = kept::mappings;
  world w(greedy, flavour::preempt_rt);
  user_ref space = w.h.create(0, 1);
  held slot = w.h.hold(holder::struct_only, space);
  w.h.mmput(0, std::move(space));
  w.h.drop(0, slot, holder::struct_only, place::hardirq);
  w.h.advance(world::worker_delay);
  w.h.advance(2 * world::worker_delay);
  EXPECT_EQ(w.h.figures().mappings(), 0);
  if (w.h.figures().mappings() != 0) std::_Exit(1);  // the machine's end would try for ever
  w.expect_empty();
}

}  // namespace
}  // namespace trefoil::machine
