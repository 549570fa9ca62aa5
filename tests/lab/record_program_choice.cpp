// SPDX-License-Identifier: Apache-2.0
// Which programs a kernel gets: by the type information of the one that runs here. Nothing is loaded.
#include "lab/record/program_choice.hpp"

#include "lab/error.hpp"
#include "lab/record/kernel_features.hpp"

#include <algorithm>
#include <gtest/gtest.h>
#include <optional>

namespace trefoil::lab {
namespace {

class RecordProgramChoice : public ::testing::Test {
 protected:
  void SetUp() override {
    try {
      kernel_.emplace();
    } catch (const error& none) { GTEST_SKIP() << none.what(); }
    if (!kernel_->mm_has_counters() || !kernel_->has_tracepoint("exit_mmap") ||
        !kernel_->has_tracepoint("sched_prepare_exec")) {
      GTEST_SKIP() << "this kernel is older than Linux 6.11";
    }
  }

  program_choice choice(program_options options = {}) const {
    return program_choice(*kernel_, std::move(options));
  }

  static int lines_with(const program_choice& chosen, std::string_view text) {
    const auto lines = chosen.missing();
    return static_cast<int>(std::count_if(lines.begin(), lines.end(), [&](const std::string& line) {
      return line.find(text) != std::string::npos;
    }));
  }

  std::optional<kernel_features> kernel_;
};

TEST_F(RecordProgramChoice, LeavesTheSlabAloneWhereCountersTell) {
  const program_choice chosen = choice();
  EXPECT_TRUE(chosen.by_counters());
  EXPECT_TRUE(chosen.loads("percpu_free_percpu"));
  EXPECT_FALSE(chosen.loads("kmem_cache_free"));
  EXPECT_TRUE(choice({.slab = true}).loads("kmem_cache_free"));
  EXPECT_FALSE(chosen.loads("no_such_tracepoint"));
  EXPECT_EQ(lines_with(chosen, "so not recorded"), 0);
}

TEST_F(RecordProgramChoice, DoesWithoutWhatIsLeftOut) {
  const program_choice chosen = choice({.leave_out = {"sched_prepare_exec"}});
  EXPECT_FALSE(chosen.loads("sched_prepare_exec"));
  EXPECT_FALSE(chosen.has_prepare_exec());
  EXPECT_EQ(lines_with(chosen, "no tracepoint sched_prepare_exec here"), 1);
}

TEST_F(RecordProgramChoice, FallsBackToTheSlabAndSaysSo) {
  for (const char* one : {"exit_mmap", "percpu_free_percpu"}) {
    program_choice chosen = choice();
    chosen.refuse({one, "too long"});
    EXPECT_FALSE(chosen.loads(one));
    EXPECT_FALSE(chosen.by_counters());
    EXPECT_FALSE(chosen.loads("percpu_alloc_percpu"));
    EXPECT_TRUE(chosen.loads("kmem_cache_free"));
    EXPECT_EQ(lines_with(chosen, std::string("refuses the program for ") + one + " (too long"), 1);
    EXPECT_FALSE(chosen.hopeless());
  }
}

TEST_F(RecordProgramChoice, GivesUpThePreemptCountFirstWhereItMayBeTheReason) {
  program_choice chosen = choice({.preempt_count = preempt_count_in::own_variable});
  chosen.refuse({"sched_switch", "never mind"});
  EXPECT_EQ(chosen.preempt_count(), preempt_count_in::own_variable);
  EXPECT_FALSE(chosen.loads("sched_switch"));

  chosen.refuse({"percpu_free_percpu", "no such address"});
  EXPECT_EQ(chosen.preempt_count(), preempt_count_in::nowhere);
  EXPECT_TRUE(chosen.loads("percpu_free_percpu"));
  EXPECT_EQ(lines_with(chosen, "cannot be read here (no such address)"), 1);

  chosen.refuse({"percpu_free_percpu", "no such address"});
  EXPECT_FALSE(chosen.loads("percpu_free_percpu"));

  program_choice untold = choice({.preempt_count = preempt_count_in::pcpu_hot});
  untold.refuse({});
  EXPECT_EQ(untold.preempt_count(), preempt_count_in::nowhere);
  EXPECT_TRUE(untold.refused().empty());
}

TEST_F(RecordProgramChoice, IsHopelessWithoutForksAndExecs) {
  program_choice chosen = choice();
  chosen.refuse({"sched_process_fork", ""});
  EXPECT_FALSE(chosen.hopeless());
  chosen.refuse({"sched_process_exec", ""});
  EXPECT_TRUE(chosen.hopeless());
}

TEST(RecordVerifierLog, HasTheReasonBeforeItsStatistics) {
  EXPECT_EQ(
      reason_in("0: (b7) r0 = 0\nUnreleased reference id=2\nprocessed 88 insns (limit 1000000)\n"),
      "Unreleased reference id=2");
  EXPECT_EQ(reason_in("R1 invalid mem access\n"), "R1 invalid mem access");
  EXPECT_EQ(reason_in("processed 1 insns\n"), "no reason given");
  EXPECT_EQ(reason_in(""), "no reason given");
}

}  // namespace
}  // namespace trefoil::lab
