// SPDX-License-Identifier: Apache-2.0
/// @file
/// A number that all CPUs add to.
#pragma once

#include <atomic>
#include <cstdint>

namespace trefoil::machine {

/// Thread-safe. Relaxed throughout: a sum that orders nothing; whoever reads it for good reads it
/// when those who add have ended.
class tally {
 public:
  tally() noexcept = default;
  tally(const tally& other) noexcept : value_(other) {}
  tally& operator=(const tally& other) noexcept {
    value_.store(other, std::memory_order_relaxed);
    return *this;
  }
  void operator+=(std::int64_t n) noexcept { value_.fetch_add(n, std::memory_order_relaxed); }
  void operator++() noexcept { *this += 1; }
  void operator--() noexcept { *this += -1; }
  operator std::int64_t() const noexcept {  // NOLINT(google-explicit-constructor): it is a number
    return value_.load(std::memory_order_relaxed);
  }

 private:
  std::atomic<std::int64_t> value_{0};
};

}  // namespace trefoil::machine
