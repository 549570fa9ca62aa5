// SPDX-License-Identifier: Apache-2.0
// The request for a call after fork(): whoever is told that it has been made, by returning without
// making it, may fork, and finds it made.
#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include <trefoil/fork_handler.hpp>
#include <trefoil/os/threads.hpp>

namespace {

void in_the_child() {}

/// Where requests are written down without a lock, unlike pthread_atfork: so that ThreadSanitizer
/// sees whether the mechanism itself orders the writing before the reading.
struct plain_list : trefoil::threads {
  static void in_forked_child(void (*run)()) noexcept {
    asked_here = true;
    if (is_first) listed = run;
  }
  static inline void (*listed)() = nullptr;
  static inline thread_local bool is_first = false;
  static inline thread_local bool asked_here = false;
};

TEST(fork_handler, has_been_asked_for_when_it_says_so) {
  trefoil::fork_handler<plain_list> handler;
  std::atomic<bool> done{false};
  std::thread second([&] {
    // relaxed: this is not what orders the two
    while (!done.load(std::memory_order_relaxed)) std::this_thread::yield();
    handler.ask(&in_the_child);
    // Both may ask; then the second one has its own entry and needs no other.
    if (!plain_list::asked_here) { EXPECT_EQ(plain_list::listed, &in_the_child); }
  });
  std::thread first([&] {
    plain_list::is_first = true;
    handler.ask(&in_the_child);
    done.store(true, std::memory_order_relaxed);
  });
  first.join();
  second.join();
}

TEST(fork_handler, is_asked_for_once) {
  static int times;
  times = 0;  // also of a repeated run
  struct counting : trefoil::threads {
    static void in_forked_child(void (*)()) noexcept { ++times; }
  };
  trefoil::fork_handler<counting> handler;
  for (int i = 0; i < 3; ++i) handler.ask(&in_the_child);
  EXPECT_EQ(times, 1);
}

/// Somebody else asks while the first one is at it.
struct asked_meanwhile : trefoil::threads {
  static void around_fork(void (*before)(), void (*in_parent)(), void (*in_child)()) noexcept {
    if (++times < 3) handler.ask(before, in_parent, in_child);
  }
  static inline int times = 0;
  static trefoil::fork_handler<asked_meanwhile> handler;
};
trefoil::fork_handler<asked_meanwhile> asked_meanwhile::handler;

TEST(fork_handler, calls_around_a_fork_are_asked_for_by_one) {
  for (int i = 0; i < 3; ++i)
    asked_meanwhile::handler.ask(&in_the_child, &in_the_child, &in_the_child);
  EXPECT_EQ(asked_meanwhile::times, 1);
}

/// As plain_list, of calls around a fork.
struct plain_list_of_calls : trefoil::threads {
  static void around_fork(void (*before)(), void (*)(), void (*)()) noexcept { listed = before; }
  static inline void (*listed)() = nullptr;
};

TEST(fork_handler, calls_around_a_fork_are_in_the_list_when_it_says_so) {
  trefoil::fork_handler<plain_list_of_calls> handler;
  std::atomic<bool> done{false};
  std::thread second([&] {
    // relaxed: this is not what orders the two
    while (!done.load(std::memory_order_relaxed)) std::this_thread::yield();
    handler.ask(&in_the_child, &in_the_child, &in_the_child);
    EXPECT_EQ(plain_list_of_calls::listed, &in_the_child);
  });
  handler.ask(&in_the_child, &in_the_child, &in_the_child);
  done.store(true, std::memory_order_relaxed);
  second.join();
}

}  // namespace
