// SPDX-License-Identifier: Apache-2.0
/// @file
/// Flags of an address space, which outlive its mappings: how its end and those who kill it agree.
#pragma once

#include <atomic>
#include <cstdint>

namespace trefoil::mm {

/// Numbered here as they are set in the life of a victim. (MMF_*)
namespace mmf {
/// Pages have been taken from under it: what is not there must not be read as zeros. (MMF_UNSTABLE)
inline constexpr std::uint32_t unstable = 1U << 0;
/// Nothing is to be had by walking its page tables; soon there are none. (MMF_OOM_SKIP)
inline constexpr std::uint32_t oom_skip = 1U << 1;
}  // namespace mmf

/// A set of flags. Context of all calls: any.
template <class P>
class mm_flags {
 public:
  /// relaxed: each flag is published by the lock under which whoever acts on it looks: `oom_skip` by
  /// mmap_lock, `unstable` by the page_table lock. For all others it is a hint.
  [[nodiscard]] bool test(std::uint32_t flag) const noexcept {
    return (bits_.load(std::memory_order_relaxed) & flag) != 0;
  }
  /// True: it was not set before.
  bool set(std::uint32_t flag) noexcept {
    return (bits_.fetch_or(flag, std::memory_order_relaxed) & flag) == 0;
  }

 private:
  typename P::template atomic<std::uint32_t> bits_{0};
};

}  // namespace trefoil::mm
