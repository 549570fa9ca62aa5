// SPDX-License-Identifier: Apache-2.0
/// @file
/// Concurrency Kit: epochs and hazard pointers.
#include "operations.hpp"

#if BENCH_HAS_CK
#include <cstddef>
#include <memory>
#include <mutex>
#include <new>

#include "concurrencykit_calls.h"
#include "peer.hpp"
#endif

namespace bench {

#if BENCH_HAS_CK
namespace {

using call = void (*)(bench_ck*, bench_ck_visitor*, std::size_t);

template <call Call>
class through {
 public:
  through() {
    if (all_ == nullptr) throw std::bad_alloc();
  }

  class visitor {
   public:
    explicit visitor(through& peer) : all_(peer.all_.get()) {
      const std::lock_guard guard(peer.mutex_);
      mine_ = bench_ck_visit(all_);
      if (mine_ == nullptr) throw std::bad_alloc();
    }
    void operator()(std::size_t n) { Call(all_, mine_, n); }

   private:
    bench_ck* all_;
    bench_ck_visitor* mine_ = nullptr;
  };

 private:
  struct release {
    void operator()(bench_ck* all) const { bench_ck_delete(all); }
  };
  std::unique_ptr<bench_ck, release> all_{bench_ck_new()};
  std::mutex mutex_;
};

}  // namespace

void add_concurrencykit(std::vector<operation>& to) {
  add_same<through<&bench_ck_epoch>>(to, "ck_epoch", "Concurrency Kit ck_epoch begin + end",
                                     undisturbed);
  add_same<through<&bench_ck_hazard>>(to, "ck_hp", "Concurrency Kit ck_hp set + clear",
                                      undisturbed);
}
#else
void add_concurrencykit(std::vector<operation>&) {}
#endif

}  // namespace bench
