// SPDX-License-Identifier: Apache-2.0
/// @file
/// What it costs to be born and to die: objects of three longs that one owner makes and drops.
#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include <benchmark/benchmark.h>
#include <trefoil/trefoil.hpp>

#include "operations.hpp"
#include "staged_long.hpp"

namespace bench {

namespace {

using benchmark::DoNotOptimize;

struct three_longs {
  long a = 1;
  long b = 1;
  long c = 1;
};
static_assert(std::is_trivially_destructible_v<three_longs>);

/// Three members that end like the three tiers of staged_busy.
struct busy_long {
  long value = 1;
  ~busy_long() { pretend_to_release(value); }
};
struct three_busy_longs {
  busy_long a;
  busy_long b;
  busy_long c;
};

// ---- the way without a library: three counts, each with its own atomic operation -----------------

/// Memory as a program would get it that counts by hand.
struct from_malloc {
  template <class T>
  static void* allocate() {
    return ::operator new(sizeof(T));
  }
  template <class T>
  static void release(void* p) {
    ::operator delete(p);
  }
};

/// The simplest pool: a free list of the thread's own, without protection against anything.
struct from_free_list {
  struct block {
    block* next;
  };
  template <class T>
  static inline constinit thread_local block* first = nullptr;

  template <class T>
  static void* allocate() {
    static_assert(sizeof(T) >= sizeof(block));
    block* const b = first<T>;
    if (b == nullptr) [[unlikely]]
      return ::operator new(sizeof(T));
    first<T> = b->next;
    return b;
  }
  template <class T>
  static void release(void* p) {
    first<T> = ::new (p) block{first<T>};
  }
};

/// Like mm_struct, as the patch had it: users own one count, counts own one bare reference.
template <class Memory>
struct three_counts : three_longs {
  std::atomic<long> users{1};
  std::atomic<long> count{1};
  std::atomic<long> bare{1};

  static three_counts* make() {
    return ::new (Memory::template allocate<three_counts>()) three_counts;
  }
  static bool last(std::atomic<long>& of) {
    if (of.fetch_sub(1, std::memory_order_release) != 1) return false;
    static_cast<void>(of.load(std::memory_order_acquire));
    return true;
  }
  static void put_user(three_counts* p) {
    if (last(p->users)) put_count(p);
  }
  static void put_count(three_counts* p) {
    if (last(p->count)) put_bare(p);
  }
  static void put_bare(three_counts* p) {
    if (last(p->bare)) Memory::template release<three_counts>(p);
  }
};

// ---- one after the other ---------------------------------------------------------------------------

template <class Payload>
struct shared_ptr_life {
  void operator()(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      std::shared_ptr<Payload> p = std::make_shared<Payload>();
      DoNotOptimize(p.get());
    }
  }
};

template <class Memory>
struct three_counts_life {
  void operator()(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      auto* const p = three_counts<Memory>::make();
      DoNotOptimize(p);
      three_counts<Memory>::put_user(p);
    }
  }
};

template <class Object>
struct staged_life {
  void operator()(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      trefoil::ref<Object, trefoil::outermost_tier<Object>> r = trefoil::make<Object>();
      DoNotOptimize(r.get());
    }
  }
};

// ---- many at once ----------------------------------------------------------------------------------

/// Make 64, then drop 64: allocators cannot hand the same block to and fro.
inline constexpr std::size_t together = 64;

template <class Owner, class Make>
void live_together(std::size_t n, Make make) {
  std::array<Owner, together> owners;
  for (std::size_t i = 0; i < n; i += together) {
    for (Owner& o : owners) o = make();
    benchmark::ClobberMemory();
    for (Owner& o : owners) o = nullptr;
  }
}

struct shared_ptr_crowd {
  void operator()(std::size_t n) {
    live_together<std::shared_ptr<three_longs>>(n, [] { return std::make_shared<three_longs>(); });
  }
};

struct staged_crowd {
  void operator()(std::size_t n) {
    live_together<trefoil::ref<staged_long, outer>>(n, [] { return trefoil::make<staged_long>(); });
  }
};

}  // namespace

void add_lives(std::vector<operation>& to) {
  to.push_back(measured<shared_ptr_life<three_longs>>("make_shared_life", "std::make_shared"));
  to.push_back(measured<shared_ptr_life<three_busy_longs>>("make_shared_life_busy",
                                                           "the same, destructors that work"));
  to.push_back(measured<three_counts_life<from_malloc>>("three_counts_life_malloc",
                                                        "three separate counts, malloc"));
  to.push_back(measured<three_counts_life<from_free_list>>("three_counts_life_pooled",
                                                           "three separate counts, free list"));
  to.push_back(measured<staged_life<staged_long>>("life", "trefoil::make"));
  to.push_back(measured<staged_life<staged_busy>>("life_busy", "the same, destructors that work"));
  to.push_back(measured<shared_ptr_crowd>("make_shared_life_64", "std::make_shared, 64 at a time"));
  to.push_back(measured<staged_crowd>("life_64", "trefoil::make, 64 at a time"));
}

}  // namespace bench
