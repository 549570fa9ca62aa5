// SPDX-License-Identifier: Apache-2.0
// explore: runs programs through all their executions. See --help.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/core.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "verify/explorer/program.hpp"

namespace {

using namespace trefoil::explorer;
using json = nlohmann::ordered_json;

struct arguments {
  std::string only;
  std::string seed;
  std::uint64_t most = 3'000'000;
  bool all = false;
  bool as_json = false;
  bool list = false;
};

bool as_expected(const program& p, const outcome& o) {
  return o.complete && o.violations == p.expected;
}

int run(const arguments& given) {
  const std::vector<program> programs = all_programs();
  json out;
  out["programs"] = json::array();
  bool good = true;
  std::size_t found = 0;
  for (const program& p : programs) {
    if (p.large && !given.all && given.only.empty()) continue;
    if (!given.only.empty() && p.name.find(given.only) == std::string::npos) continue;
    ++found;
    if (given.list) {
      fmt::print("{}\n", p.name);
      continue;
    }
    const auto begin = std::chrono::steady_clock::now();
    const outcome o = given.seed.empty() ? explore(p, given.most) : replay(p, given.seed);
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    const bool expected = as_expected(p, o);
    good = good && expected;
    out["programs"].push_back({{"name", p.name},
                               {"threads", p.threads},
                               {"executions", o.executions},
                               {"complete", o.complete},
                               {"violations", o.violations},
                               {"expected", p.expected}});
    if (!given.as_json) {
      fmt::print("{:<6} {:>9} executions {:>8.2f} s  {}\n",
                 expected ? "ok" : (o.complete ? "WRONG" : "UNDONE"), o.executions, seconds,
                 p.name);
      if (!o.what.empty()) fmt::print("       {} (seed {})\n", o.what, o.seed);
    }
    if (!expected || !given.seed.empty()) {
      std::FILE* const to = given.as_json ? stderr : stdout;
      fmt::print(to, "{}: {}\nseed {}\n", p.name, o.what, o.seed);
      for (const std::string& line : o.trace) fmt::print(to, "    {}\n", line);
    }
    std::fflush(stdout);
  }
  if (found == 0) {
    fmt::print(stderr, "explore: no program is called '{}'; see --list\n", given.only);
    return 2;
  }
  if (given.as_json && !given.list) fmt::print("{}\n", out.dump(2));
  return good ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  arguments given;
  CLI::App app("Runs small programs on the real mechanism through all their executions");
  app.add_option("--program", given.only, "only those with this in their names");
  app.add_option("--seed", given.seed, "replay one execution, step by step (with --program)");
  app.add_option("--most", given.most, "give up on a program after so many executions");
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
