// SPDX-License-Identifier: Apache-2.0
/// @file
/// What it costs to hold: references that come and go while the object lives.
#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

#include <benchmark/benchmark.h>
#include <trefoil/trefoil.hpp>

#include "harness/forget.hpp"
#include "operations.hpp"
#include "staged_long.hpp"

#if __has_include(<boost/smart_ptr/intrusive_ptr.hpp>)
#define BENCH_HAS_BOOST 1
#include <boost/smart_ptr/intrusive_ptr.hpp>
#endif

namespace bench {

namespace {

using benchmark::DoNotOptimize;

struct three_longs {
  long a = 1;
  long b = 1;
  long c = 1;
};

/// What nobody can do without: one addition when a holder comes, one subtraction when it goes, and
/// a look at its result.
struct inc_dec {
  alignas(64) std::atomic<std::uint64_t> count{1};
  bool last = false;
  void operator()(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      count.fetch_add(1, std::memory_order_relaxed);
      if (count.fetch_sub(1, std::memory_order_release) == 1) [[unlikely]]
        last = true;
      forget(*this);
    }
  }
};

struct empty_loop {
  void operator()(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) forget(*this);
  }
};

struct shared_ptr_copy {
  std::shared_ptr<three_longs> held = std::make_shared<three_longs>();
  void operator()(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      forget(held);
      std::shared_ptr<three_longs> copy = held;
      DoNotOptimize(copy.get());
    }
  }
};

struct weak_ptr_lock {
  std::shared_ptr<three_longs> held = std::make_shared<three_longs>();
  std::weak_ptr<three_longs> weak = held;
  void operator()(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      forget(weak);
      std::shared_ptr<three_longs> locked = weak.lock();
      DoNotOptimize(locked.get());
    }
  }
};

#if BENCH_HAS_BOOST
struct intrusive_long : three_longs {
  std::atomic<int> count{0};
  friend void intrusive_ptr_add_ref(intrusive_long* p) {
    p->count.fetch_add(1, std::memory_order_relaxed);
  }
  friend void intrusive_ptr_release(intrusive_long* p) {
    if (p->count.fetch_sub(1, std::memory_order_acq_rel) == 1) delete p;
  }
};

struct intrusive_ptr_copy {
  boost::intrusive_ptr<intrusive_long> held{new intrusive_long};
  void operator()(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      forget(held);
      boost::intrusive_ptr<intrusive_long> copy = held;
      DoNotOptimize(copy.get());
    }
  }
};
#endif

using user_ref = trefoil::ref<staged_long, outer>;
using bare_ref = trefoil::ref<staged_long, inner>;

struct copy_drop {
  user_ref held = trefoil::make<staged_long>();
  void operator()(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      forget(held);
      user_ref copy = held;
      DoNotOptimize(copy.get());
    }
  }
};

struct share_drop {
  user_ref held = trefoil::make<staged_long>();
  void operator()(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      forget(held);
      bare_ref lower = held.share<inner>();
      DoNotOptimize(lower.get());
    }
  }
};

struct promote_drop {
  user_ref held = trefoil::make<staged_long>();
  bare_ref bare = held.share<inner>();
  void operator()(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      forget(bare);
      user_ref upper = bare.promote<outer>();
      DoNotOptimize(upper.get());
    }
  }
};

/// A demotion from beginning to end: somebody takes a reference, needs less of it, lets go.
struct copy_demote_drop {
  user_ref held = trefoil::make<staged_long>();
  void operator()(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      forget(held);
      user_ref copy = held;
      bare_ref lower = std::move(copy).demote<inner>();
      DoNotOptimize(lower.get());
    }
  }
};

struct copy_two_step_drop {
  user_ref held = trefoil::make<staged_long>();
  void operator()(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      forget(held);
      user_ref copy = held;
      bare_ref lower = copy.share<inner>();
      copy.drop();
      DoNotOptimize(lower.get());
    }
  }
};

/// For the demotion alone. It uses up the reference it demotes, so many are made beforehand, all to
/// one object, and their number is small enough for the first-level cache. The results go to the
/// same place in both ways; dropping them is not measured either. `held` outlives them all: no
/// demotion here is the last one.
class many_references {
 public:
  explicit many_references(std::size_t n) : count_(n) {
    for (std::size_t i = 0; i < n; ++i) std::construct_at(&upper[i], held);
  }
  many_references(const many_references&) = delete;
  many_references& operator=(const many_references&) = delete;
  ~many_references() {
    for (std::size_t i = 0; i < count_; ++i) {
      std::destroy_at(&upper[i]);
      std::destroy_at(&lower[i]);
    }
  }

 protected:
  user_ref held = trefoil::make<staged_long>();
  std::size_t count_;
  union {
    user_ref upper[references];  // constructed
  };
  union {
    bare_ref lower[references];  // raw until the operation constructs them
  };
};

struct demote : many_references {
  using many_references::many_references;
  void operator()(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      std::construct_at(&lower[i], std::move(upper[i]).demote<inner>());
    }
    forget(*this);
  }
};

struct share_then_drop : many_references {
  using many_references::many_references;
  void operator()(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      std::construct_at(&lower[i], upper[i].share<inner>());
      upper[i].drop();
    }
    forget(*this);
  }
};

}  // namespace

void add_references(std::vector<operation>& to) {
  to.push_back(measured<empty_loop>("empty_loop", "the loop around each operation"));
  to.push_back(measured<inc_dec>("floor", "one atomic inc + dec"));
  to.push_back(measured<shared_ptr_copy>("shared_ptr_copy_drop", "std::shared_ptr copy + drop"));
  to.push_back(measured<weak_ptr_lock>("weak_ptr_lock_drop", "std::weak_ptr lock + drop"));
#if BENCH_HAS_BOOST
  to.push_back(
      measured<intrusive_ptr_copy>("intrusive_ptr_copy_drop", "boost::intrusive_ptr copy + drop"));
#endif
  to.push_back(measured<copy_drop>("copy_drop", "ref copy + drop"));
  to.push_back(measured<share_drop>("share_drop", "ref share + drop"));
  to.push_back(measured<promote_drop>("promote_drop", "ref promote + drop"));
  to.push_back(measured<demote>("demote", "ref demote, alone", references));
  to.push_back(measured<share_then_drop>("share_then_drop", "the same in two steps", references));
  to.push_back(measured<copy_demote_drop>("copy_demote_drop", "ref copy + demote + drop"));
  to.push_back(
      measured<copy_two_step_drop>("copy_share_drop_drop", "ref copy + share + drop + drop"));
}

}  // namespace bench
