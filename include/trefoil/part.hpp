// SPDX-License-Identifier: Apache-2.0
/// @file
/// Storage of one tier inside a staged object: in place, or in a block of its own.
#pragma once

#include <cstddef>
#include <new>

#include "trefoil/context.hpp"
#include "trefoil/tier.hpp"

namespace trefoil::detail {

/// Tier I in place. The bytes come first, so that a part and its tier have one address.
template <std::size_t I, class Tier, placement Where>
struct part {
  alignas(Tier) std::byte bytes[sizeof(Tier)];

  [[nodiscard]] Tier* tier() noexcept { return std::launder(reinterpret_cast<Tier*>(bytes)); }

  [[nodiscard]] void* room() noexcept { return bytes; }

  /// The part whose tier this is.
  [[nodiscard]] static part* around(Tier* t) noexcept { return reinterpret_cast<part*>(t); }
};

/// Tier I in a block of its own, which goes at its teardown.
template <std::size_t I, class Tier>
struct part<I, Tier, placement::outside> {
  struct block {
    void* owner;
    alignas(Tier) std::byte bytes[sizeof(Tier)];
  };
  block* storage;

  [[nodiscard]] Tier* tier() noexcept {
    return std::launder(reinterpret_cast<Tier*>(storage->bytes));
  }

  template <class Memory>
  [[nodiscard]] void* room(void* owner, context::level here) noexcept {
    void* const memory = Memory::allocate(here);
    if (memory == nullptr) return nullptr;
    storage = ::new (memory) block;
    storage->owner = owner;
    return storage->bytes;
  }
  template <class Memory>
  void give_back(context::level here) noexcept {
    Memory::release(storage, here);
  }

  /// The object whose tier this is.
  [[nodiscard]] static void* owner_of(Tier* t) noexcept {
    return reinterpret_cast<block*>(reinterpret_cast<std::byte*>(t) - offsetof(block, bytes))
        ->owner;
  }
};

}  // namespace trefoil::detail
