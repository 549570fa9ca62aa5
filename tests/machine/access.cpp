// SPDX-License-Identifier: Apache-2.0
// The access check at every point of a task's life: it fails open under two counts, between
// exit_mm() and the end, and nowhere else.
#include "world.hpp"

#include <utility>

namespace trefoil::machine {

inline void PrintTo(access a, std::ostream* out) {
  static constexpr const char* names[]{"allowed", "denied", "failed open"};
  *out << names[static_cast<std::size_t>(a)];
}

namespace {

using mm::dumpable;

class access_test : public ::testing::TestWithParam<kind> {
 protected:
  world w{*GetParam().lifetimes, GetParam().kernel};
  step& h = w.h;

  [[nodiscard]] bool fails_open() const { return GetParam().lifetimes->id == "two-counts"; }
  /// What prctl(PR_SET_DUMPABLE) changes.
  static void set(task& who, dumpable d) {
    if (!who.exec.empty()) {
      who.exec.load()->set_dumpability(d);
    } else {
      who.mm.load().at<identity>().set_dumpability(d);
    }
  }
  /// The answer from exit_mm() on, for a task that answered `before` until then.
  [[nodiscard]] access after_exit(access before) const {
    return fails_open() ? access::failed_open : before;
  }
};
INSTANTIATE_TEST_SUITE_P(every, access_test, ::testing::ValuesIn(all_kinds()), name_of_kind);

TEST_P(access_test, ALivingTaskAnswersAsItsDumpabilitySays) {
  task who;
  w.start(who);
  EXPECT_EQ(may_access(who), access::allowed) << "an ordinary program, whatever the design";
  set(who, dumpable::no);
  EXPECT_EQ(may_access(who), access::denied);
  set(who, dumpable::root);
  EXPECT_EQ(may_access(who), access::denied);
  set(who, dumpable::user);
  EXPECT_EQ(may_access(who), access::allowed);
  w.exit(who);
  h.free_task(0, who);
}

TEST_P(access_test, ASetUidProgramIsDeniedUntilItIsFreed) {
  for (const dumpable d : {dumpable::no, dumpable::user}) {
    const access living = d == dumpable::user ? access::allowed : access::denied;
    task who;
    w.start(who);
    // Another that keeps the address space must make no difference.
    held other = h.hold(holder::struct_only, who.mm.load());
    set(who, d);
    EXPECT_EQ(may_access(who), living);
    h.exit_mm(0, who);
    EXPECT_EQ(may_access(who), after_exit(living)) << "mm cleared";
    h.mmput(0, std::move(who.leaving));
    EXPECT_EQ(may_access(who), after_exit(living)) << "mappings gone";
    h.give_back(0);
    h.advance(h.figures().now_ns() + 1000);
    EXPECT_EQ(may_access(who), after_exit(living)) << "the CPU has switched";
    h.drop(0, other, holder::struct_only, place::task);
    EXPECT_EQ(may_access(who), after_exit(living)) << "nobody else";
    h.free_task(0, who);
    EXPECT_EQ(may_access(who), access::failed_open) << "nothing is left: no task to ask about";
    h.advance(h.figures().now_ns() + 1000);
  }
  w.expect_empty();
}

TEST_P(access_test, AProgramThatHasJustBeenExecutedIsAnOrdinaryOne) {
  task who;
  w.start(who);
  set(who, dumpable::no);
  user_ref old = h.exec(who, h.create(0, 2));
  EXPECT_EQ(may_access(who), access::allowed);
  h.mmput(0, std::move(old));
  EXPECT_EQ(may_access(who), access::allowed);
  w.exit(who);
  h.free_task(0, who);
}

TEST_P(access_test, AProgramThatWasNotSeenToStartIsAnOrdinaryOne) {
  task who;
  EXPECT_FALSE(h.adopt(who, h.create(0, 1)));
  EXPECT_EQ(!who.exec.empty(), GetParam().lifetimes->has_exec_state);
  EXPECT_EQ(may_access(who), access::allowed);
  const exec_ref exec = who.exec.load();
  user_ref before = h.adopt(who, h.create(0, 2));
  EXPECT_EQ(before.at<identity>().number(), 1U);
  EXPECT_EQ(who.mm.load().at<identity>().number(), 2U);
  EXPECT_EQ(who.exec.load(), exec) << "no exec was seen";
  h.mmput(0, std::move(before));
  w.exit(who);
  h.free_task(0, who);
}

TEST_P(access_test, AThreadGoesOnAnsweringAfterAnotherHasExited) {
  task first;
  w.start(first);
  task second;
  h.fork(first, second, first.mm.load());
  set(first, dumpable::no);
  EXPECT_EQ(may_access(second), access::denied) << "one program";
  w.exit(first);
  EXPECT_EQ(may_access(first), after_exit(access::denied));
  EXPECT_EQ(may_access(second), access::denied);
  h.free_task(0, first);
  EXPECT_EQ(may_access(second), access::denied);
  w.exit(second);
  h.free_task(0, second);
}

}  // namespace
}  // namespace trefoil::machine
