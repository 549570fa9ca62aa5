// SPDX-License-Identifier: Apache-2.0
// Which level code has, by place and flavour; what a tracer would say of the place.
#include "machine/place.hpp"

#include "machine/platform.hpp"

#include <gtest/gtest.h>

namespace {

using namespace trefoil::machine;
namespace context = trefoil::context;

struct row {
  place where;
  context::level ordinary;
  context::level preempt_rt;
  sampled seen_as;
  sampled seen_as_on_rt;
};

constexpr row table[]{
    {place::task, context::process, context::process, sampled::task, sampled::task},
    {place::scheduler_tail, context::atomic, context::any, sampled::task, sampled::task},
    {place::rcu_callback, context::any, context::atomic, sampled::softirq, sampled::task},
    {place::softirq, context::any, context::atomic, sampled::softirq, sampled::task},
    {place::hardirq, context::any, context::any, sampled::hardirq, sampled::hardirq},
};

TEST(place_test, LevelsAreThoseOfTheKernel) {
  for (const row& r : table) {
    SCOPED_TRACE(static_cast<int>(r.where));
    EXPECT_EQ(level_of(flavour::ordinary, r.where), r.ordinary);
    EXPECT_EQ(level_of(flavour::preempt_rt, r.where), r.preempt_rt);
  }
}

TEST(place_test, ATracerSeesThreeKinds) {
  for (const row& r : table) {
    SCOPED_TRACE(static_cast<int>(r.where));
    EXPECT_EQ(sampled_as(flavour::ordinary, r.where), r.seen_as);
    EXPECT_EQ(sampled_as(flavour::preempt_rt, r.where), r.seen_as_on_rt);
  }
}

TEST(place_test, AThreadIsACpuWhileItRunsOnIt) {
  context::state<platform> level;
  trefoil::take_all_list<platform> deferred;
  processor cpu{.level = &level, .deferred = &deferred};
  const context::state<platform>* const own = &platform::state();
  EXPECT_NE(own, &level);
  for (const row& r : table) {
    for (const flavour kernel : {flavour::ordinary, flavour::preempt_rt}) {
      {
        const runs_on here(cpu, kernel, r.where);
        EXPECT_EQ(&platform::state(), &level);
        EXPECT_EQ(level.here(), level_of(kernel, r.where));
        EXPECT_EQ(cpu.where, r.where);
        {
          const runs_on interrupt(cpu, kernel, place::hardirq);
          EXPECT_EQ(level.here(), context::any);
          EXPECT_EQ(cpu.where, place::hardirq);
        }
        EXPECT_EQ(level.here(), level_of(kernel, r.where)) << "as it was before the interrupt";
        EXPECT_EQ(cpu.where, r.where);
      }
      EXPECT_EQ(&platform::state(), own);
      EXPECT_EQ(level.here(), context::process);
    }
  }
}

}  // namespace
