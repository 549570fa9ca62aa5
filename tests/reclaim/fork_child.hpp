// SPDX-License-Identifier: Apache-2.0
/// @file
/// What the tests of fork() share: children that end with a status, and where one cannot fork.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "support.hpp"
#include "watchdog.hpp"

namespace test {

// In a child GoogleTest's macros would report to nobody.
#define CHECK(condition)                                                                           \
  do {                                                                                             \
    if (!(condition)) {                                                                            \
      std::fprintf(stderr, "%s:%d: in the child: %s\n", __FILE__, __LINE__, #condition);           \
      return 1;                                                                                    \
    }                                                                                              \
  } while (false)

/// Whether the child ended well.
inline bool ended_well(pid_t child) {
  int status = 0;
  if (waitpid(child, &status, 0) != child) return false;
  if (WIFSIGNALED(status)) std::fprintf(stderr, "the child died of signal %d\n", WTERMSIG(status));
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/// Runs f in a child; it returns the exit status.
template <class F>
bool in_child(F f) {
  const pid_t child = fork();
  if (child != 0) return child > 0 && ended_well(child);
  watchdog::start();
  _exit(f());
}

template <class P>
using object = action<P, context::process>;

/// Deferred work runs here, on a thread that is not this one.
template <class P>
int deferral_works() {
  for (int i = 0; i < 3; ++i) {
    std::atomic<int> torn_down{0};
    std::thread::id where;
    drop_at<P>(context::any, trefoil::make<object<P>>([&] {
                 where = std::this_thread::get_id();
                 torn_down.fetch_add(1);
               }));
    CHECK(trefoil::basic_worker<P>::flush());
    CHECK(torn_down == 1);
    CHECK(where != std::this_thread::get_id());
  }
  return 0;
}

/// Waits until all threads but the caller sleep or are gone. In its first steps and in its last ones a
/// thread takes locks of a sanitizer's runtime, and a fork() at that moment leaves them taken in the
/// child.
inline void until_the_others_sleep() {
  const auto awake = [](const std::filesystem::path& thread) {
    std::ifstream file(thread / "stat");
    std::string line;
    if (!std::getline(file, line)) return false;  // gone meanwhile
    return line.at(line.rfind(')') + 2) != 'S';   // behind the name, which may have anything in it
  };
  const std::string self = std::to_string(gettid());
  for (bool again = true; again; std::this_thread::yield()) {
    again = false;
    for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) {
      again = again || (thread.path().filename() != self && awake(thread));
    }
  }
}

/// A forked child that starts a thread is more than ThreadSanitizer supports.
class fork_child : public testing::Test {
#if defined(__SANITIZE_THREAD__)
 protected:
  void SetUp() override { GTEST_SKIP() << "not under ThreadSanitizer"; }
#endif
};

/// fork() among threads that allocate: AddressSanitizer of the compilers at hand leaves the child with
/// its allocator's locks as they were.
class fork_child_of_busy_threads : public fork_child {
#if defined(__SANITIZE_ADDRESS__)
 protected:
  void SetUp() override { GTEST_SKIP() << "not under AddressSanitizer"; }
#endif
};

}  // namespace test
