// SPDX-License-Identifier: Apache-2.0
/// @file
/// liburcu: read-side sections, urcu_ref, and objects freed by call_rcu.
#include "operations.hpp"

#if BENCH_HAS_URCU
#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <memory>

#include <benchmark/benchmark.h>
// The header of each call is inlined, as its users under a compatible licence have it.
#define _LGPL_SOURCE
#include <urcu/urcu-memb.h>

#include <urcu/ref.h>

#include "harness/forget.hpp"
#include "peer.hpp"
#endif

namespace bench {

#if BENCH_HAS_URCU
namespace {

using benchmark::DoNotOptimize;

/// A thread that reads, or calls call_rcu.
struct registered {
  registered() { urcu_memb_register_thread(); }
  registered(const registered&) = delete;
  registered& operator=(const registered&) = delete;
  ~registered() { urcu_memb_unregister_thread(); }
};

struct read_lock {
  std::unique_ptr<payload> owned = std::make_unique<payload>();
  std::atomic<payload*> published{owned.get()};

  class visitor : registered {
   public:
    explicit visitor(read_lock& all) : all_(all) {}
    void operator()(std::size_t n) {
      for (std::size_t i = 0; i < n; ++i) {
        urcu_memb_read_lock();
        payload* seen = all_.published.load(std::memory_order_acquire);
        DoNotOptimize(seen);
        urcu_memb_read_unlock();
      }
    }

   private:
    read_lock& all_;
  };
};

struct ref_get_put {
  struct counted : payload {
    urcu_ref count{};
  };
  std::unique_ptr<counted> held = std::make_unique<counted>();
  ref_get_put() { urcu_ref_init(&held->count); }

  void operator()(std::size_t n) const {
    counted* mine = held.get();
    for (std::size_t i = 0; i < n; ++i) {
      forget(mine);
      urcu_ref_get(&mine->count);
      DoNotOptimize(mine);
      urcu_ref_put(&mine->count, [](urcu_ref*) {});
    }
  }
};

/// Allocated, handed over, freed after a grace period; at the end, wait for the last.
struct freed_by_rcu {
  struct object {
    rcu_head head;
    long value;
  };
  static void release(rcu_head* head) { std::free(head); }

  class visitor : registered {
   public:
    explicit visitor(freed_by_rcu&) {}
    void operator()(std::size_t n) {
      for (std::size_t i = 0; i < n; ++i) {
        auto* one = static_cast<object*>(std::malloc(sizeof(object)));
        DoNotOptimize(one);
        urcu_memb_call_rcu(&one->head, &release);
      }
      urcu_memb_barrier();
    }
  };
};

}  // namespace

void add_urcu(std::vector<operation>& to) {
  add_same<read_lock>(to, "urcu_read", "liburcu read_lock + read_unlock", undisturbed);
  add_same<ref_get_put>(to, "urcu_ref", "liburcu urcu_ref_get + put");
  add_same<freed_by_rcu>(to, "urcu_call_rcu", "malloc + call_rcu, to the end");
}
#else
void add_urcu(std::vector<operation>&) {}
#endif

}  // namespace bench
