// SPDX-License-Identifier: Apache-2.0
/// @file
/// The search through all executions of a program: which thread goes next at each step, and which
/// of several permitted values a load reads.
///
/// Depth first. Dynamic partial-order reduction (Flanagan and Godefroid, POPL 2005): only steps that
/// touch the same location, one of them writing, are tried in both orders; sleep sets leave out what
/// an explored sibling has shown already.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "verify/explorer/knowledge.hpp"

namespace trefoil::explorer {

using thread_set = std::uint32_t;  // by bit
[[nodiscard]] constexpr thread_set only(unsigned thread) noexcept {
  return thread_set{1} << thread;
}

/// What a thread is about to do, as far as the order of steps is concerned.
struct access {
  static constexpr std::size_t nothing = SIZE_MAX;

  std::size_t location = nothing;
  bool writes = false;
  std::size_t sleepers = nothing;  ///< of the location whose sleepers it joins, or wakes
  std::size_t cpu = nothing;       ///< of threads whose CPU takes interrupts, and of these
  bool interrupts = false;  ///< an interrupt's first step: the one that could come at other times

  [[nodiscard]] bool shares_cpu(const access& other) const noexcept {
    return cpu != nothing && cpu == other.cpu;
  }
  [[nodiscard]] bool shares_sleepers(const access& other) const noexcept {
    return sleepers != nothing && sleepers == other.sleepers;
  }
  [[nodiscard]] bool depends_on(const access& other) const noexcept {
    const bool same = location != nothing && location == other.location;
    return (same && (writes || other.writes)) || shares_sleepers(other) || shares_cpu(other);
  }
};

/// How much is tried.
enum class thoroughness : std::uint8_t {
  reduced,  ///< one of all executions that cannot be told apart
  every,    ///< each order of steps, sequentially consistent: to count them, in very small programs
};

class search {
 public:
  explicit search(thoroughness how = thoroughness::reduced) : how_(how) {}

  /// The next execution begins. False: all have been seen.
  [[nodiscard]] bool next_execution();
  /// Follows these choices and then the first that comes; there is one execution.
  void follow(const std::string& seed);

  /// The thread that goes next. `pending`: what each enabled thread would do.
  /// `most_threads`: this execution would only repeat others; it is to be left.
  [[nodiscard]] unsigned choose(thread_set enabled, const std::vector<access>& pending,
                                unsigned preferred);
  /// One of `count` values for the step under way.
  [[nodiscard]] unsigned choose_value(unsigned count);
  /// By the step under way `thread` can go on: it was made, or woken.
  void released(unsigned thread);
  /// `thread` can go on since all others have ended.
  void join_all(unsigned thread);

  /// The step under way, for came_before().
  [[nodiscard]] std::size_t step() const noexcept { return depth_; }
  /// Whether that step of that thread comes before the one under way in every execution that cannot
  /// be told apart from this one, but for what the one under way itself touches.
  [[nodiscard]] bool came_before(unsigned thread, std::size_t step) const noexcept {
    return past_.covers(thread, static_cast<std::uint32_t>(step));
  }

  /// The choices so far, to follow them again.
  [[nodiscard]] std::string seed() const;

 private:
  struct value_choice {
    unsigned chosen;
    unsigned count;
  };
  struct node {
    thread_set enabled = 0;
    thread_set backtrack = 0;  // to be tried
    thread_set done = 0;       // tried, the present one included
    thread_set asleep = 0;     // would only repeat
    unsigned thread = 0;
    std::vector<access> pending;
    std::vector<value_choice> values;
    clock_vector before;  // steps (by depth) that this one depends on, directly or not
  };

  void find_races(unsigned thread, const access& step);
  void compare(unsigned thread, const access& step, std::size_t earlier);
  void try_before(unsigned thread, std::size_t earlier);
  [[nodiscard]] std::size_t begin_of_interrupt(std::size_t step) const;
  void remember(const access& step);

  void begin_reduced(node& fresh, unsigned preferred) const;
  void begin_every(node& fresh) const;

  thoroughness how_;
  std::vector<node> path_;
  std::size_t depth_ = 0;  // steps of the present execution
  std::size_t value_ = 0;  // value choices within the present step
  bool first_ = true;
  bool following_ = false;

  // Of the present execution: which steps each thread's next step comes after, by thread.
  std::vector<clock_vector> knows_ = std::vector<clock_vector>(most_threads);
  clock_vector past_;  // of the step under way, as knows_, before it was compared to others
  // Its steps by location, by location whose sleepers they change, and by CPU.
  std::vector<std::vector<std::size_t>> at_location_;
  std::vector<std::vector<std::size_t>> at_sleepers_;
  std::vector<std::vector<std::size_t>> on_cpu_ =
      std::vector<std::vector<std::size_t>>(most_threads);
};

}  // namespace trefoil::explorer
