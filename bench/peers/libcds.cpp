// SPDX-License-Identifier: Apache-2.0
/// @file
/// libcds: hazard pointers with a fixed and with a growing number of slots.
#include "operations.hpp"

#if BENCH_HAS_LIBCDS
#include <atomic>
#include <cstddef>
#include <memory>

#include <benchmark/benchmark.h>
#include <cds/gc/dhp.h>
#include <cds/gc/hp.h>
#include <cds/init.h>

#include "peer.hpp"
#endif

namespace bench {

#if BENCH_HAS_LIBCDS
namespace {

using benchmark::DoNotOptimize;

/// The library and both its collectors, from the first peer to the end of the program.
void begin_once() {
  struct library {
    library() { cds::Initialize(); }
    library(const library&) = delete;
    library& operator=(const library&) = delete;
    ~library() { cds::Terminate(); }
  };
  static const library whole;
  static const cds::gc::HP fixed;
  static const cds::gc::DHP growing;
}

template <class Collector>
struct guarded {
  std::unique_ptr<payload> owned = std::make_unique<payload>();
  std::atomic<payload*> published{owned.get()};
  guarded() { begin_once(); }

  class visitor {
   public:
    explicit visitor(guarded& all) : all_(all) { cds::threading::Manager::attachThread(); }
    visitor(const visitor&) = delete;
    visitor& operator=(const visitor&) = delete;
    ~visitor() { cds::threading::Manager::detachThread(); }
    void operator()(std::size_t n) {
      for (std::size_t i = 0; i < n; ++i) {
        typename Collector::Guard guard;
        payload* seen = guard.protect(all_.published);
        DoNotOptimize(seen);
      }
    }

   private:
    guarded& all_;
  };
};

}  // namespace

void add_libcds(std::vector<operation>& to) {
  add_same<guarded<cds::gc::HP>>(to, "libcds_hp", "libcds hazard pointer, set + clear",
                                 undisturbed);
  add_same<guarded<cds::gc::DHP>>(to, "libcds_dhp", "libcds dynamic hazard pointer, the same",
                                  undisturbed);
}
#else
void add_libcds(std::vector<operation>&) {}
#endif

}  // namespace bench
