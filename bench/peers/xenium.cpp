// SPDX-License-Identifier: Apache-2.0
/// @file
/// xenium: one interface over lock-free reference counts, hazard pointers and epochs.
#include "operations.hpp"

#if BENCH_HAS_XENIUM
#include <array>  // which a header of xenium forgets
#include <cstddef>

#include <benchmark/benchmark.h>
#include <xenium/reclamation/generic_epoch_based.hpp>
#include <xenium/reclamation/hazard_pointer.hpp>
#include <xenium/reclamation/lock_free_ref_count.hpp>

#include "peer.hpp"
#endif

namespace bench {

#if BENCH_HAS_XENIUM
namespace {

using benchmark::DoNotOptimize;

template <class Scheme>
struct guarded {
  // No payload: the scheme allocates, and does not know of alignment.
  struct node : Scheme::template enable_concurrent_ptr<node> {
    char before[line] = {};
    long value = 1;
    char after[line] = {};
  };
  using pointer = typename Scheme::template concurrent_ptr<node>;

  pointer published{new node};
  guarded() = default;
  guarded(const guarded&) = delete;
  guarded& operator=(const guarded&) = delete;
  ~guarded() {
    typename pointer::guard_ptr last;
    last.acquire(published);
    published.store(nullptr);
    last.reclaim();
  }

  void operator()(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      typename pointer::guard_ptr guard;
      guard.acquire(published, std::memory_order_acquire);
      DoNotOptimize(guard.get());
    }
  }
};

using counts = xenium::reclamation::lock_free_ref_count<>;
using hazards = xenium::reclamation::hazard_pointer<>;
using epochs = xenium::reclamation::epoch_based<>;

}  // namespace

void add_xenium(std::vector<operation>& to) {
  add_same<guarded<counts>>(to, "xenium_counts", "xenium lock_free_ref_count guard");
  add_same<guarded<hazards>>(to, "xenium_hp", "xenium hazard_pointer guard", undisturbed);
  add_same<guarded<epochs>>(to, "xenium_epoch", "xenium epoch_based guard", undisturbed);
}
#else
void add_xenium(std::vector<operation>&) {}
#endif

}  // namespace bench
