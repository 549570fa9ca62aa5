// SPDX-License-Identifier: Apache-2.0
// The pool: memory that can be given back from anywhere, and where it can be had.
#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <latch>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "support.hpp"
#include "watchdog.hpp"

namespace {

using namespace test;
using context::any;
using context::atomic;
using context::process;

template <class Tag, std::size_t Size = 64>
using pool_of = trefoil::pool<own_threads<Tag>, Size, 16>;

template <class Pool>
std::vector<void*> take(std::size_t n, context::level level = process) {
  std::vector<void*> blocks;
  for (std::size_t i = 0; i < n; ++i) blocks.push_back(Pool::allocate(level));
  return blocks;
}
template <class Pool>
void give(const std::vector<void*>& blocks, context::level level = process) {
  for (void* b : blocks) Pool::release(b, level);
}

/// The pool that T's objects are in.
template <class T>
using memory_of = trefoil::pooled::source<typename T::traits::platform, sizeof(T), alignof(T)>;

// ---- reuse ---------------------------------------------------------------------------------------

struct reuse;

TEST(pool, blocks_are_used_again) {
  using pool = pool_of<reuse>;
  EXPECT_EQ(pool::bytes_reserved(), 0U);
  void* const first = pool::allocate(process);
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(pool::bytes_reserved(), pool::slab_bytes);
  for (int i = 0; i < 1000; ++i) {
    pool::release(first, i % 2 == 0 ? process : atomic);
    ASSERT_EQ(pool::allocate(i % 3 == 0 ? atomic : process), first);
  }
  std::vector<void*> many = take<pool>(1000);
  std::set<void*> different(many.begin(), many.end());
  different.insert(first);
  EXPECT_EQ(different.size(), 1001U);
  EXPECT_EQ(different.count(nullptr), 0U);
  for (void* const b : many) EXPECT_EQ(reinterpret_cast<std::uintptr_t>(b) % 16, 0U);
  const std::size_t reserved = pool::bytes_reserved();
  EXPECT_GE(reserved, 1001U * 64);
  for (int i = 0; i < 10; ++i) {
    give<pool>(many);
    many = take<pool>(1000);
  }
  EXPECT_EQ(pool::bytes_reserved(), reserved);
}

struct alignment;

TEST(pool, blocks_are_aligned_and_apart) {
  using pool = trefoil::pool<own_threads<alignment>, 256, 256>;
  std::vector<void*> blocks = take<pool>(300);
  std::sort(blocks.begin(), blocks.end());
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(blocks[i]) % 256, 0U);
    if (i > 0) {
      EXPECT_GE(static_cast<std::byte*>(blocks[i]) - static_cast<std::byte*>(blocks[i - 1]), 256);
    }
  }
  give<pool>(blocks);
}

// ---- levels --------------------------------------------------------------------------------------

struct at_hand;

TEST(pool, at_atomic_only_what_is_at_hand_at_any_nothing) {
  using pool = pool_of<at_hand>;
  EXPECT_EQ(pool::allocate(atomic), nullptr);
  EXPECT_EQ(pool::bytes_reserved(), 0U);
  void* const first = pool::allocate(process);  // brings a slab
  EXPECT_EQ(pool::allocate(any), nullptr);
  std::vector<void*> rest;
  while (void* const b = pool::allocate(atomic)) rest.push_back(b);
  EXPECT_EQ(pool::bytes_reserved(), pool::slab_bytes);
  EXPECT_GT(rest.size(), 50U);
  // What comes back at `any` is on the shared list, where `atomic` finds it.
  pool::release(first, any);
  EXPECT_EQ(pool::allocate(any), nullptr);
  EXPECT_EQ(pool::allocate(atomic), first);
  EXPECT_EQ(pool::allocate(atomic), nullptr);
  give<pool>(rest, any);
}

struct handler_like;

TEST(pool, a_release_at_any_leaves_the_threads_list_alone) {
  // A handler may have interrupted code that is in the middle of that list.
  using pool = pool_of<handler_like>;
  void* const a = pool::allocate(process);
  void* const b = pool::allocate(process);
  pool::release(a, process);
  pool::release(b, any);
  EXPECT_EQ(pool::allocate(atomic), a);  // from this thread's list; b is not in front of it
  // Not in this thread's list at all: another thread gets it while this one does nothing.
  std::set<void*> others;
  std::thread([&others] {
    while (void* const other = pool::allocate(atomic)) others.insert(other);
    for (void* const other : others) pool::release(other, any);
  }).join();
  EXPECT_EQ(others.count(b), 1U);
}

