// SPDX-License-Identifier: Apache-2.0
// Small storms under every design: nothing is left, nothing fails open that should not, and what is
// deferred is what the designs say. Their size is for sanitizers, too.
#include "machine/storm/storm.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <initializer_list>
#include <numeric>
#include <ostream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include <sys/resource.h>

#if defined(__SANITIZE_THREAD__)
/// liburcu is not instrumented: what its own threads free was handed over by means that cannot be
/// seen. What it orders for others, rcu.hpp says again.
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() { return "called_from_lib:liburcu-memb.so\n"; }
#endif

namespace trefoil::machine {

namespace {

storm_options small(std::uint64_t seed) {
  storm_options o;
  o.cpus = 3;
  o.size.processes = 120;
  o.size.attempts = 20'000;
  o.size.seed = seed;
  return o;
}

std::int64_t deferrals(const storm_figures& f) {
  return std::accumulate(f.deferred.begin(), f.deferred.end(), std::int64_t{0});
}

void expect_sound(const storm_figures& f) {
  EXPECT_EQ(f.live_at_end, 0);
  EXPECT_EQ(f.frames_at_end, 0);
  EXPECT_EQ(f.listed_at_end, 0);
  EXPECT_EQ(f.namespaces_at_end, 0);
  EXPECT_EQ(f.exec_states_at_end, 0);
  EXPECT_EQ(f.pages_corrupted, 0);
  EXPECT_EQ(f.notifier_faults, 0);
  EXPECT_EQ(f.layout_faults, 0);
  EXPECT_EQ(f.lock_faults, std::vector<std::string>());
  // It was a storm.
  EXPECT_EQ(f.processes, 120);
  EXPECT_GE(f.oom_kills, 50);
  EXPECT_GE(f.attempts, 20'000);
  EXPECT_GT(f.interrupts, 0);
  EXPECT_GT(f.namespaces, 0);
  EXPECT_GT(f.pages_written, 0);
  EXPECT_GT(f.pages_read, 0);
}

class storms : public ::testing::TestWithParam<const design*> {};
INSTANTIATE_TEST_SUITE_P(every, storms,
                         ::testing::Values(&designs[0], &designs[1], &designs[2], &designs[3],
                                           &designs[4], &designs[5]),
                         [](const auto& param) {
                           std::string name(param.param->id);
                           for (char& c : name) c = c == '-' ? '_' : c;
                           return name;
                         });

TEST_P(storms, LeaveNothingBehind) {
  const design& d = *GetParam();
  const storm_figures f = storm(d, small(1));
  expect_sound(f);
  if (d.keeps_of(holder::exit_mm) != kept::nothing || d.has_exec_state) {
    EXPECT_EQ(f.failed_open, 0);
    EXPECT_EQ(f.descriptors_stolen, 0);
  }
  if (d.id == "reversed") {
    EXPECT_EQ(deferrals(f), 0) << "no struct-only holder has a page directory to tear down";
  }
}

TEST(storm, TheAttackerIsOne) {
  // Between exit_mm() and the end there are many chances; one storm of this size is enough.
  storm_options o = small(2);
  o.size.processes = 300;
  const storm_figures f = storm(*find_design("two-counts"), o);
  EXPECT_GT(f.failed_open, 0);
  EXPECT_GT(f.denied, 0);
}

TEST(storm, EverybodyTakesPart) {
  storm_options o = small(6);
  o.size.processes = 1500;
  const storm_figures f = storm(*find_design("two-counts-exit-mm"), o);
  for (const auto& [name, figure] : std::initializer_list<std::pair<const char*, std::int64_t>>{
           {"execs", f.execs},
           {"reaped", f.reaped},
           {"pages reaped", f.pages_reaped},
           {"files opened", f.files_opened},
           {"reads of others", f.reads_of_others},
           {"maps read", f.maps_read},
           {"fences", f.fences},
           {"events", f.events},
           {"kernel threads that work for others", f.kthread_uses},
           {"changes that subscribers were told of", f.notified},
           {"mmput_async", f.async_mmput},
           {"CPUs that died", f.cpus_offlined},
           {"allowed", f.allowed},
           {"denied", f.denied},
           {"denied after exit", f.denied_after_exit},
       }) {
    EXPECT_GT(figure, 0) << name;
  }
  EXPECT_EQ(f.notifier_faults + f.layout_faults + f.pages_corrupted, 0);
}

TEST(storm, WithoutMemoryForAllOfThem) {
  storm_options o = small(7);
  o.size.processes = 400;
  o.memory_bytes = std::size_t{1} << 20;
  const storm_figures f = storm(*find_design("two-counts-exit-mm"), o);
  EXPECT_GT(f.forks_refused, 0);
  EXPECT_GT(f.births_refused, 0);
  EXPECT_EQ(f.processes + f.births_refused, 400);
  EXPECT_TRUE(f.nothing_left());
  EXPECT_EQ(f.pages_corrupted, 0);
}

TEST(storm, TellsWhatItsCallerThrows) {
  storm_options o = small(8);
  o.size.processes = 100'000;
  o.go_on = [](double) -> bool { throw std::runtime_error("enough"); };
  EXPECT_THROW(static_cast<void>(storm(*find_design("reversed"), o)), std::runtime_error);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // they need all address space
TEST(storm, WithoutThreadsForAllCpusNoneRuns) {
  const auto in_little_space = [] {
    storm_options o = small(9);
    o.cpus = 200;
    o.memory_bytes = std::size_t{8} << 20;
    const rlimit little{std::size_t{512} << 20, std::size_t{512} << 20};  // stacks take 8 MiB each
    if (setrlimit(RLIMIT_AS, &little) != 0) std::_Exit(2);
    try {
      static_cast<void>(storm(*find_design("reversed"), o));
    } catch (const std::system_error&) { std::_Exit(0); }
    std::_Exit(1);
  };
  GTEST_FLAG_SET(death_test_style, "threadsafe");  // liburcu has a thread by now
  EXPECT_EXIT(in_little_space(), ::testing::ExitedWithCode(0), "");
}
#endif

TEST(storm, DesignsDeferAsTheySay) {
  const auto of = [](std::string_view id) { return storm(*find_design(id), small(3)); };
  const storm_figures two = of("two-counts");
  EXPECT_GT(deferrals(two), deferrals(of("three-counts"))) << "oom_mm is converted there";
  const storm_figures once = of("two-counts-exit-mm");
  EXPECT_GT(deferrals(once), once.processes / 2) << "about once per process";
  EXPECT_LT(deferrals(once), 2 * once.processes);
}

TEST(storm, StopsWhenAsked) {
  storm_options o = small(4);
  o.size.processes = 1'000'000;
  o.go_on = [](double done) { return done < 0.00001; };
  const storm_figures f = storm(*find_design("reversed"), o);
  EXPECT_TRUE(f.interrupted);
  EXPECT_LT(f.processes, 1'000'000);
  EXPECT_TRUE(f.nothing_left());
}

TEST(storm, MoreCpusThanTheMachineHas) {
  storm_options o = small(5);
  o.cpus = 24;
  expect_sound(storm(*find_design("reversed"), o));
}

TEST(storm, OneCpu) {
  storm_options o = small(6);
  o.cpus = 1;
  expect_sound(storm(*find_design("three-counts"), o));
}

}  // namespace

}  // namespace trefoil::machine
