// SPDX-License-Identifier: Apache-2.0
/// @file
/// Two counts in one word, as gRPC's DualRefCounted has them; written for the comparison. A strong
/// reference that goes becomes a weak one first, and then that one goes: two operations.
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include <benchmark/benchmark.h>

#include "harness/forget.hpp"
#include "operations.hpp"
#include "peer.hpp"

namespace bench {

namespace {

using benchmark::DoNotOptimize;

class dual_counted : public payload {
 public:
  void get_strong() noexcept { both_.fetch_add(strong, std::memory_order_relaxed); }
  [[nodiscard]] bool get_strong_unless_zero() noexcept {
    std::uint64_t now = both_.load(std::memory_order_acquire);
    do {
      if (now < strong) return false;
    } while (!both_.compare_exchange_weak(now, now + strong, std::memory_order_acq_rel,
                                          std::memory_order_acquire));
    return true;
  }
  /// True: the object is to be torn down, and stays in memory while it is.
  [[nodiscard]] bool put_strong(bool& memory_too) noexcept {
    const std::uint64_t old = both_.fetch_add(weak - strong, std::memory_order_acq_rel);
    const bool last = old / strong == 1;
    memory_too = put_weak();
    return last;
  }
  [[nodiscard]] bool put_weak() noexcept {
    return both_.fetch_sub(weak, std::memory_order_acq_rel) == weak;
  }

 private:
  static constexpr std::uint64_t weak = 1;
  static constexpr std::uint64_t strong = std::uint64_t{1} << 32;
  std::atomic<std::uint64_t> both_{strong + weak};  // the peer's own two
};

struct with_dual {
  std::unique_ptr<dual_counted> held = std::make_unique<dual_counted>();
};

void put(dual_counted* p) {
  bool memory_too = false;
  const bool last = p->put_strong(memory_too);
  DoNotOptimize(last);
  DoNotOptimize(memory_too);
}

struct copy_drop : with_dual {
  void operator()(std::size_t n) const {
    dual_counted* mine = held.get();
    for (std::size_t i = 0; i < n; ++i) {
      forget(mine);
      mine->get_strong();
      DoNotOptimize(mine);
      put(mine);
    }
  }
};

struct promote_drop : with_dual {
  void operator()(std::size_t n) const {
    dual_counted* mine = held.get();
    for (std::size_t i = 0; i < n; ++i) {
      forget(mine);
      if (mine->get_strong_unless_zero()) put(mine);
    }
  }
};

}  // namespace

void add_dual_count(std::vector<operation>& to) {
  add_same<copy_drop>(to, "dual_count", "two counts in one word: ref + unref");
  add_own<copy_drop>(to, "dual_count", "two counts in one word: ref + unref");
  add_same<promote_drop>(to, "dual_count_promote", "the same: weak to strong, unref");
}

}  // namespace bench
