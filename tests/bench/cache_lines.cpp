// SPDX-License-Identifier: Apache-2.0
// The simulated caches, where it is known what must come out; and the mechanism on them.
#include "bench/cache_lines/subject.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace bench::cache_lines {
namespace {

struct alignas(line_bytes) one_line {
  char bytes[line_bytes];
};

TEST(Lines, what_one_cpu_has_to_itself_never_moves) {
  lines memory;
  const one_line a{};
  for (int i = 0; i < 10; ++i) {
    memory.touch(3, &a, access::read);
    memory.touch(3, &a, access::write);
    memory.touch(3, &a, access::update);
  }
  EXPECT_EQ(memory.seen().accesses, 30U);
  EXPECT_EQ(memory.seen().transfers, 0U);
  EXPECT_EQ(memory.seen().from_memory, 1U);
}

TEST(Lines, readers_fetch_once_and_share) {
  lines memory;
  const one_line a{};
  for (int round = 0; round < 3; ++round) {
    for (unsigned cpu = 0; cpu < 8; ++cpu) memory.touch(cpu, &a, access::read);
  }
  EXPECT_EQ(memory.seen().transfers, 7U);
  EXPECT_EQ(memory.seen().invalidated, 0U);
}

TEST(Lines, a_writer_takes_it_from_all_who_share) {
  lines memory;
  const one_line a{};
  for (unsigned cpu = 0; cpu < 8; ++cpu) memory.touch(cpu, &a, access::read);
  memory.forget_traffic();
  memory.touch(5, &a, access::write);
  EXPECT_EQ(memory.seen().transfers, 1U);  // it had the data, and had to wait all the same
  EXPECT_EQ(memory.seen().invalidated, 7U);
  memory.touch(5, &a, access::write);
  EXPECT_EQ(memory.seen().transfers, 1U);
  memory.touch(0, &a, access::read);  // from the writer, who keeps a copy
  memory.touch(5, &a, access::read);
  EXPECT_EQ(memory.seen().transfers, 2U);
  memory.touch(5, &a, access::write);
  EXPECT_EQ(memory.seen().transfers, 3U);
  EXPECT_EQ(memory.seen().invalidated, 8U);
}

TEST(Lines, neighbours_on_a_line_move_together) {
  lines memory;
  const std::array<one_line, 2> two{};
  memory.touch(0, &two[0].bytes[0], access::write);
  memory.touch(1, &two[0].bytes[63], access::write);
  EXPECT_EQ(memory.seen().transfers, 1U);
  memory.touch(2, &two[1].bytes[0], access::write);
  EXPECT_EQ(memory.seen().transfers, 1U);
}

// One update per call, by all on one line or by each on its own.
class updates : public subject {
 public:
  explicit updates(unsigned lines) : lines_(lines) {}
  void acquire(unsigned cpu) override { cpus::touch(&lines_[cpu % lines_.size()], access::update); }
  void release(unsigned) override {}

 private:
  std::vector<one_line> lines_;
};

TEST(Simulation, an_update_of_a_shared_line_is_one_transfer_and_of_a_private_one_none) {
  const row shared{"", "", true, [](unsigned) { return std::make_unique<updates>(1); }};
  const row own{"", "", true, [](unsigned n) { return std::make_unique<updates>(n); }};
  for (const stops where : {stops::between_calls, stops::between_accesses}) {
    const interleaving how{turns::round_robin, where, 1};
    for (unsigned count = 2; count <= most_cpus; count *= 8) {
      EXPECT_EQ(simulate(shared, count, how, 5).transfers, 1.0) << count;
      EXPECT_EQ(simulate(own, count, how, 5).transfers, 0.0) << count;
    }
    EXPECT_EQ(simulate(shared, 1, how, 5).transfers, 0.0);
  }
}

TEST(Simulation, a_line_is_lost_within_a_call_only_where_accesses_are_stops) {
  class twice : public subject {
   public:
    void acquire(unsigned) override {
      cpus::touch(&line_, access::update);
      cpus::touch(&line_, access::update);
    }
    void release(unsigned) override {}

   private:
    one_line line_{};
  };
  const row both{"", "", true, [](unsigned) { return std::make_unique<twice>(); }};
  EXPECT_EQ(simulate(both, 4, {turns::round_robin, stops::between_calls, 1}, 5).transfers, 1.0);
  EXPECT_EQ(simulate(both, 4, {turns::round_robin, stops::between_accesses, 1}, 5).transfers, 2.0);
}

TEST(Simulation, at_random_some_come_twice_in_a_row_and_a_seed_says_who) {
  const row shared{"", "", true, [](unsigned) { return std::make_unique<updates>(1); }};
  const auto transfers = [&](std::uint64_t seed) {
    return simulate(shared, 4, {turns::at_random, stops::between_calls, seed}, 100).transfers;
  };
  std::set<double> seen;
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    const double once = transfers(seed);
    EXPECT_GT(once, 0.6);
    EXPECT_LT(once, 1.0);
    EXPECT_EQ(once, transfers(seed));
    seen.insert(once);
  }
  EXPECT_GT(seen.size(), 2U);
}

TEST(Simulation, every_cpu_does_all_its_pairs) {
  class counting : public subject {
   public:
    counting(unsigned cpus, unsigned& done) : begun_(cpus), done_(done) {}
    void acquire(unsigned cpu) override {
      EXPECT_EQ(cpus::present(), cpu);
      ++begun_[cpu];
    }
    void release(unsigned) override { ++done_; }
    void finish(unsigned cpu) override { EXPECT_EQ(begun_[cpu], 1U + 7U); }

   private:
    std::vector<unsigned> begun_;
    unsigned& done_;
  };
  for (const turns order : {turns::round_robin, turns::at_random}) {
    unsigned done = 0;
    const row all{"", "", true, [&](unsigned n) { return std::make_unique<counting>(n, done); }};
    simulate(all, 16, {order, stops::between_accesses, 1}, 7);
    EXPECT_EQ(done, 16U * (1 + 7));
  }
}

per_pair of(std::string_view name, unsigned count) {
  std::vector<row> rows;
  add_references(rows);
  add_deaths(rows);
  add_patterns(rows);
  const auto found =
      std::find_if(rows.begin(), rows.end(), [&](const row& r) { return r.name == name; });
  if (found == rows.end()) throw std::out_of_range(std::string(name));
  return simulate(*found, count, {turns::round_robin, stops::between_calls, 1}, 8);
}

TEST(Mechanism, its_accesses_are_those_that_are_documented) {
  EXPECT_EQ(of("ref_copy", 4).accesses, 3.0);  // an add; a load and an add
  EXPECT_EQ(of("ref_share", 4).accesses, 3.0);
  EXPECT_EQ(of("ref_promote", 4).accesses, 4.0);  // a load and a compare-exchange
  EXPECT_EQ(of("ref_padded_copy", 4).accesses, 2.0);
}

TEST(Mechanism, what_is_not_shared_does_not_move) {
  for (const char* name : {"ref_own", "ref_life", "floor_own"}) {
    EXPECT_EQ(of(name, 64).transfers, 0.0) << name;
  }
}

TEST(Mechanism, padded_counts_keep_kinds_of_holders_apart) {
  EXPECT_EQ(of("ref_padded_three_kinds", 3).transfers, 0.0);
  EXPECT_GE(of("ref_three_kinds", 3).transfers, 2.0);
}

}  // namespace
}  // namespace bench::cache_lines
