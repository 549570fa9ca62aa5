// SPDX-License-Identifier: Apache-2.0
/// @file
/// A peer, and its operations under so many threads.
///
/// A peer is a class. It has one object of the kind that it counts or protects, from the heap and on
/// cache lines of its own; its call operator takes and gives back one reference n times, by any thread.
/// It may have
///   class visitor   what a thread needs for that: made before the measurement, gone after it; its
///                   constructor takes the peer, its call operator replaces the peer's
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/crew.hpp"
#include "harness/operation.hpp"

namespace bench {

/// So that what is counted shares no line with what something else writes.
inline constexpr std::size_t line = 64;

/// What the references are to.
struct alignas(line) payload {
  long value = 1;
};

/// Operations of each thread in one measurement: more than it takes for the others to arrive.
inline constexpr std::size_t together = 16384;
/// The same where an operation takes a nanosecond or two, as threads disturb each other not at all: so
/// that who is the first to begin and the last to end, of several on one CPU, plays no part.
inline constexpr std::size_t undisturbed = 16 * together;

namespace detail {

template <class Peer>
auto visit(Peer& peer, std::size_t n) {
  if constexpr (requires { typename Peer::visitor; }) {
    return [visitor = std::make_unique<typename Peer::visitor>(peer), n] { (*visitor)(n); };
  } else {
    return [&peer, n] { peer(n); };
  }
}

/// All threads work on one object.
template <class Peer, unsigned Threads>
class same_object {
 public:
  void operator()(std::size_t n) {
    took_ = time_of_crew(Threads, [&](unsigned) { return visit(*peer_, n); });
  }
  [[nodiscard]] nanoseconds took() const { return took_; }

 private:
  std::unique_ptr<Peer> peer_ = std::make_unique<Peer>();
  nanoseconds took_{};
};

/// Each thread has an object of its own, and made it.
template <class Peer, unsigned Threads>
class own_object {
 public:
  void operator()(std::size_t n) {
    took_ = time_of_crew(Threads, [&](unsigned) {
      auto mine = std::make_unique<Peer>();
      return [work = visit(*mine, n), mine = std::move(mine)] { work(); };
    });
  }
  [[nodiscard]] nanoseconds took() const { return took_; }

 private:
  nanoseconds took_{};
};

/// Names of operations live as long as the program.
inline std::string_view named(std::string name) {
  static std::vector<std::unique_ptr<std::string>> all;
  return *all.emplace_back(std::make_unique<std::string>(std::move(name)));
}

template <class Subject>
void add(std::vector<operation>& to, std::string name, std::string_view what, std::size_t calls) {
  to.push_back(measured<Subject>(named(std::move(name)), what, calls, /*countable=*/false));
}

}  // namespace detail

/// NAME_1, NAME_2, NAME_4, NAME_8: so many threads, one object.
template <class Peer>
void add_same(std::vector<operation>& to, std::string_view name, std::string_view what,
              std::size_t calls = together) {
  const auto with = [&](const char* threads) { return std::string(name) + "_" + threads; };
  detail::add<detail::same_object<Peer, 1>>(to, with("1"), what, calls);
  detail::add<detail::same_object<Peer, 2>>(to, with("2"), what, calls);
  detail::add<detail::same_object<Peer, 4>>(to, with("4"), what, calls);
  detail::add<detail::same_object<Peer, 8>>(to, with("8"), what, calls);
}

/// NAME_2_own, ...: each thread has its own. With one thread there is no difference.
template <class Peer>
void add_own(std::vector<operation>& to, std::string_view name, std::string_view what) {
  const auto with = [&](const char* threads) { return std::string(name) + "_" + threads + "_own"; };
  detail::add<detail::own_object<Peer, 2>>(to, with("2"), what, together);
  detail::add<detail::own_object<Peer, 4>>(to, with("4"), what, together);
  detail::add<detail::own_object<Peer, 8>>(to, with("8"), what, together);
}

}  // namespace bench
