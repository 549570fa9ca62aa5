// SPDX-License-Identifier: Apache-2.0
/// @file
/// Telling notifiers of a change of mappings.
#pragma once

#include <cstdint>

#include "trefoil/mm/identity.hpp"

namespace trefoil::mm {

/// While it lives, pages of [start, end) may change or go: whoever subscribed has been told before,
/// and is told again at the end. mmap_lock is held all the time, no spin lock at either end.
/// Cost: two loads if nobody has subscribed. (mmu_notifier_invalidate_range_start, ..._end)
template <class P>
class [[nodiscard]] invalidation {
 public:
  invalidation(identity<P>& whose, std::uint64_t start, std::uint64_t end) noexcept
      : table_(whose.notifiers().any() ? &whose.notifiers() : nullptr), start_(start), end_(end) {
    if (table_ != nullptr) [[unlikely]]
      intervals_ = table_->invalidate_start(start, end);
  }
  ~invalidation() {
    if (table_ != nullptr) [[unlikely]]
      table_->invalidate_end(start_, end_, intervals_);
  }
  invalidation(const invalidation&) = delete;
  invalidation& operator=(const invalidation&) = delete;

 private:
  notifier_table<P>* const table_;
  const std::uint64_t start_;
  const std::uint64_t end_;
  bool intervals_ = false;
};

}  // namespace trefoil::mm
