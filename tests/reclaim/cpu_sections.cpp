// SPDX-License-Identifier: Apache-2.0
// Restartable sections: they add to the cell of the CPU they are on, and whatever comes in between
// starts them again.
#include <sched.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <thread>

#include <gtest/gtest.h>

#include "trefoil/trefoil.hpp"

namespace {

#if TREFOIL_CPU_SECTIONS

using trefoil::detail::cpu_sections;

constexpr std::size_t stride = 1024;
constexpr std::uint32_t cpus = 64;

class cpu_sections_test : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!cpu_sections::work()) GTEST_SKIP() << "this kernel has no restartable sequences";
  }

  bool add(std::uint64_t n) { return cpu_sections::add<stride>(open, known, n); }
  std::uint64_t& cell(unsigned cpu) { return cells.at(cpu * (stride / 8)); }
  std::uint64_t sum() {
    std::uint64_t s = 0;
    for (unsigned i = 0; i < cpus; ++i) s += cell(i);
    return s;
  }

  alignas(64) std::array<std::uint64_t, cpus * stride / 8> cells{};
  std::atomic<std::uint64_t> open{reinterpret_cast<std::uintptr_t>(cells.data()) + 1};
  std::atomic<std::uint32_t> known{cpus};
};

TEST_F(cpu_sections_test, AddToTheCellOfTheirCpu) {
  cpu_set_t allowed;
  ASSERT_EQ(sched_getaffinity(0, sizeof allowed, &allowed), 0);
  std::uint64_t expected = 0;
  for (unsigned cpu = 0; cpu < cpus; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
    ASSERT_TRUE(add(cpu + 5));
    EXPECT_EQ(cell(cpu), cpu + 5);
    ASSERT_TRUE(add(~std::uint64_t{0}));
    EXPECT_EQ(cell(cpu), cpu + 4);
    expected += cpu + 4;
  }
  EXPECT_EQ(sum(), expected);
  sched_setaffinity(0, sizeof allowed, &allowed);
}

TEST_F(cpu_sections_test, RefuseWhatIsClosed) {
  open = 0;
  EXPECT_FALSE(add(1));
  open = reinterpret_cast<std::uintptr_t>(cells.data()) + 2;  // by atomics
  EXPECT_FALSE(add(1));
  EXPECT_EQ(sum(), 0U);
}

TEST_F(cpu_sections_test, RefuseACpuWithoutACell) {
  known = 0;
  EXPECT_FALSE(add(1));
  EXPECT_EQ(sum(), 0U);
}

TEST_F(cpu_sections_test, LoseNothingAmongThreads) {
  constexpr int threads = 4;
  constexpr std::uint64_t each = 200'000;
  std::array<std::thread, threads> all;
  for (auto& t : all) {
    t = std::thread([this] {
      for (std::uint64_t i = 0; i < each; ++i) ASSERT_TRUE(add(1));
    });
  }
  for (auto& t : all) t.join();
  EXPECT_EQ(sum(), threads * each);
}

/// Who is stepped through a section leaves the CPU after each instruction, and so begins anew after
/// each: it never comes to the add. That is what a preemption, a signal, or a move does to it.
TEST_F(cpu_sections_test, BeginAnewAfterEachInterruption) {
  const pid_t child = fork();
  if (child == 0) {
    if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) _exit(77);
    raise(SIGSTOP);
    for (int i = 0; i < 100; ++i) {
      if (!add(1)) _exit(1);
    }
    _exit(sum() == 100 ? 0 : 2);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  if (WIFEXITED(status)) {
    ASSERT_EQ(WEXITSTATUS(status), 77);
    GTEST_SKIP() << "ptrace is not permitted here";
  }
  ASSERT_TRUE(WIFSTOPPED(status));
  int steps = 0;
  for (; steps < 10'000; ++steps) {
    ASSERT_EQ(ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr), 0);
    ASSERT_EQ(waitpid(child, &status, 0), child);
    if (!WIFSTOPPED(status)) break;
  }
  EXPECT_EQ(steps, 10'000) << "it has come through its first section";
  if (WIFSTOPPED(status)) {
    ptrace(PTRACE_DETACH, child, nullptr, nullptr);
    ASSERT_EQ(waitpid(child, &status, 0), child);
  }
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

#else

TEST(cpu_sections_test, AreNotThere) { GTEST_SKIP() << "no restartable sequences in this build"; }

#endif

}  // namespace
