// SPDX-License-Identifier: Apache-2.0
/// @file
/// Address spaces (layer 2) for the explorer's programs: the real code of include/trefoil/mm on the
/// explorer's atomics, on a machine of a few frames, with a ledger that sees each tier die once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <type_traits>
#include <utility>

#include "trefoil/mm/mm.hpp"
#include "verify/explorer/core_world.hpp"

namespace trefoil::explorer {

/// What the tiers of all address spaces say of themselves. Not the program's: no steps.
class mm_ledger {
 public:
  struct account {
    std::array<int, 3> alive{};
  };

  void mappings_born(account& a) noexcept { born(a, 0); }
  void page_directory_born(account& a) noexcept { born(a, 1); }
  void identity_born(account& a) noexcept { born(a, 2); }
  void mappings_gone(account& a) noexcept { gone(a, 0); }
  void page_directory_gone(account& a) noexcept { gone(a, 1); }
  void identity_gone(account& a) noexcept { gone(a, 2); }
  void user_namespace_born() noexcept { ++alive_; }
  void user_namespace_gone() noexcept { --alive_; }
  void exec_state_born() noexcept { ++alive_; }
  void exec_state_gone() noexcept { --alive_; }

  [[nodiscard]] int alive() const noexcept { return alive_; }

 private:
  void born(account& a, std::size_t tier) noexcept {
    ++a.alive[tier];
    ++alive_;
  }
  void gone(account& a, std::size_t tier) noexcept {
    if (--a.alive[tier] != 0) execution::current()->fail("a tier dies twice");
    for (std::size_t outside = 0; outside < tier; ++outside) {
      if (a.alive[outside] != 0) execution::current()->fail("a tier dies before one outside it");
    }
    --alive_;
  }
  int alive_ = 0;
};

/// As declared; or with no order at all: a fault that the programs must find.
enum class orders : bool { declared, none };

template <class T>
class unordered_atomic : public atomic<T> {
  using order = std::memory_order;
  using base = atomic<T>;
  static constexpr order none = std::memory_order_relaxed;

 public:
  using base::base;
  T load(order) const noexcept { return base::load(none); }
  void store(T v, order) noexcept { base::store(v, none); }
  T exchange(T v, order) noexcept { return base::exchange(v, none); }
  T fetch_add(T n, order) noexcept { return base::fetch_add(n, none); }
  T fetch_sub(T n, order) noexcept { return base::fetch_sub(n, none); }
  T fetch_or(T n, order) noexcept { return base::fetch_or(n, none); }
  bool compare_exchange_weak(T& e, T v, order, order) noexcept {
    return base::compare_exchange_weak(e, v, none, none);
  }
  bool compare_exchange_strong(T& e, T v, order, order) noexcept {
    return base::compare_exchange_strong(e, v, none, none);
  }
};

/// `Words`: the orders of 32-bit words, which are mmap_lock, the flags and the counts of frames.
/// Waiters spin: it has no wait().
template <orders Words>
struct mm_platform {
  template <class T>
  using atomic = std::conditional_t<Words == orders::none && std::is_same_v<T, std::uint32_t>,
                                    unordered_atomic<T>, explorer::atomic<T>>;
  template <class T>
  using cell = explorer::cell<T>;
  template <class T>
  using statistic = explorer::statistic<T>;
  using ledger = mm_ledger;

  static context::state<mm_platform>& state() noexcept { return state_of_cpu<mm_platform>(); }
  static void report(misuse kind, const void* where) noexcept {
    explorer::platform::report(kind, where);
  }
  static void* allocate(std::size_t bytes, std::size_t align) noexcept {
    return explorer::platform::allocate(bytes, align);
  }
  static void deallocate(void* p, std::size_t bytes, std::size_t align) noexcept {
    explorer::platform::deallocate(p, bytes, align);
  }
  static void relax() noexcept { explorer::platform::relax(); }

  struct traits {
    using platform = mm_platform;
    using counts = default_counts;
    using reclaimer = basic_polled<mm_platform, struct of_address_spaces>;
    using storage = watched_storage;
  };
  struct namespace_traits : traits {
    using reclaimer = basic_polled<mm_platform, struct of_namespaces>;
  };
};

/// A machine with a few frames; the names of what is on it.
template <orders Words = orders::declared>
class mm_machine {
 public:
  using platform = mm_platform<Words>;
  using identity = mm::identity<platform>;
  using page_directory = mm::page_directory<platform>;
  using mappings = mm::mappings<platform>;
  using address_space = mm::address_space<platform>;
  using user_ref = ref<address_space, mappings>;
  using identity_ref = ref<address_space, identity>;
  using namespace_ref = ref<mm::user_namespace<platform>>;
  using lock = mm::rw_semaphore<platform>;

  mm_machine() : frames_(ram().data(), ram().size()), all_(frames_, ledger_) {}
  mm_machine(const mm_machine&) = delete;
  mm_machine& operator=(const mm_machine&) = delete;

  [[nodiscard]] mm::kernel<platform>& kernel() noexcept { return all_; }
  [[nodiscard]] const namespace_ref& root() const noexcept { return root_; }
  [[nodiscard]] user_ref new_space() { return make<address_space>(all_, root_, 1U); }

  /// At the end, when all threads have been joined: nothing lives, every frame came back.
  void must_be_empty() {
    root_.drop();
    platform::traits::reclaimer::poll();
    platform::namespace_traits::reclaimer::poll();
    if (ledger_.alive() != 0)
      execution::current()->fail("something lives on though nobody holds it");
    if (frames_.in_use() != 0) execution::current()->fail("a frame did not come back");
  }

 private:
  static constexpr std::size_t usable_frames = 8;
  /// Every execution's machine has it in turn: the counts in it are constructed when they are used.
  static auto& ram() {
    struct alignas(mm::page_size) memory
        : std::array<std::byte, (usable_frames + 1) * mm::page_size> {};
    static memory all;
    return all;
  }

  mm_ledger ledger_;
  mm::frame_allocator<platform> frames_;
  mm::kernel<platform> all_;
  namespace_ref root_ = make<mm::user_namespace<platform>>(all_, 0U);
};

/// A program on a machine, which is empty again at its end.
template <orders Words = orders::declared>
program mm_program(std::string name, unsigned threads, std::uint64_t expected,
                   std::type_identity_t<std::function<void(mm_machine<Words>&)>> main) {
  program p;
  p.name = std::move(name);
  p.threads = threads;
  p.expected = expected;
  p.main = [main = std::move(main)] {
    mm_machine<Words> box;
    main(box);
    box.must_be_empty();
  };
  p.at_end = [] {
    return execution::current()->bytes_in_use() == 0 ? std::string() : "memory is left";
  };
  return p;
}

/// For the long run alone.
inline program large(program p) {
  p.large = true;
  p.most_stale_reads = 1;
  return p;
}

}  // namespace trefoil::explorer
