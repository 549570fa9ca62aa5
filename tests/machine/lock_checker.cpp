// SPDX-License-Identifier: Apache-2.0
// Locks are judged by where code really is, whatever level it claims.
#include "world.hpp"

#include <utility>

namespace trefoil::machine {

namespace {

using mm::lock_class;

std::vector<std::string> told(const lock_checker& c) {
  std::vector<std::string> all;
  for (const lock_checker::report& r : c.reports()) all.push_back(describe(r));
  return all;
}
using lines = std::vector<std::string>;

class lives : public ::testing::TestWithParam<kind> {};
INSTANTIATE_TEST_SUITE_P(every, lives, ::testing::ValuesIn(all_kinds()), name_of_kind);

TEST_P(lives, BreakNoRule) {
  world w{*GetParam().lifetimes, GetParam().kernel};
  step& h = w.h;
  static_cast<void>(h.borrowed(0));  // CPU 0 is there
  h.check_locks();
  task parent;
  w.start(parent);
  task child;
  h.fork(parent, child, h.copy(0, parent.mm.load(), 2));
  held victim = h.hold(holder::oom_mm, child.mm);
  w.exit(child);
  h.free_task(0, child);
  h.drop(0, victim, holder::oom_mm, place::rcu_callback);
  held fence = h.hold(holder::struct_only, parent.mm);
  w.exit(parent);
  h.drop(0, fence, holder::struct_only, place::hardirq);
  h.free_task(0, parent);
  h.advance(1000);
  w.expect_empty();
  EXPECT_EQ(told(h.locks()), lines());
}

/// What the mechanism prevents by its levels, done by force: as on PREEMPT_RT, where an RCU callback
/// may free a page directory, on a kernel that is not. (The lockdep report of 2016.)
TEST(lock_checker, TellsThePageDirectoryThatIsFreedInAnInterrupt) {
  world w{"two-counts"};
  w.h.check_locks();
  task who;
  w.start(who);
  w.h.check_locks();
  user_ref user = who.mm.exchange({});
  lazy_ref last = user.share<page_directory>();
  w.h.mmput(0, std::move(user));
  ASSERT_EQ(w.h.listed(), 1U);

  machine::ledger notes(flavour::ordinary);
  lock_checker checker(flavour::ordinary);
  take_all_list<platform> errands;
  cpu c(notes, errands, false);
  c.as_processor().checker = &checker;
  {
    const runs_on forced(c.as_processor(), flavour::preempt_rt, place::rcu_callback);
    last.drop();
  }
  EXPECT_EQ(w.h.listed(), 0U) << "it was torn down there";
  ASSERT_GE(checker.count(), 1U);
  EXPECT_EQ(told(checker).front(),
            "pgd_lock is taken in an RCU callback: what was interrupted may hold it, a deadlock");
}

class checked : public ::testing::Test {
 protected:
  lines taken(place where, std::initializer_list<lock_class> in_turn) {
    lock_checker checker(flavour::ordinary);
    held_locks held;
    for (const lock_class c : in_turn) checker.acquire(held, where, c);
    return told(checker);
  }
};

TEST_F(checked, LocksThatSleepAreForTasks) {
  EXPECT_EQ(taken(place::task, {lock_class::mmap_lock}), lines());
  EXPECT_EQ(taken(place::scheduler_tail, {lock_class::mmap_lock}),
            lines{"mmap_lock is taken in the scheduler's tail, where one may not sleep"});
}

TEST_F(checked, SpinLocksAreNotForInterrupts) {
  EXPECT_EQ(taken(place::scheduler_tail, {lock_class::pgd_lock}), lines());
  for (const place where : {place::softirq, place::hardirq, place::rcu_callback})
    EXPECT_EQ(taken(where, {lock_class::frames}).size(), 1U);
}

TEST_F(checked, OuterLocksComeFirst) {
  EXPECT_EQ(taken(place::task, {lock_class::mmap_lock, lock_class::page_table, lock_class::frames}),
            lines());
  EXPECT_EQ(
      taken(place::task, {lock_class::frames, lock_class::pgd_lock}),
      lines{"pgd_lock is taken under frames, which comes after it: two CPUs can wait for each "
            "other"});
  EXPECT_EQ(taken(place::task, {lock_class::mmap_lock, lock_class::mmap_lock}).size(), 1U)
      << "two of a kind have no order";
}

TEST_F(checked, WhatWasReleasedIsNotHeld) {
  lock_checker checker(flavour::ordinary);
  held_locks held;
  checker.acquire(held, place::task, lock_class::mmap_lock);
  checker.acquire(held, place::task, lock_class::frames);
  lock_checker::release(held, lock_class::mmap_lock);  // not in turn
  lock_checker::release(held, lock_class::frames);
  checker.acquire(held, place::task, lock_class::mmap_lock);
  EXPECT_EQ(told(checker), lines());
}

}  // namespace

}  // namespace trefoil::machine
