// SPDX-License-Identifier: Apache-2.0
/// @file
/// bench_cache_lines: how many cache lines move between CPUs when each takes a reference and gives it
/// back, for 1, 2, 4, ... 1024 CPUs that are simulated.
///
///     bench_cache_lines          lines "row real|pattern turns stops CPUs accesses transfers
///                                invalidated", the last three of one pair, separated by tabs
///     bench_cache_lines --list   lines "row what"
///
/// `bench/run peers` calls it. Two runs say the same.
#include <algorithm>
#include <cstdio>
#include <string_view>
#include <vector>

#include "subject.hpp"

namespace {

using namespace bench::cache_lines;

struct named_interleaving {
  const char* order;
  const char* where;
  interleaving how;
};
constexpr named_interleaving interleavings[] = {
    {"round_robin", "between_calls", {turns::round_robin, stops::between_calls, 1}},
    {"at_random", "between_calls", {turns::at_random, stops::between_calls, 1}},
    {"round_robin", "between_accesses", {turns::round_robin, stops::between_accesses, 1}},
    {"at_random", "between_accesses", {turns::at_random, stops::between_accesses, 1}},
};

/// Pairs of each CPU: enough for the first turns not to matter, few enough for CPUs that try the same
/// compare-exchange again and again, all of them.
unsigned pairs_of_each(unsigned count) { return std::max(4U, 1024 / count); }

int length(std::string_view text) { return static_cast<int>(text.size()); }

}  // namespace

int main(int argc, char** argv) {
  std::vector<row> rows;
  add_references(rows);
  add_deaths(rows);
  add_patterns(rows);
  if (argc == 2 && std::string_view(argv[1]) == "--list") {
    for (const row& r : rows) {
      std::printf("%.*s\t%.*s\n", length(r.name), r.name.data(), length(r.what), r.what.data());
    }
    return 0;
  }
  if (argc != 1) {
    std::fputs("usage: bench_cache_lines [--list]\n", stderr);
    return 2;
  }
  for (const row& r : rows) {
    for (const named_interleaving& i : interleavings) {
      for (unsigned count = 1; count <= most_cpus; count *= 2) {
        const per_pair seen = simulate(r, count, i.how, pairs_of_each(count));
        std::printf("%.*s\t%s\t%s\t%s\t%u\t%.4f\t%.4f\t%.4f\n", length(r.name), r.name.data(),
                    r.real ? "real" : "pattern", i.order, i.where, count, seen.accesses,
                    seen.transfers, seen.invalidated);
      }
    }
  }
  return 0;
}
