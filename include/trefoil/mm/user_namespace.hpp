// SPDX-License-Identifier: Apache-2.0
/// @file
/// User namespaces, as far as an address space holds one: a count, and an end that needs to sleep.
#pragma once

#include <cstdint>

#include "trefoil/context.hpp"
#include "trefoil/mm/kernel.hpp"
#include "trefoil/staged.hpp"

namespace trefoil::mm {

/// Its teardown takes mutexes (keys, sysctl tables), so Linux's put_user_ns() only schedules work
/// when the last reference goes. Here the tier says that it needs `process`, and the same follows.
template <class P>
class namespace_contents {
 public:
  static constexpr auto teardown = context::process;

  namespace_contents(kernel<P>& machine, std::uint32_t owner_uid) noexcept
      : kernel_(machine), owner_uid_(owner_uid) {
    kernel_.ledger().user_namespace_born();
  }
  ~namespace_contents() { kernel_.ledger().user_namespace_gone(); }
  namespace_contents(const namespace_contents&) = delete;
  namespace_contents& operator=(const namespace_contents&) = delete;

  [[nodiscard]] kernel<P>& machine() const noexcept { return kernel_; }
  [[nodiscard]] std::uint32_t owner_uid() const noexcept { return owner_uid_; }

 private:
  kernel<P>& kernel_;
  std::uint32_t owner_uid_;
};

template <class P>
using user_namespace = basic_staged<typename P::namespace_traits, namespace_contents<P>>;

}  // namespace trefoil::mm
