// SPDX-License-Identifier: Apache-2.0
// explore: runs programs through all their executions. See --help.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <string>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "verify/explorer/crew.hpp"
#include "verify/explorer/program.hpp"

namespace {

using namespace trefoil::explorer;
using json = nlohmann::ordered_json;

struct arguments {
  std::string only;
  std::vector<std::string> kinds;
  std::string seed;
  std::uint64_t most = 20'000'000;
  unsigned jobs = std::max(1U, std::thread::hardware_concurrency());
  bool all = false;
  bool hunt = false;
  bool as_json = false;
  bool list = false;
};

bool as_expected(const program& p, const outcome& o, bool hunt) {
  return (o.complete || hunt) && o.violations == p.expected;
}

bool asked_for(const program& p, const arguments& given) {
  if (!given.kinds.empty() &&
      std::find(given.kinds.begin(), given.kinds.end(), p.kind) == given.kinds.end()) {
    return false;
  }
  if (p.large && !given.all && given.only.empty()) return false;
  return p.name.find(given.only) != std::string::npos;
}

// Of a program that is not as it should be, and of a replay: every step.
void print_trace(std::FILE* to, const program& p, const outcome& o) {
  fmt::print(to, "{}: {}\nseed {}\n", p.name, o.what, o.seed);
  for (const std::string& line : o.trace) fmt::print(to, "    {}\n", line);
}

void print_line(const program& p, const outcome& o) {
  fmt::print("{:<6} {:>9} executions {:>8.2f} s  {}\n",
             as_expected(p, o, false) ? "ok" : (o.complete ? "WRONG" : "UNDONE"), o.executions,
             o.seconds, p.name);
  if (!o.what.empty()) fmt::print("       {} (seed {})\n", o.what, o.seed);
  std::fflush(stdout);
}

int replay_one(const program& p, const arguments& given) {
  const outcome o = replay(p, given.seed);
  print_trace(stdout, p, o);
  return o.violations == 0 ? 0 : 1;
}

int run(const arguments& given) {
  std::vector<program> programs = all_programs();
  std::erase_if(programs, [&](const program& p) { return !asked_for(p, given); });
  if (programs.empty()) {
    fmt::print(stderr, "explore: there is no such program; see --list --all\n");
    return 2;
  }
  if (given.hunt) {
    for (program& p : programs) {
      if (!p.never_stale) p.most_stale_reads = std::max(p.most_stale_reads, 1U);
    }
  }
  if (given.list) {
    for (const program& p : programs) fmt::print("{}\n", p.name);
    return 0;
  }
  if (!given.seed.empty()) {
    if (programs.size() == 1) return replay_one(programs.front(), given);
    fmt::print(stderr, "explore: a seed belongs to one program, not to {}\n", programs.size());
    return 2;
  }
  std::vector<outcome> outcomes(programs.size());
  bool good = true;
  explore_all(programs, given.most, given.jobs, [&](std::size_t which, const outcome& o) {
    const program& p = programs[which];
    outcomes[which] = o;
    const bool expected = as_expected(p, o, given.hunt);
    good = good && expected;
    if (!given.as_json) print_line(p, o);
    if (!expected) { print_trace(stderr, p, o.seed.empty() ? o : replay(p, o.seed)); }
  });
  if (given.as_json) {
    json out;
    out["programs"] = json::array();
    for (std::size_t i = 0; i < programs.size(); ++i) {
      out["programs"].push_back({{"name", programs[i].name},
                                 {"threads", programs[i].threads},
                                 {"executions", outcomes[i].executions},
                                 {"complete", outcomes[i].complete},
                                 {"violations", outcomes[i].violations},
                                 {"expected", programs[i].expected}});
    }
    fmt::print("{}\n", out.dump(2));
  }
  return good ? 0 : 1;
}

int command(int argc, char** argv) {
  arguments given;
  CLI::App app("Runs small programs on the real mechanism through all their executions");
  app.add_option("--program", given.only, "only those with this in their names");
  app.add_option("--kind", given.kinds, "only these (may be repeated)")
      ->check(CLI::IsMember(all_kinds()))
      ->allow_extra_args(false);
  app.add_option("--seed", given.seed, "replay one execution, step by step (with --program)");
  app.add_option("--most", given.most, "give up on a program after so many executions")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--jobs", given.jobs, "programs at a time")
      ->check(CLI::Range(1U, 256U))
      ->capture_default_str();
  app.add_flag("--hunt", given.hunt,
               "stale reads everywhere, even where no such search ends; to give up is no failure");
  app.add_flag("--all", given.all, "the large programs, too");
  app.add_flag("--list", given.list, "names only");
  app.add_flag("--json", given.as_json, "as JSON");
  app.footer(
      "\nExit status 0: every search was complete and found what was expected; 1: not; 2: usage.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e);
    fmt::print(stderr, "explore: {}\n", e.what());
    return 2;
  }
  return run(given);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return command(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "explore: %s\n", e.what());
    return 2;
  }
}
