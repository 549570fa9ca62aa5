// SPDX-License-Identifier: Apache-2.0
/// @file
/// Counts per CPU: copies and drops that no other CPU sees, of an object that will be killed one day.
#include <utility>

#include <benchmark/benchmark.h>
#include <trefoil/trefoil.hpp>

#include "harness/forget.hpp"
#include "operations.hpp"
#include "peer.hpp"

namespace bench {

namespace {

using benchmark::DoNotOptimize;
namespace context = trefoil::context;

struct in_use {
  static constexpr auto teardown = context::process;
  static constexpr bool per_cpu_count = true;
};
struct alignas(line) settings {
  static constexpr auto teardown = context::any;
};
using object = trefoil::staged<in_use, settings>;

/// The object lives as long as the benchmark, which is when it is killed.
struct queue {
  queue() = default;
  queue(const queue&) = delete;
  queue& operator=(const queue&) = delete;
  ~queue() { trefoil::kill(held); }
  trefoil::ref<object, in_use> held = trefoil::make<object>();
};

struct copy_drop : queue {
  class visitor {
   public:
    explicit visitor(const copy_drop& all) : mine_(all.held) {}
    void operator()(std::size_t n) {
      for (std::size_t i = 0; i < n; ++i) {
        forget(mine_);
        trefoil::ref<object, in_use> copy = mine_;
        DoNotOptimize(copy);
      }
    }

   private:
    trefoil::ref<object, in_use> mine_;
  };
};

struct promote_drop : queue {
  class visitor {
   public:
    explicit visitor(const promote_drop& all) : mine_(all.held.share<settings>()) {}
    void operator()(std::size_t n) {
      for (std::size_t i = 0; i < n; ++i) {
        forget(mine_);
        trefoil::ref<object, in_use> request = trefoil::promote_live<in_use>(mine_);
        DoNotOptimize(request);
      }
    }

   private:
    trefoil::ref<object> mine_;
  };
};

}  // namespace

void add_per_cpu_counts(std::vector<operation>& to) {
  add_same<copy_drop>(to, "per_cpu_copy", "ref copy + drop, counted per CPU", undisturbed);
  add_same<promote_drop>(to, "per_cpu_promote", "promote_live + drop, counted per CPU",
                         undisturbed);
}

}  // namespace bench
