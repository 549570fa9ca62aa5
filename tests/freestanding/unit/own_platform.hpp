// SPDX-License-Identifier: Apache-2.0
// A place without an operating system: one processor, memory from an array, a polled reclaimer.
// Whatever of the library can run there is used here, so that the check of the object file's
// undefined symbols sees it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <trefoil/trefoil.hpp>

namespace bare {

struct machine {
  template <class T>
  using atomic = std::atomic<T>;
  template <class T>
  using cell = trefoil::plain_cell<T>;

  static trefoil::context::state<machine>& state() noexcept;
  static void report(trefoil::misuse, const void*) noexcept;
  static void* allocate(std::size_t bytes, std::size_t align) noexcept;
  static void deallocate(void*, std::size_t, std::size_t) noexcept {}
  static void relax() noexcept {}
};

inline constinit trefoil::context::state<machine> processor;
inline constinit unsigned misuses = 0;
inline constinit std::size_t used = 0;
alignas(65536) inline std::byte memory[std::size_t{1} << 20];

inline trefoil::context::state<machine>& machine::state() noexcept { return processor; }
inline void machine::report(trefoil::misuse, const void*) noexcept { ++misuses; }
inline void* machine::allocate(std::size_t bytes, std::size_t align) noexcept {
  const std::size_t at = (used + align - 1) / align * align;
  if (at + bytes > sizeof memory) return nullptr;
  used = at + bytes;
  return memory + at;
}

using reclaimer = trefoil::basic_polled<machine, struct interrupts>;
struct traits {
  using platform = machine;
  using counts = trefoil::default_counts;
  using reclaimer = bare::reclaimer;
  using storage = trefoil::pooled;
};
struct wide_traits : traits {
  using counts = trefoil::wide_counts;
};
struct findable_traits : traits {
  static constexpr bool findable = true;
  using key = int;
};
struct prompt_traits : traits {
  using reclaimer = trefoil::inline_only;
};

inline constinit int torn_down = 0;

struct identity {
  static constexpr auto teardown = trefoil::context::any;
  int number;
  explicit identity(int n) noexcept : number(n) {}
  ~identity() { ++torn_down; }
};
struct page_directory {
  static constexpr auto teardown = trefoil::context::atomic;
  static constexpr auto placement = trefoil::placement::outside;
  std::uint64_t entries[16] = {};
  explicit page_directory(identity&) noexcept {}
  ~page_directory() { ++torn_down; }
};
struct mappings {
  static constexpr auto teardown = trefoil::context::process;
  ~mappings() { ++torn_down; }
};

template <class Traits>
using address_space = trefoil::basic_staged<Traits, mappings, page_directory, identity>;
template <class Traits>
using name = trefoil::basic_staged<Traits, identity>;

/// Every reference operation, a deferral, a hand-back. Returns the number of teardowns; 12 is right.
template <class Traits>
int live_and_die() {
  using mm = address_space<Traits>;
  using list = trefoil::basic_deferred_list<machine>;
  torn_down = 0;
  for (int how = 0; how < 4; ++how) {
    auto user = trefoil::try_make<mm>(how);
    if (!user) return -1;
    auto bare = user.template share<identity>();
    auto lazy = user.template share<page_directory>();
    auto again = bare.template promote<mappings>();
    trefoil::slot<trefoil::ref<mm, page_directory>> active(lazy);
    if (!again || bare->number != how || active.load() != user) return -2;
    again.drop();
    if (how == 0) {
      user.drop();
    } else if (how == 1) {
      const trefoil::context::basic_scope<machine> interrupt(trefoil::context::any);
      user.drop();
    } else if (how == 2) {
      list later;
      user.drop_into(later);
    } else {
      lazy = static_cast<trefoil::ref<mm, mappings>&&>(user).template demote<page_directory>();
    }
    reclaimer::poll();
    if (bare.template promote<mappings>()) return -3;
  }
  return torn_down;
}

inline int find_and_lose() {
  using found = name<findable_traits>;
  auto made = trefoil::try_make<found>(7, 1);
  auto* const address = made.address();
  if (!trefoil::try_acquire<identity>(address, 7)) return -1;
  if (trefoil::try_acquire<identity>(address, 8)) return -2;
  made.drop();
  return trefoil::try_acquire<identity>(address) ? -3 : 0;
}

inline int promptly() {
  auto made = trefoil::try_make<name<prompt_traits>>(1);
  const trefoil::context::basic_scope<machine> interrupt(trefoil::context::any);
  made.drop(trefoil::context::in_any);
  return made ? -1 : 0;
}

}  // namespace bare
