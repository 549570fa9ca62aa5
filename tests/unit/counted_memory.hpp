// SPDX-License-Identifier: Apache-2.0
/// @file
/// Threads whose platform counts what pools ask it for, and may run out.
#pragma once

#include <cstddef>

#include <trefoil/context.hpp>
#include <trefoil/os/threads.hpp>

namespace test {

/// Each Tag is a platform of its own, with pools of its own.
template <class Tag>
struct counted_memory : trefoil::threads {
  static trefoil::context::state<counted_memory>& state() noexcept {
    static constinit thread_local trefoil::context::state<counted_memory> here;
    return here;
  }
  static void* allocate(std::size_t bytes, std::size_t align) noexcept {
    if (left == 0) return nullptr;
    --left;
    ++pieces;
    return trefoil::threads::allocate(bytes, align);
  }
  static void deallocate(void* p, std::size_t bytes, std::size_t align) noexcept {
    --pieces;
    ++left;
    if (state().here() != trefoil::context::process) ++too_low;
    trefoil::threads::deallocate(p, bytes, align);
  }
  static inline int pieces = 0;  // had, and not given back
  static inline int left = 1'000'000;
  static inline int too_low = 0;  // given back below level `process`
};

}  // namespace test