/// Asking for a call at the thread's end may allocate.
struct careful : own_threads<careful> {
  static context::state<careful>& state() noexcept {
    static constinit thread_local context::state<careful> here;
    return here;
  }
  static bool at_thread_exit(trefoil::thread_exit_hook& hook) noexcept {
    (state().here() == process ? asked : asked_too_low).fetch_add(1);
    return threads::at_thread_exit(hook);
  }
  static inline std::atomic<int> asked{0};
  static inline std::atomic<int> asked_too_low{0};
};

TEST(pool, at_atomic_no_thread_is_registered) {
  using pool = trefoil::pool<careful, 64, 16>;
  give<pool>(take<pool>(10), any);  // to be found by all
  EXPECT_EQ(careful::asked.load(), 1);
  std::thread([] {
    {
      const scope<careful> here(atomic);
      void* const block = pool::allocate(atomic);
      EXPECT_NE(block, nullptr);
      pool::release(block, atomic);
    }
    EXPECT_EQ(careful::asked.load(), 1);
    pool::release(pool::allocate(process), process);
  }).join();
  EXPECT_EQ(careful::asked.load(), 2);
  EXPECT_EQ(careful::asked_too_low.load(), 0);
}

struct making;

TEST(pool, try_make_follows) {
  using P = own_threads<making>;
  using T = trefoil::basic_staged<traits_on<P>, acting<process>>;
  {
    const scope<P> here(atomic);
    EXPECT_FALSE(trefoil::try_make<T>());
  }
  trefoil::make<T>().drop();
  {
    const scope<P> here(atomic);
    EXPECT_TRUE(trefoil::try_make<T>());
    const scope<P> lower(any);
    EXPECT_FALSE(trefoil::try_make<T>());
  }
  ASSERT_TRUE(trefoil::basic_worker<P>::flush());
}

// ---- threads -------------------------------------------------------------------------------------

struct crossing;

TEST(pool, what_one_thread_makes_another_may_release) {
  using pool = pool_of<crossing>;
  constexpr std::size_t n = 10'000;
  std::size_t most = 0;
  for (int round = 0; round < 5; ++round) {
    const std::vector<void*> blocks = take<pool>(n);
    if (round == 0) most = pool::bytes_reserved();
    EXPECT_LE(pool::bytes_reserved(), most);
    std::thread([&blocks] { give<pool>(blocks); }).join();
    // The thread that has gone has nothing; what is free goes back, but for a share.
    EXPECT_LT(pool::bytes_reserved(), most / 4);
    EXPECT_EQ(pool::figures().living, 0U);
  }
}

struct leaving;

TEST(pool, a_thread_that_ends_gives_its_list_back) {
  using pool = pool_of<leaving>;
  std::size_t reserved = 0;
  for (int i = 0; i < 100; ++i) {
    std::thread([] {
      const std::vector<void*> blocks = take<pool>(pool::thread_room);
      give<pool>(blocks);  // fills its list
    }).join();
    if (i == 0) reserved = pool::bytes_reserved();
  }
  // If it kept its list, each thread would bring slabs of its own.
  EXPECT_EQ(pool::bytes_reserved(), reserved);
  std::vector<void*> all = take<pool>(pool::thread_room);
  EXPECT_EQ(pool::bytes_reserved(), reserved);
  give<pool>(all);
}

struct never_registered;

TEST(pool, a_thread_that_never_allocated_may_release) {
  using pool = pool_of<never_registered>;
  const std::vector<void*> blocks = take<pool>(1000);
  const std::size_t reserved = pool::bytes_reserved();
  std::latch released{1};
  std::latch looked{1};
  std::thread other([&] {
    give<pool>(blocks);
    released.count_down();
    looked.wait();  // still alive: it must not be its end that gives them back
  });
  released.wait();
  EXPECT_LE(pool::figures().cached, 2 * pool::thread_room);  // this thread's and the other's
  // All but what the other keeps is here for this one.
  std::vector<void*> again = take<pool>(1000 - pool::thread_room);
  EXPECT_LE(pool::bytes_reserved(), reserved);
  looked.count_down();
  other.join();
  give<pool>(again);
}

// ---- past the end of a thread's thread-locals ----------------------------------------------------

struct past_end;
using PastEnd = own_threads<past_end>;
using late_tier = noted<PastEnd, 0, process>;
using late_object = trefoil::basic_staged<traits_on<PastEnd>, late_tier>;

/// Made before the thread's first use of the pool, so it goes after the pool's thread-local end.
struct late {
  trefoil::ref<late_object, late_tier> kept;
  journal* log = nullptr;
  ~late() {
    if (log == nullptr) return;
    kept.drop();
    for (int i = 0; i < 300; ++i) {  // more than one thread's list would hold
      if (!trefoil::try_make<late_object>(i, *log)) return;
    }
    const scope<PastEnd> here(any);  // and from a handler that still gets through
    kept = trefoil::try_make<late_object>(0, *log);
    if (kept) log->add(-1, 0, any);
  }
};

