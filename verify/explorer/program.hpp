// SPDX-License-Identifier: Apache-2.0
/// @file
/// A program that the explorer runs in all its executions, and what came of it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "verify/explorer/search.hpp"

namespace trefoil::explorer {

struct program {
  std::string kind;
  std::string name;
  unsigned threads = 0;        ///< daemons and interrupts included
  std::uint64_t expected = 0;  ///< violations; a reduced search stops at the first
  thoroughness how = thoroughness::reduced;
  bool large = false;             ///< only in the long run
  unsigned most_stale_reads = 2;  ///< see execution
  bool never_stale = false;       ///< not in a hunt either: it would not hold
  std::function<void()> main;     ///< the first thread; spawns the others
  std::function<std::string()>
      at_end;  ///< what is wrong after a complete execution; empty: nothing
};

struct outcome {
  std::uint64_t executions = 0;  ///< complete ones
  std::uint64_t repeats = 0;     ///< left because they would only repeat others
  bool complete = false;         ///< all were seen, or one that violates
  std::uint64_t violations = 0;
  std::string what;  ///< the first violation
  std::string seed;  ///< its choices
  double seconds = 0;
  std::vector<std::string> trace;
};

/// Up to `most` executions; stops at the first violation.
[[nodiscard]] outcome explore(const program& p, std::uint64_t most);
/// The one execution that a seed tells, with a trace.
[[nodiscard]] outcome replay(const program& p, const std::string& seed);

/// Programs are known by being linked: a file that has some says `const registered name(kind, make);`.
class registered {
 public:
  registered(const char* kind, std::vector<program> (*make)());
};
[[nodiscard]] std::vector<program> all_programs();
[[nodiscard]] std::vector<std::string> all_kinds();

}  // namespace trefoil::explorer
