// SPDX-License-Identifier: Apache-2.0
// Objects to make and drop: Trefoil's of several kinds, and std::make_shared's. Each is a class with
//   owner            what holds one
//   make()           a new one; its memory has been written to
//   bytes            what one takes while it lives
//   figures_of(n)    why the pool's figures are wrong, of which n live; null: they are right
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>

#include <trefoil/trefoil.hpp>

#include "meter.hpp"

namespace memory {

namespace context = trefoil::context;

/// A compiler leaves out stores to an object that nobody reads: here, it cannot know.
inline void touch(std::byte* room, std::size_t bytes) noexcept {
  std::memset(room, 1, bytes);
  asm volatile("" : : "r"(room) : "memory");
}

template <std::size_t Room>
struct filled {
  filled() noexcept { touch(room, Room); }
  std::byte room[Room];
};

/// Of one tier, or with an outermost one of `Outside` bytes that is placed outside.
template <class Object, class Outermost, std::size_t Outside = 0>
struct staged_objects {
  using object = Object;
  using owner = trefoil::ref<Object, Outermost>;
  static constexpr std::size_t bytes = sizeof(Object) + Outside;
  static owner make() { return trefoil::make<Object>(); }
  static std::size_t trim() { return trefoil::trim<Object>(); }

  [[nodiscard]] static const char* figures_of([[maybe_unused]] std::size_t living) {
#if __has_include(<trefoil/memory/figures.hpp>)  // else an older pool, which tells nothing
    const trefoil::pool_figures f = trefoil::memory_figures<Object>();
    if (const char* const fault = judged(f, living, sizeof(Object))) return fault;
    if constexpr (Outside != 0)
      return judged(trefoil::memory_figures<Object, Outermost>(), living, Outside);
#endif
    return nullptr;
  }

 private:
  template <class Figures>
  [[nodiscard]] static const char* judged(const Figures& f, std::size_t living, std::size_t size) {
    const std::size_t all = f.living + f.cached + f.shared;
    if (f.living != living) return "figures: not as many live";
    if (f.cached_here > f.cached) return "figures: cached here, and not cached";
    if (f.block_bytes < size) return "figures: a block is smaller than its object";
    if ((f.slabs == 0) != (all == 0)) return "figures: slabs without blocks, or blocks without";
    if (f.slabs != 0 && all % f.slabs != 0) return "figures: living + cached + shared are not all";
    if (all * f.block_bytes > f.bytes) return "figures: more blocks than their bytes";
    if (all * f.block_bytes < f.bytes / 2) return "figures: less than half of the bytes is blocks";
    return nullptr;
  }
};

namespace detail {

/// The head of an object of one tier.
inline constexpr std::size_t head_bytes = 24;

template <std::size_t Bytes, context::level Level>
struct body : filled<Bytes - head_bytes> {
  static constexpr auto teardown = Level;
  ~body() { asm volatile(""); }  // not trivial: so that Level matters
};

/// Memory of its own; Written false: as a program's buffer that is there in case.
template <std::size_t Bytes, bool Written>
struct outside {
  static constexpr auto teardown = context::any;
  static constexpr auto placement = trefoil::placement::outside;
  outside() noexcept {
    if constexpr (Written) touch(room, Bytes);
  }
  ~outside() { asm volatile(""); }
  std::byte room[Bytes];
};
struct identity {
  static constexpr auto teardown = context::any;
  long number = 1;
};

struct findable_traits : trefoil::default_traits {
  static constexpr bool findable = true;
};

}  // namespace detail

/// Torn down wherever its last owner drops it.
template <std::size_t Bytes>
using plain = staged_objects<trefoil::staged<detail::body<Bytes, context::any>>,
                             detail::body<Bytes, context::any>>;
/// Dropped at level `any`: the worker tears it down.
template <std::size_t Bytes>
using for_the_worker = staged_objects<trefoil::staged<detail::body<Bytes, context::process>>,
                                      detail::body<Bytes, context::process>>;
template <std::size_t Bytes>
using findable = staged_objects<
    trefoil::basic_staged<detail::findable_traits, detail::body<Bytes, context::any>>,
    detail::body<Bytes, context::any>>;
template <std::size_t Bytes, bool Written = true>
using with_outside =
    staged_objects<trefoil::staged<detail::outside<Bytes, Written>, detail::identity>,
                   detail::outside<Bytes, Written>, Bytes>;

/// The same number of bytes, the counts of libstdc++ included.
template <std::size_t Bytes>
struct shared {
  struct body : filled<Bytes - 16> {};
  using owner = std::shared_ptr<body>;
  static constexpr std::size_t bytes = Bytes;
  static owner make() { return std::make_shared<body>(); }
  [[nodiscard]] static const char* figures_of(std::size_t) { return nullptr; }
};

}  // namespace memory
