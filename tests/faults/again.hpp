// SPDX-License-Identifier: Apache-2.0
/// @file
/// What the programs share in which one thing fails: it may, once.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <system_error>
#include <thread>

namespace faults {

inline int refusals = 0;

[[noreturn]] inline void give_up(const char* what, const char* why) {
  std::fprintf(stderr, "faults: %s: %s\n", what, why);
  std::_Exit(1);
}

inline void expect(bool good, const char* what) {
  if (!good) give_up(what, "it is not so");
}

/// What f makes. If that is nothing, what it makes the second time.
template <class F>
auto again(const char* what, F f) {
  auto first = f();
  if (first) return first;
  ++refusals;
  auto second = f();
  if (!second) give_up(what, "fails twice");
  return second;
}

/// Runs f on a thread, and waits for its end.
template <class F>
void on_a_thread(F f) {
  std::thread one;
  again("a thread", [&] {
    try {
      one = std::thread(f);
      return true;
    } catch (const std::exception&) { return false; }  // bad_alloc, system_error
  });
  one.join();
}

/// The exit status of a program in which no more than one thing failed.
inline int told() {
  expect(refusals <= 1, "more than one refusal");
  return 0;
}

}  // namespace faults
