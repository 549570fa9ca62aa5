// SPDX-License-Identifier: Apache-2.0
/// @file
/// Lazy pins, beside hazard pointers and RCU: a thread writes to a slot of its own. It had to have a
/// reference first, and what it borrows outlives that.
#include <cstddef>

#include <benchmark/benchmark.h>
#include <trefoil/trefoil.hpp>

#include "harness/forget.hpp"
#include "operations.hpp"
#include "peer.hpp"

namespace bench {

namespace {

using benchmark::DoNotOptimize;
namespace context = trefoil::context;

struct users {
  static constexpr auto teardown = context::process;
};
struct directory {
  static constexpr auto teardown = context::atomic;
  static constexpr bool lazy_pins = true;
  long value = 1;
};
struct alignas(line) bare {
  static constexpr auto teardown = context::any;
};
using object = trefoil::staged<users, directory, bare>;

/// As a CPU does that switches between a task of one program and a kernel thread.
struct borrow_give_back {
  trefoil::ref<object, users> held = trefoil::make<object>();

  class visitor {
   public:
    explicit visitor(const borrow_give_back& all) : mine_(all.held) {}
    void operator()(std::size_t n) {
      for (std::size_t i = 0; i < n; ++i) {
        forget(mine_);
        cpu_.borrow(mine_);
        DoNotOptimize(cpu_->value);
        cpu_.give_back();
      }
    }

   private:
    trefoil::ref<object, users> mine_;
    trefoil::lazy_pin<object> cpu_;
  };
};

}  // namespace

void add_lazy_pins(std::vector<operation>& to) {
  add_same<borrow_give_back>(to, "lazy_pin", "lazy_pin borrow + give back", undisturbed);
}

}  // namespace bench
