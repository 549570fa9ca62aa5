// SPDX-License-Identifier: Apache-2.0
/// @file
/// One operation under measurement, in the one form that all three ways of measuring share: Google
/// Benchmark, alternating pairs, and counted instructions.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string_view>

namespace bench {

using nanoseconds = std::chrono::duration<double, std::nano>;

/// A subject is a class: its constructor prepares what `count` operations need, its call operator
/// does them, its destructor cleans up. Only the call is measured.
///
/// A subject may also have
///   nanoseconds took() const   its own measurement, for what ends on another thread
///   bool valid() const         false: this run did not show what it was meant to show; try again
struct operation {
  std::string_view name;
  std::string_view what;
  std::size_t batch;  // operations per call
  bool countable;     // its instructions: the same each time, and all on this thread

  void (*prepare)(std::size_t count) = nullptr;
  void (*run)(std::size_t count) = nullptr;
  nanoseconds (*took)() = nullptr;
  bool (*valid)() = nullptr;
  void (*finish)() = nullptr;
};

/// Batches for loops over one long-lived object: long enough that reading the clock (some 50 ns)
/// disappears even beside operations of 1 ns.
inline constexpr std::size_t loop = 8192;
/// Batches for operations that use up a prepared reference each.
inline constexpr std::size_t references = 1024;
/// Batches for operations that use up a prepared object each: all of them fit the first-level cache.
inline constexpr std::size_t objects = 256;

namespace detail {

// In static storage: a subject on the heap would take part in what it measures.
template <class Subject>
inline std::optional<Subject> prepared;

template <class Subject>
[[gnu::noinline]] void run(std::size_t count) {
  (*prepared<Subject>)(count);
}

}  // namespace detail

template <class Subject>
operation measured(std::string_view name, std::string_view what, std::size_t batch = loop,
                   bool countable = true) {
  using detail::prepared;
  operation result{.name = name, .what = what, .batch = batch, .countable = countable};
  result.prepare = [](std::size_t count) {
    if constexpr (requires { Subject(count); }) {
      prepared<Subject>.emplace(count);
    } else {
      prepared<Subject>.emplace();
    }
  };
  result.run = &detail::run<Subject>;
  result.finish = [] { prepared<Subject>.reset(); };
  if constexpr (requires(const Subject& s) { s.took(); }) {
    result.took = [] { return prepared<Subject>->took(); };
  }
  if constexpr (requires(const Subject& s) { s.valid(); }) {
    result.valid = [] { return prepared<Subject>->valid(); };
  }
  return result;
}

}  // namespace bench
