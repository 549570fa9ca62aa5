// SPDX-License-Identifier: Apache-2.0
#include "verify/explorer/crew.hpp"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <new>
#include <string>
#include <system_error>

#include <nlohmann/json.hpp>
#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace trefoil::explorer {

namespace {

using json = nlohmann::json;

constexpr std::size_t none = SIZE_MAX;

struct member {
  pid_t process = 0;
  int pipe = -1;
  std::string heard;
  std::size_t at = none;  // the program that it is at
};

void say(int pipe, const json& what) {
  const std::string line = what.dump() + '\n';
  for (std::size_t written = 0; written < line.size();) {
    const ssize_t n = ::write(pipe, line.data() + written, line.size() - written);
    if (n <= 0) _exit(3);
    written += static_cast<std::size_t>(n);
  }
}

// The life of a member: takes the next program as long as there is one.
[[noreturn]] void work(const std::vector<program>& programs, std::uint64_t most,
                       std::atomic<std::size_t>& next, int pipe) {
  for (std::size_t i = next++; i < programs.size(); i = next++) {
    say(pipe, {{"begins", i}});
    const auto begin = std::chrono::steady_clock::now();
    const outcome o = explore(programs[i], most);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    say(pipe, {{"ends", i},
               {"executions", o.executions},
               {"complete", o.complete},
               {"violations", o.violations},
               {"what", o.what},
               {"seed", o.seed},
               {"seconds", took.count()}});
  }
  _exit(0);
}

void hear(member& m, const std::function<void(std::size_t, const outcome&)>& done) {
  for (std::size_t end = m.heard.find('\n'); end != std::string::npos; end = m.heard.find('\n')) {
    const json line = json::parse(m.heard.substr(0, end));
    m.heard.erase(0, end + 1);
    if (line.contains("begins")) {
      m.at = line["begins"];
      continue;
    }
    m.at = none;
    outcome o;
    o.executions = line["executions"];
    o.complete = line["complete"];
    o.violations = line["violations"];
    o.what = line["what"];
    o.seed = line["seed"];
    o.seconds = line["seconds"];
    done(line["ends"], o);
  }
}

member start(const std::vector<program>& programs, std::uint64_t most,
             std::atomic<std::size_t>& next) {
  int ends[2];
  std::fflush(nullptr);
  if (::pipe(ends) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
  const pid_t process = ::fork();
  if (process < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (process == 0) {
    ::close(ends[0]);
    work(programs, most, next, ends[1]);
  }
  ::close(ends[1]);
  return {process, ends[0], {}, none};
}

// Its pipe has ended. Whether another is to take its place.
bool has_died(member& m, const std::function<void(std::size_t, const outcome&)>& done) {
  ::close(m.pipe);
  m.pipe = -1;
  int status = 0;
  ::waitpid(m.process, &status, 0);
  if (m.at == none) return false;
  outcome died;
  died.complete = true;
  died.violations = 1;
  died.what = WIFSIGNALED(status) ? "it crashed: signal " + std::to_string(WTERMSIG(status))
                                  : "its process ended early";
  done(m.at, died);
  return true;
}

}  // namespace

void explore_all(const std::vector<program>& programs, std::uint64_t most, unsigned jobs,
                 const std::function<void(std::size_t which, const outcome&)>& done) {
  void* const shared = ::mmap(nullptr, sizeof(std::atomic<std::size_t>), PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
  auto& next = *::new (shared) std::atomic<std::size_t>(0);
  std::vector<member> crew;
  for (unsigned i = 0; i < jobs; ++i) crew.push_back(start(programs, most, next));
  for (;;) {
    std::vector<pollfd> pipes;
    for (const member& m : crew) {
      if (m.pipe >= 0) pipes.push_back({m.pipe, POLLIN, 0});
    }
    if (pipes.empty()) break;
    if (::poll(pipes.data(), pipes.size(), -1) < 0) continue;
    for (const pollfd& p : pipes) {
      if (p.revents == 0) continue;
      for (member& m : crew) {
        if (m.pipe != p.fd) continue;
        char buffer[65536];
        const ssize_t n = ::read(m.pipe, buffer, sizeof buffer);
        if (n > 0) {
          m.heard.append(buffer, static_cast<std::size_t>(n));
          hear(m, done);
        } else if (has_died(m, done)) {
          m = start(programs, most, next);
        }
      }
    }
  }
  ::munmap(shared, sizeof(std::atomic<std::size_t>));
}

}  // namespace trefoil::explorer
