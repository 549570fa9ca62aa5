// SPDX-License-Identifier: Apache-2.0
/// @file
/// Telling notifiers of a change of mappings.
#pragma once

#include <cstdint>

#include "trefoil/mm/identity.hpp"

namespace trefoil::mm {

/// While it lives, pages of [start, end) may change or go.
template <class P>
class [[nodiscard]] invalidation {
 public:
  invalidation(identity<P>&, std::uint64_t, std::uint64_t) noexcept {}
  ~invalidation() {}
  invalidation(const invalidation&) = delete;
  invalidation& operator=(const invalidation&) = delete;
};

}  // namespace trefoil::mm
