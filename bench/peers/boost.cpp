// SPDX-License-Identifier: Apache-2.0
/// @file
/// Boost.SmartPtr.
#include "operations.hpp"

#if BENCH_HAS_BOOST
#include <cstddef>

#include <benchmark/benchmark.h>
#include <boost/make_shared.hpp>
#include <boost/smart_ptr/atomic_shared_ptr.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>
#include <boost/smart_ptr/local_shared_ptr.hpp>
#include <boost/smart_ptr/shared_ptr.hpp>

#include "harness/forget.hpp"
#include "peer.hpp"
#endif

namespace bench {

#if BENCH_HAS_BOOST
namespace {

using benchmark::DoNotOptimize;

struct counted_payload : payload,
                         boost::intrusive_ref_counter<counted_payload, boost::thread_safe_counter> {
};

struct intrusive_ptr_copy {
  boost::intrusive_ptr<counted_payload> held{new counted_payload};

  void operator()(std::size_t n) const {
    const boost::intrusive_ptr<counted_payload> mine = held;
    for (std::size_t i = 0; i < n; ++i) {
      forget(mine);
      boost::intrusive_ptr<counted_payload> copy = mine;
      DoNotOptimize(copy.get());
    }
  }
};

/// One atomic reference per thread; the copies within the thread are counted without atomics.
struct local_shared_ptr_copy {
  boost::shared_ptr<payload> held = boost::make_shared<payload>();

  void operator()(std::size_t n) const {
    const boost::local_shared_ptr<payload> mine(held);
    for (std::size_t i = 0; i < n; ++i) {
      forget(mine);
      boost::local_shared_ptr<payload> copy = mine;
      DoNotOptimize(copy.get());
    }
  }
};

struct atomic_shared_ptr_load {
  boost::atomic_shared_ptr<payload> held{boost::make_shared<payload>()};

  void operator()(std::size_t n) const {
    for (std::size_t i = 0; i < n; ++i) {
      boost::shared_ptr<payload> copy = held.load();
      DoNotOptimize(copy.get());
    }
  }
};

}  // namespace

void add_boost(std::vector<operation>& to) {
  add_same<intrusive_ptr_copy>(to, "intrusive_ptr", "boost::intrusive_ptr copy + drop");
  add_own<intrusive_ptr_copy>(to, "intrusive_ptr", "boost::intrusive_ptr copy + drop");
  add_same<local_shared_ptr_copy>(to, "local_shared_ptr", "boost::local_shared_ptr copy + drop",
                                  undisturbed);
  add_same<atomic_shared_ptr_load>(to, "boost_atomic_shared_ptr",
                                   "boost::atomic_shared_ptr load + drop");
}
#else
void add_boost(std::vector<operation>&) {}
#endif

}  // namespace bench
