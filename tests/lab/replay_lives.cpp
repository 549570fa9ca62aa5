// SPDX-License-Identifier: Apache-2.0
// Lives that kernels of several releases can have, one in a file each (lives/*.tsv), and what the
// replay must make of them.
#include "lab/replay/replay.hpp"

#include "lab/tsv/import.hpp"
#include "tests/lab/text.hpp"

#include <array>

namespace trefoil::lab {
namespace {

struct expectation {
  const char* life;
  std::int64_t agree;  // of as many mms
  std::int64_t inferred;
  std::array<std::int64_t, 3> deferred;  // by the recorded design: in task, softirq, hardirq
  std::int64_t async_mmput = 0;
  bool preempt_rt = false;
};

class ReplayLives : public files, public ::testing::WithParamInterface<expectation> {};

TEST_P(ReplayLives, AreUnderstood) {
  const expectation& expected = GetParam();
  const std::string from = std::string(TREFOIL_LIVES "/") + expected.life + ".tsv";
  stated_facts stated;
  stated.preempt_rt = expected.preempt_rt;
  import_tsv(from, path("x.trefoil"), {stated, 1, {}});
  const replay_result r = replay(path("x.trefoil"), {});
  EXPECT_EQ(r.truth.mms, expected.agree);
  EXPECT_EQ(r.truth.agree, expected.agree);
  EXPECT_EQ(r.truth.inferred, expected.inferred);
  EXPECT_EQ(r.left_over, 0);
  ASSERT_FALSE(r.designs.empty());
  EXPECT_EQ(r.designs.front().deferred, expected.deferred);
  EXPECT_EQ(r.designs.front().async_mmput, expected.async_mmput);
}

INSTANTIATE_TEST_SUITE_P(
    All, ReplayLives,
    ::testing::Values(expectation{"threads_exit_on_two_cpus", 1, 0, {0, 0, 0}},
                      expectation{"threads_exit_on_two_cpus_6_12", 1, 0, {0, 0, 0}},
                      expectation{"a_reader_is_the_last_user", 1, 0, {0, 0, 0}},
                      expectation{"reader_after_a_return", 0, 1, {0, 0, 0}},
                      expectation{"oom_freed_in_a_task", 1, 0, {1, 0, 0}},
                      expectation{"oom_freed_in_a_softirq", 1, 0, {0, 1, 0}},
                      expectation{"oom_on_rt", 1, 0, {1, 0, 0}, 0, true},
                      expectation{"oom_of_one_born_before", 1, 0, {0, 1, 0}},
                      expectation{"oom_of_one_born_before_6_12", 1, 0, {0, 1, 0}},
                      expectation{"oom_marks_each_thread", 1, 0, {0, 1, 0}},
                      expectation{"mmput_async", 1, 0, {0, 0, 0}, 1},
                      expectation{"io_uring", 0, 1, {0, 0, 0}},
                      expectation{"own_descriptor", 1, 0, {0, 0, 0}},
                      expectation{"own_descriptor_on_rt", 1, 0, {1, 0, 0}, 0, true},
                      expectation{"proc_handle_behind_a_thread", 0, 1, {0, 0, 0}},
                      expectation{"usermode_helper", 1, 0, {0, 0, 0}},
                      expectation{"exec_by_a_thread", 2, 0, {0, 0, 0}},
                      expectation{"migrated_in_exit", 1, 0, {0, 0, 0}},
                      expectation{"switched_away_in_exit", 0, 1, {0, 0, 0}},
                      expectation{"deduced_end", 0, 1, {0, 0, 0}},
                      expectation{"vfork_children", 1, 0, {0, 0, 0}}),
    [](const auto& one) { return std::string(one.param.life); });

}  // namespace
}  // namespace trefoil::lab
