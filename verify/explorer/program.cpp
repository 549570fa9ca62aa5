// SPDX-License-Identifier: Apache-2.0
#include "verify/explorer/program.hpp"

#include <algorithm>

#include "verify/explorer/execution.hpp"
#include "verify/explorer/search.hpp"

namespace trefoil::explorer {

namespace {

ending run_once(const program& p, search& choices, bool traced, std::string& what,
                std::vector<std::string>& trace) {
  execution one(choices, p.most_stale_reads);
  if (traced) one.keep_trace();
  const ending e = one.run(p.main);
  trace = one.trace();
  if (e == ending::violated) what = one.violation();
  if (e != ending::complete) return e;
  one.look_back();
  what = p.at_end ? p.at_end() : std::string();
  return what.empty() ? ending::complete : ending::violated;
}

struct maker {
  const char* kind;
  std::vector<program> (*make)();
};
std::vector<maker>& makers() {
  static std::vector<maker> all;
  return all;
}

}  // namespace

registered::registered(const char* kind, std::vector<program> (*make)()) {
  makers().push_back({kind, make});
}

std::vector<program> all_programs() {
  std::vector<program> all;
  for (const maker& m : makers()) {
    for (program& p : m.make()) {
      p.kind = m.kind;
      all.push_back(std::move(p));
    }
  }
  return all;
}

std::vector<std::string> all_kinds() {
  std::vector<std::string> all;
  for (const maker& m : makers()) {
    if (std::find(all.begin(), all.end(), m.kind) == all.end()) all.emplace_back(m.kind);
  }
  return all;
}

outcome replay(const program& p, const std::string& seed) {
  outcome result;
  search choices(p.how);
  choices.follow(seed);
  while (choices.next_execution()) {
    ++result.executions;
    if (run_once(p, choices, true, result.what, result.trace) == ending::violated) {
      ++result.violations;
    }
  }
  result.complete = true;
  result.seed = seed;
  return result;
}

outcome explore(const program& p, std::uint64_t most) {
  outcome result;
  search choices(p.how);
  std::string what;
  while (choices.next_execution()) {
    if (result.executions + result.repeats == most) return result;
    switch (run_once(p, choices, false, what, result.trace)) {
      case ending::complete: ++result.executions; break;
      case ending::repeats: ++result.repeats; break;
      case ending::violated:
        ++result.executions;
        if (++result.violations == 1) {
          result.what = what;
          result.seed = choices.seed();
        }
        if (p.how == thoroughness::every) break;
        result.trace = replay(p, result.seed).trace;
        result.complete = true;
        return result;
    }
  }
  result.complete = true;
  if (result.violations != 0) result.trace = replay(p, result.seed).trace;
  return result;
}

}  // namespace trefoil::explorer
