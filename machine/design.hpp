// SPDX-License-Identifier: Apache-2.0
/// @file
/// Lifetime designs, as data: what each kind of holder keeps of an address space.
///
/// | id                   | exit_mm            | oom_mm   | other struct-only | what it is             |
/// | -------------------- | ------------------ | -------- | ----------------- | ---------------------- |
/// | `two-counts`         | nothing            | pgd      | pgd               | mainline of 2020: access checks fail open |
/// | `two-counts-exit-mm` | pgd                | pgd      | pgd               | patch 1 of the series alone |
/// | `three-counts`       | identity           | identity | pgd               | the series: two holders converted |
/// | `reversed`           | identity           | identity | identity          | the reply: the plain reference is the weakest |
/// | `exec-state`         | an object beside   | pgd      | pgd               | 7.2: task_exec_state   |
/// | `lazy-slots`         | identity           | identity | identity          | reversed, and lazy CPUs do not count |
///
/// Users keep the mappings and lazy CPUs the page directory in all of them: those by a count, but for
/// the last design, where each CPU has a slot (trefoil/lazy_pin.hpp).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "machine/holder.hpp"

namespace trefoil::machine {

/// What a holder keeps. The order is that of the tiers, weakest first.
enum class kept : std::uint8_t { nothing, identity, page_directory, mappings };

struct design {
  std::string_view id;
  std::string_view title;
  std::array<kept, holder_kinds> keeps;  // by holder
  bool has_exec_state = false;  // tasks keep user_ns and dumpability in an object of their own
  bool lazy_slots = false;      // a lazy CPU does not count: it has a slot

  [[nodiscard]] constexpr kept keeps_of(holder h) const noexcept {
    return keeps[static_cast<std::size_t>(h)];
  }
};

inline constexpr std::array<design, 6> designs{{
    {"two-counts",
     "two counts (2020)",
     {kept::mappings, kept::page_directory, kept::nothing, kept::page_directory,
      kept::page_directory, kept::page_directory}},
    {"two-counts-exit-mm",
     "two counts, exit_mm",
     {kept::mappings, kept::page_directory, kept::page_directory, kept::page_directory,
      kept::page_directory, kept::page_directory}},
    {"three-counts",
     "three counts (the mail)",
     {kept::mappings, kept::page_directory, kept::identity, kept::identity, kept::page_directory,
      kept::page_directory}},
    {"reversed",
     "reversed (the reply)",
     {kept::mappings, kept::page_directory, kept::identity, kept::identity, kept::identity,
      kept::identity}},
    {"exec-state",
     "exec_state (7.2)",
     {kept::mappings, kept::page_directory, kept::nothing, kept::page_directory,
      kept::page_directory, kept::page_directory},
     true},
    {"lazy-slots",
     "reversed, lazy slots",
     {kept::mappings, kept::page_directory, kept::identity, kept::identity, kept::identity,
      kept::identity},
     false,
     true},
}};

/// The design that kernels without any of this have: what a recording shows.
inline constexpr const design& recorded_design = designs[0];

/// Null: there is none of that id.
[[nodiscard]] constexpr const design* find_design(std::string_view id) noexcept {
  for (const design& d : designs) {
    if (d.id == id) return &d;
  }
  return nullptr;
}

}  // namespace trefoil::machine
