// SPDX-License-Identifier: Apache-2.0
// memory_bounds [--all | --only TEXT] [--seconds S] [--make-shared] [--json] [--list]
//
// Runs shapes (README.md), each in a process of its own, and says for each what lived, what was resident,
// and whether that is within the bound. Exit status 0: all are; 1: one is not; 2: it was called wrongly.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "meter.hpp"
#include "table.hpp"

namespace {

using namespace memory;

struct wishes {
  std::string only;
  std::string one;  // the shape that this process itself runs
  double seconds = 0;
  bool all = false;
  bool make_shared = false;
  bool json = false;
  bool list = false;
};

struct result {
  std::size_t living = 0;
  std::size_t resident = 0;
  std::size_t bound = 0;
  std::size_t after = 0;
  std::size_t after_bound = 0;
  std::size_t operations = 0;
  std::string fault;
};

constexpr const char* usage =
    "usage: memory_bounds [--all | --only TEXT] [--seconds S] [--make-shared] [--json] [--list]\n"
    "  --all          all shapes, not only those that take 15 seconds together\n"
    "  --only TEXT    those with TEXT in their name\n"
    "  --seconds S    those that go on for a while do so for S seconds\n"
    "  --make-shared  with std::make_shared instead, where that can do the same; 'over' is no "
    "failure\n"
    "  --json         figures in bytes\n"
    "  --list         the names\n";

std::optional<wishes> understand(int argc, char** argv) {
  wishes w;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const char* const value = i + 1 < argc ? argv[i + 1] : nullptr;
    if (word == "--all") {
      w.all = true;
    } else if (word == "--make-shared") {
      w.make_shared = true;
    } else if (word == "--json") {
      w.json = true;
    } else if (word == "--list") {
      w.list = true;
    } else if (value == nullptr) {
      return std::nullopt;
    } else if (word == "--only") {
      w.only = argv[++i];
    } else if (word == "--run") {
      w.one = argv[++i];
    } else if (word == "--seconds") {
      char* end = nullptr;
      w.seconds = std::strtod(argv[++i], &end);
      if (*end != '\0' || !(w.seconds > 0)) return std::nullopt;
    } else {
      return std::nullopt;
    }
  }
  return w;
}

double seconds_of(const shape& s, const wishes& w) {
  if (w.seconds > 0) return w.seconds;
  if (sanitized) return 0.2;
  return w.all ? s.seconds : 0.5;
}

/// A new process, not a fork of this one: what this one has in memory is nothing to it.
result run_apart(const shape& s, const wishes& w) {
  int ends[2];
  if (::pipe(ends) != 0) {
    std::perror("memory_bounds: pipe");
    std::exit(2);
  }
  const std::string seconds = std::to_string(seconds_of(s, w));
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], STDOUT_FILENO);
    ::close(ends[0]);
    ::close(ends[1]);
    ::execl("/proc/self/exe", "memory_bounds", "--run", s.name.c_str(), "--seconds",
            seconds.c_str(), w.make_shared ? "--make-shared" : nullptr, nullptr);
    std::perror("memory_bounds: exec");
    ::_exit(2);
  }
  ::close(ends[1]);
  std::string said;
  char some[256];
  for (ssize_t got = 0; (got = ::read(ends[0], some, sizeof some)) > 0;)
    said.append(some, static_cast<std::size_t>(got));
  ::close(ends[0]);
  int status = -1;
  ::waitpid(child, &status, 0);
  result r;
  char fault[128] = "it said nothing";
  const int read =
      std::sscanf(said.c_str(), "%zu %zu %zu %zu %zu %zu %127[^\n]", &r.living, &r.resident,
                  &r.bound, &r.after, &r.after_bound, &r.operations, fault);
  if (status != 0) {
    r.fault = WIFSIGNALED(status) ? "ended by signal " + std::to_string(WTERMSIG(status))
                                  : "ended with status " + std::to_string(WEXITSTATUS(status));
  } else if (read != 7) {
    r.fault = "no figures";
  } else if (std::strcmp(fault, "-") != 0) {
    r.fault = fault;
  } else if (!sanitized && r.resident > r.bound) {
    r.fault = "over the bound";
  } else if (!sanitized && r.after > r.after_bound) {
    r.fault = "not back";
  }
  return r;
}

std::string in_units(std::size_t bytes) {
  char text[32];
  if (bytes < 10 * mib) {
    std::snprintf(text, sizeof text, "%zuK", bytes / kib);
  } else {
    std::snprintf(text, sizeof text, "%zuM", bytes / mib);
  }
  return text;
}

void show(const shape& s, const result& r) {
  std::printf("%-34s %6s %9s %6s %6s %s\n", s.name.c_str(), in_units(r.living).c_str(),
              in_units(r.resident).c_str(), in_units(r.bound).c_str(), in_units(r.after).c_str(),
              r.fault.empty() ? "ok" : r.fault.c_str());
  std::fflush(stdout);
}

void show_json(const shape& s, const result& r, bool first) {
  std::printf("%s\n  {\"shape\": \"%s\", \"living_peak\": %zu, \"resident_peak\": %zu, "
              "\"bound\": %zu,\n   \"resident_after\": %zu, \"bound_after\": %zu, "
              "\"operations_until_back\": %zu, \"fault\": ",
              first ? "" : ",", s.name.c_str(), r.living, r.resident, r.bound, r.after,
              r.after_bound, r.operations);
  if (r.fault.empty()) {
    std::printf("null}");
  } else {
    std::printf("\"%s\"}", r.fault.c_str());
  }
  std::fflush(stdout);
}

int run_one(const std::vector<shape>& all, const wishes& w) {
  for (const shape& s : all) {
    if (s.name != w.one) continue;
    meter m(w.seconds);
    s.run(m);
    m.print();
    return 0;
  }
  std::fprintf(stderr, "memory_bounds: no shape '%s'; see --list\n", w.one.c_str());
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  const std::optional<wishes> understood = understand(argc, argv);
  if (!understood) {
    std::fputs(usage, stderr);
    return 2;
  }
  const wishes& w = *understood;
  const std::vector<shape> all = w.make_shared ? shapes_of_make_shared() : shapes_of_trefoil();
  if (!w.one.empty()) return run_one(all, w);

  std::vector<shape> chosen;
  for (const shape& s : all) {
    const bool wanted = w.only.empty() ? w.all || s.quick : s.name.find(w.only) != s.name.npos;
    if (wanted) chosen.push_back(s);
  }
  if (chosen.empty()) {
    std::fprintf(stderr, "memory_bounds: no shape's name has '%s'; see --list\n", w.only.c_str());
    return 2;
  }
  if (w.list) {
    for (const shape& s : chosen) std::printf("%s\n", s.name.c_str());
    return 0;
  }
  std::fputs(w.json ? "[" : "shape                              living  resident  bound  after\n",
             stdout);
  std::fflush(stdout);
  bool whole = true;
  bool first = true;
  for (const shape& s : chosen) {
    const result r = run_apart(s, w);
    whole = whole && r.fault.empty();
    if (w.json) {
      show_json(s, r, first);
      first = false;
    } else {
      show(s, r);
    }
  }
  if (w.json) std::puts("\n]");
  return whole || w.make_shared ? 0 : 1;
}
