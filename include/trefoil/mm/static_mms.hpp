// SPDX-License-Identifier: Apache-2.0
/// @file
/// The address spaces that a kernel has without any process, and that never die.
#pragma once

#include <cstdint>

#include "trefoil/mm/address_space.hpp"
#include "trefoil/mm/kernel.hpp"
#include "trefoil/mm/user_namespace.hpp"
#include "trefoil/static_object.hpp"

namespace trefoil::mm {

/// One per machine that has them, in static memory, or in memory that is kept as long as anybody
/// may hold a reference. Each has one user, itself: dropping one reference too many is refused and
/// reported (`misuse::static_last_drop`), whichever tier it was to. Their page directories stay on
/// pgd_list and keep a frame each; their outer tiers keep a block each from the storage.
///
/// Construction: level `process`; without memory for it the program ends.
template <class P>
class static_mms {
 public:
  /// Numbers of the three; processes are numbered from 1.
  static constexpr std::uint64_t init_number = ~std::uint64_t{0};
  static constexpr std::uint64_t efi_number = init_number - 1;
  static constexpr std::uint64_t tboot_number = init_number - 2;

  static_mms(kernel<P>& machine, const ref<user_namespace<P>>& init_user_ns) noexcept
      : init_mm(machine, init_user_ns, init_number),
        efi_mm(machine, init_user_ns, efi_number),
        tboot_mm(machine, init_user_ns, tboot_number) {}
  static_mms(const static_mms&) = delete;
  static_mms& operator=(const static_mms&) = delete;

  static_object<address_space<P>> init_mm;   ///< what kernel threads start with
  static_object<address_space<P>> efi_mm;    ///< firmware calls
  static_object<address_space<P>> tboot_mm;  ///< shutdown through tboot
};

}  // namespace trefoil::mm
