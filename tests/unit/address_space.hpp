// SPDX-License-Identifier: Apache-2.0
/// @file
/// An address space in three tiers that journal their birth ("+name") and teardown ("-name").
#pragma once

#include "journal.hpp"
#include "staged_test.hpp"

#include <trefoil/trefoil.hpp>

#include <array>
#include <cstddef>
#include <string>

/// Writes the name of a tier at both ends of its life.
template <class Tier>
class journaled {
 public:
  journaled() { journal::write(std::string("+") + Tier::name); }
  ~journaled() { journal::write(std::string("-") + Tier::name); }
  journaled(const journaled&) = delete;
  journaled& operator=(const journaled&) = delete;
};

struct identity final : journaled<identity> {
  static constexpr auto teardown = trefoil::context::any;
  static constexpr const char* name = "identity";

  int user = 0;
};

struct page_directory final : journaled<page_directory> {
  static constexpr auto teardown = trefoil::context::atomic;
  static constexpr const char* name = "page_directory";

  explicit page_directory(identity& inner) : of(&inner) {}

  identity* of;
  int entries = 0;
};

struct mappings final : journaled<mappings> {
  static constexpr auto teardown = trefoil::context::process;
  static constexpr const char* name = "mappings";

  mappings(page_directory& directory, identity& inner) : in(&directory), of(&inner) {}

  page_directory* in;
  identity* of;
  int areas = 0;
};

template <class Counts>
using address_space =
    trefoil::basic_staged<test_traits<Counts>, mappings, page_directory, identity>;

/// The address space of tests that do not care how it counts.
using mm = address_space<trefoil::packed_counts<>>;

/// Tier numbers, outermost first, as in counts.hpp.
template <class Tier>
inline constexpr std::size_t place = trefoil::detail::facts<mm>::index<Tier>;

/// The journal of a cascade through tiers first ... end - 1.
[[nodiscard]] inline journal::entries torn_down(std::size_t first, std::size_t end) {
  static constexpr std::array names{"-mappings", "-page_directory", "-identity"};
  return {names.begin() + static_cast<std::ptrdiff_t>(first),
          names.begin() + static_cast<std::ptrdiff_t>(end)};
}
inline const journal::entries nothing{};
