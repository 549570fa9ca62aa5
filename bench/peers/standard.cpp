// SPDX-License-Identifier: Apache-2.0
/// @file
/// The floor, and what the standard library has.
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

/// What nobody can do without who counts in one place: an addition and a subtraction.
struct floor {
  struct alignas(line) counter {
    std::atomic<std::uint64_t> value{1};
  };
  std::unique_ptr<counter> count = std::make_unique<counter>();

  void operator()(std::size_t n) const {
    std::atomic<std::uint64_t>& shared = count->value;
    bool last = false;
    for (std::size_t i = 0; i < n; ++i) {
      shared.fetch_add(1, std::memory_order_relaxed);
      if (shared.fetch_sub(1, std::memory_order_release) == 1) [[unlikely]]
        last = true;
    }
    DoNotOptimize(last);
  }
};

struct shared_ptr_copy {
  std::shared_ptr<payload> held = std::make_shared<payload>();

  void operator()(std::size_t n) const {
    const std::shared_ptr<payload> mine = held;
    for (std::size_t i = 0; i < n; ++i) {
      forget(mine);
      std::shared_ptr<payload> copy = mine;
      DoNotOptimize(copy.get());
    }
  }
};

struct weak_ptr_lock {
  std::shared_ptr<payload> held = std::make_shared<payload>();

  void operator()(std::size_t n) const {
    const std::weak_ptr<payload> mine = held;
    for (std::size_t i = 0; i < n; ++i) {
      forget(mine);
      std::shared_ptr<payload> locked = mine.lock();
      DoNotOptimize(locked.get());
    }
  }
};

struct atomic_shared_ptr_load {
  std::atomic<std::shared_ptr<payload>> held{std::make_shared<payload>()};

  void operator()(std::size_t n) const {
    for (std::size_t i = 0; i < n; ++i) {
      std::shared_ptr<payload> copy = held.load(std::memory_order_acquire);
      DoNotOptimize(copy.get());
    }
  }
};

}  // namespace

void add_standard(std::vector<operation>& to) {
  add_same<floor>(to, "floor", "one atomic inc + dec");
  add_own<floor>(to, "floor", "one atomic inc + dec");
  add_same<shared_ptr_copy>(to, "shared_ptr", "std::shared_ptr copy + drop");
  add_own<shared_ptr_copy>(to, "shared_ptr", "std::shared_ptr copy + drop");
  add_same<weak_ptr_lock>(to, "weak_ptr", "std::weak_ptr lock + drop");
  add_same<atomic_shared_ptr_load>(to, "atomic_shared_ptr", "std::atomic<shared_ptr> load + drop");
}

}  // namespace bench
