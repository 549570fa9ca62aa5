// SPDX-License-Identifier: Apache-2.0
/// @file
/// Hardware that signals its fences in interrupts: holders that let go at level `any`.
#pragma once

#include <array>
#include <atomic>
#include <utility>

#include "machine/held.hpp"
#include "trefoil/staged.hpp"

namespace trefoil::machine {

/// Keeps an address space until the hardware has finished with it. (amdgpu_amdkfd_fence.c, whose
/// mmdrop() in an interrupt is one of the suspected bugs)
class fence_contents {
 public:
  static constexpr auto teardown = context::any;
  explicit fence_contents(held what, user_ref writer = {}) noexcept
      : kept(std::move(what)), user(std::move(writer)) {}
  // Given back before the fence goes, in the place where it is signalled.
  held kept;
  user_ref user;  ///< of one that writes to memory meanwhile; empty: it does not
};
using fence = basic_staged<platform::namespace_traits, fence_contents>;
using fence_ref = ref<fence>;

/// One per CPU. submit() by tasks on that CPU, finished() by its interrupts or who stands in for it.
class device {
 public:
  /// Empty: taken; else it is busy, and here is what it was given.
  [[nodiscard]] fence_ref submit(fence_ref f) noexcept {
    void* const given = std::move(f).detach();
    for (std::atomic<void*>& slot : slots_) {
      void* free = nullptr;
      // release: pairs with the acquire of finished()
      if (slot.compare_exchange_strong(free, given, std::memory_order_release,
                                       std::memory_order_relaxed))
        return {};
    }
    return fence_ref::adopt(given);
  }

  /// f(fence_ref) for each that is done: all of them. Context: any.
  template <class F>
  void finished(F&& f) noexcept {
    for (std::atomic<void*>& slot : slots_) {
      if (void* const done = slot.exchange(nullptr, std::memory_order_acquire))
        f(fence_ref::adopt(done));
    }
  }

 private:
  std::array<std::atomic<void*>, 4> slots_{};  // detached references
};

}  // namespace trefoil::machine
