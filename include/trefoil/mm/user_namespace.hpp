// SPDX-License-Identifier: Apache-2.0
/// @file
/// User namespaces, as far as an address space holds one: a count, and an end that needs to sleep.
#pragma once

#include <cstdint>

#include "trefoil/context.hpp"
#include "trefoil/staged.hpp"

namespace trefoil::mm {

/// Its teardown takes mutexes (keys, sysctl tables), so Linux's put_user_ns() only schedules work
/// when the last reference goes. Here the tier says that it needs `process`, and the same follows.
template <class P>
class namespace_contents {
 public:
  static constexpr auto teardown = context::process;
  explicit namespace_contents(std::uint32_t owner_uid) noexcept : owner_uid_(owner_uid) {}
  [[nodiscard]] std::uint32_t owner_uid() const noexcept { return owner_uid_; }

 private:
  std::uint32_t owner_uid_;
};

template <class P>
using user_namespace = basic_staged<typename P::namespace_traits, namespace_contents<P>>;

}  // namespace trefoil::mm