TEST(pool, works_past_the_end_of_the_threads_list) {
  journal log;
  std::size_t reserved = 0;
  for (int round = 0; round < 20; ++round) {
    const std::size_t before = log.size();
    std::thread([&log] {
      thread_local late last;
      last.log = &log;
      last.kept = trefoil::make<late_object>(1, log);  // the thread's first use of the pool
    }).join();
    EXPECT_EQ(log.size(), before + 301);
    if (round == 0) reserved = memory_of<late_object>::bytes_reserved();
  }
  EXPECT_EQ(memory_of<late_object>::bytes_reserved(), reserved);
  // No block is left in the list of a thread that is gone.
  trefoil::trim<late_object>();
  EXPECT_EQ(memory_of<late_object>::bytes_reserved(), 0U);
  EXPECT_EQ(PastEnd::reported_at_all(), 0U);
}

// ---- trim ----------------------------------------------------------------------------------------

struct trimming;

TEST(pool_trim, gives_back_slabs_that_are_wholly_free) {
  using pool = pool_of<trimming>;
  EXPECT_EQ(pool::trim(), 0U);  // nothing there yet
  const std::vector<void*> blocks = take<pool>(5000);
  const std::size_t reserved = pool::bytes_reserved();
  EXPECT_EQ(pool::trim(), 0U);  // each slab has a block in use
  EXPECT_EQ(pool::bytes_reserved(), reserved);
  give<pool>(blocks);
  const std::size_t had = pool::bytes_reserved();
  EXPECT_GT(had, 0U);
  EXPECT_LT(had, reserved);  // most have gone back already
  EXPECT_EQ(pool::trim(), had);
  EXPECT_EQ(pool::bytes_reserved(), 0U);
  EXPECT_EQ(pool::trim(), 0U);
  void* const b = pool::allocate(process);  // and life goes on
  ASSERT_NE(b, nullptr);
  EXPECT_EQ(pool::bytes_reserved(), pool::slab_bytes);
  pool::release(b, process);
  EXPECT_EQ(pool::trim(), pool::slab_bytes);
}

struct in_use;

TEST(pool_trim, keeps_slabs_with_a_block_in_use) {
  using P = own_threads<in_use>;
  using T = trefoil::basic_staged<traits_on<P>, noted<P, 0, process>>;
  using memory = memory_of<T>;
  journal log;
  std::vector<trefoil::ref<T>> refs;
  constexpr int many = 5000;
  for (int i = 0; i < many; ++i) refs.push_back(make_noted<T>(i, log));
  const std::size_t reserved = memory::bytes_reserved();
  for (std::size_t i = 0; i < many; ++i) {
    if (i % 500 != 7) refs[i].drop();
  }
  const std::size_t left = memory::bytes_reserved();
  EXPECT_LT(left, reserved);
  const std::size_t given = trefoil::trim<T>();
  EXPECT_GT(given, 0U);
  EXPECT_EQ(memory::bytes_reserved(), left - given);
  EXPECT_GT(memory::bytes_reserved(), 0U);
  for (std::size_t i = 7; i < many; i += 500) {
    ASSERT_TRUE(refs[i]);
    EXPECT_EQ(refs[i]->object, static_cast<int>(i));
  }
  // The free blocks of slabs that stayed are usable, and none of them is one in use.
  std::set<const void*> addresses;
  for (const auto& r : refs) {
    if (r) addresses.insert(r.address());
  }
  const std::size_t kept = memory::bytes_reserved();
  std::vector<trefoil::ref<T>> more;
  while (true) {
    const scope<P> here(atomic);
    auto r = trefoil::try_make<T>(trefoil::with<noted<P, 0, process>>(0, log));
    if (!r) break;
    EXPECT_TRUE(addresses.insert(r.address()).second);
    more.push_back(std::move(r));
  }
  EXPECT_EQ(memory::bytes_reserved(), kept);
  EXPECT_GT(more.size(), 10U);
  more.clear();
  refs.clear();
  EXPECT_EQ(trefoil::trim<T>(), kept);
  EXPECT_EQ(memory::bytes_reserved(), 0U);
}

struct refused;

TEST(pool_trim, refused_below_process) {
  using P = own_threads<refused>;
  using pool = trefoil::pool<P, 64, 16>;
  pool::release(pool::allocate(process), process);
  for (const context::level level : {any, atomic}) {
    const scope<P> here(level);
    EXPECT_EQ(pool::trim(), 0U);
  }
  EXPECT_EQ(P::reported(misuse::trim_refused), 2U);
  EXPECT_EQ(pool::bytes_reserved(), pool::slab_bytes);
  EXPECT_EQ(pool::trim(), pool::slab_bytes);
}

struct others_lists;

TEST(pool_trim, blocks_in_other_threads_lists_count_as_in_use) {
  using pool = pool_of<others_lists>;
  std::latch filled{1};
  std::latch looked{1};
  std::thread other([&] {
    pool::release(pool::allocate(process), process);
    filled.count_down();
    looked.wait();
    pool::release(pool::allocate(atomic), atomic);  // must still be there
  });
  filled.wait();
  EXPECT_EQ(pool::trim(), 0U);
  EXPECT_EQ(pool::bytes_reserved(), pool::slab_bytes);
  looked.count_down();
  other.join();
  EXPECT_EQ(pool::trim(), pool::slab_bytes);
}

struct busy;

/// Its address in its own block: a block that is given out twice, or given back while in use, shows.
struct stamp {
  static constexpr auto teardown = any;
  explicit stamp(std::atomic<int>& w) noexcept : self(this), wrong(&w) {}
  ~stamp() {
    if (self != this) wrong->fetch_add(1);
    self = nullptr;
  }
  stamp* self;
  std::atomic<int>* wrong;
};

TEST(pool_trim, while_others_make_and_drop) {
  using P = own_threads<busy>;
  using stamped = trefoil::basic_staged<traits_on<P>, stamp>;
  std::atomic<int> wrong{0};
  std::atomic<int> at_it{3};
  const int each = rounds(200'000);
  std::vector<std::thread> crowd;
  for (int t = 0; t < 3; ++t) {
    crowd.emplace_back([&, t] {
      std::array<trefoil::ref<stamped>, 300> mine;
      for (int i = 0; i < each; ++i) {
        auto& place = mine[static_cast<std::size_t>(i * 7 + t) % mine.size()];
        if (i % 1000 == 0) {
          for (auto& r : mine) r.drop();  // so that slabs become free
        }
        auto r = trefoil::try_make<stamped>(wrong);
        if (!r) wrong.fetch_add(1);
        const scope<P> here(static_cast<context::level>(i % 3));
        place = std::move(r);
      }
      at_it.fetch_sub(1);
    });
  }
  // How much it gives back meanwhile is up to the schedule; that nothing is lost is not.
  while (at_it.load() != 0) static_cast<void>(trefoil::trim<stamped>());
  for (std::thread& t : crowd) t.join();
  EXPECT_EQ(wrong.load(), 0);
  using stamps = memory_of<stamped>;
  const std::size_t left = stamps::bytes_reserved();  // 0 if the last trim came after the last drop
  EXPECT_EQ(trefoil::trim<stamped>(), left);
  EXPECT_EQ(stamps::bytes_reserved(), 0U);
}

struct two_trims;

TEST(pool_trim, two_at_once) {
  using pool = pool_of<two_trims>;
  for (int i = 0; i < rounds(500); ++i) {
    give<pool>(take<pool>(300));
    std::atomic<std::size_t> sum{0};
    const std::size_t had = pool::bytes_reserved();
    std::latch both{2};
    const auto trim = [&] {
      both.arrive_and_wait();
      sum += pool::trim();
    };
    std::thread other(trim);
    trim();
    other.join();
    sum += pool::trim();  // what is in this thread's list if the other was first
    ASSERT_EQ(sum.load(), had);
    ASSERT_EQ(pool::bytes_reserved(), 0U);
  }
}

/// Memory runs out after so many slabs.
struct poor : own_threads<poor> {
  static context::state<poor>& state() noexcept {
    static constinit thread_local context::state<poor> here;
    return here;
  }
  static void* allocate(std::size_t bytes, std::size_t align) noexcept {
    if (left == 0) return nullptr;
    --left;
    return threads::allocate(bytes, align);
  }
  static inline int left = 0;
};

TEST(pool, out_of_memory) {
  using pool = trefoil::pool<poor, 64, 16>;
  EXPECT_EQ(pool::allocate(process), nullptr);
  EXPECT_EQ(pool::bytes_reserved(), 0U);
  poor::left = 2;
  std::vector<void*> blocks;
  while (void* const b = pool::allocate(process)) blocks.push_back(b);
  EXPECT_EQ(pool::bytes_reserved(), 2 * pool::slab_bytes);
  pool::release(blocks.back(), process);
  EXPECT_EQ(pool::allocate(process), blocks.back());
  give<pool>(blocks);
  EXPECT_EQ(pool::trim(), 2 * pool::slab_bytes);
}

}  // namespace
