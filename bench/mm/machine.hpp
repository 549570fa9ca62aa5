// SPDX-License-Identifier: Apache-2.0
/// @file
/// A machine for our side: memory that is there, a kernel, and address spaces as the operations need
/// them.
#pragma once

#include <cstddef>
#include <cstdint>

#include <trefoil/mm/mm.hpp>
#include <trefoil/trefoil.hpp>

#include "size.hpp"

namespace bench {

/// Notes nothing: nobody asks.
struct silent_ledger {
  struct account {};
  static void identity_born(account&) noexcept {}
  static void page_directory_born(account&) noexcept {}
  static void mappings_born(account&) noexcept {}
  static void identity_gone(account&) noexcept {}
  static void page_directory_gone(account&) noexcept {}
  static void mappings_gone(account&) noexcept {}
  static void user_namespace_born() noexcept {}
  static void user_namespace_gone() noexcept {}
  static void exec_state_born() noexcept {}
  static void exec_state_gone() noexcept {}
};

/// Blocks from the pool, their bytes counted: what is allocated is what was asked for, rounded as the
/// pool rounds it.
class counted_pool {
 public:
  template <class P, std::size_t Size, std::size_t Align, class Blocks = trefoil::raw_blocks<P>>
  struct source {
    using pool = trefoil::pooled::source<P, Size, Align, Blocks>;
    static constexpr auto block =
        static_cast<std::ptrdiff_t>(trefoil::pooled::block_bytes<P, Size, Align>);

    static void* allocate(trefoil::context::level here) noexcept {
      void* const made = pool::allocate(here);
      if (made != nullptr) bytes_ += block;
      return made;
    }
    static void release(void* p, trefoil::context::level here) noexcept {
      bytes_ -= block;
      pool::release(p, here);
    }
    static std::size_t trim() noexcept { return pool::trim(); }
  };
  /// In blocks that are not free, now.
  [[nodiscard]] static std::ptrdiff_t bytes() noexcept { return bytes_; }

 private:
  static inline std::ptrdiff_t bytes_ = 0;  // one thread does everything
};

/// That of an ordinary process, but for what address spaces want beyond it.
struct platform : trefoil::threads {
  using ledger = silent_ledger;

  static trefoil::context::state<platform>& state() noexcept {
    return trefoil::detail::per_thread<trefoil::context::state<platform>>;
  }
  struct traits {
    using platform = bench::platform;
    using counts = trefoil::default_counts;
    using reclaimer = trefoil::basic_polled<platform, struct of_address_spaces>;
    using storage = counted_pool;
  };
  struct namespace_traits : traits {
    using reclaimer = trefoil::basic_polled<platform, struct of_namespaces>;
  };
};

using identity = trefoil::mm::identity<platform>;
using page_directory = trefoil::mm::page_directory<platform>;
using mappings = trefoil::mm::mappings<platform>;
using address_space = trefoil::mm::address_space<platform>;
using user_ref = trefoil::ref<address_space, mappings>;

/// One for all operations, made with the first of them.
class machine {
 public:
  static machine& here();

  machine(const machine&) = delete;
  machine& operator=(const machine&) = delete;

  [[nodiscard]] std::size_t frames_in_use() const noexcept { return frames_.in_use(); }

  /// An address space with nothing in it.
  [[nodiscard]] user_ref empty_process();
  /// One with as many VMAs as this process has, less one, which is still to come.
  [[nodiscard]] user_ref process();

  /// Where that one is, of so many pages, private and anonymous.
  static constexpr std::uint64_t arena = std::uint64_t{1} << 40;
  static void map_arena(const user_ref& space, std::size_t pages);

  /// Frames that page tables take for the arena with so many pages present, the page directory too.
  [[nodiscard]] static std::size_t tables_for(std::size_t pages) noexcept;

  /// As its page tables have them.
  [[nodiscard]] std::size_t pages_present(const user_ref& space);

  /// Pages of the arena, written from end to end with their pattern; or one word of each.
  static void fill(const user_ref& space, std::size_t pages);
  static void touch(const user_ref& space, std::size_t pages);

 private:
  explicit machine(std::size_t bytes);

  trefoil::mm::frame_allocator<platform> frames_;
  silent_ledger notes_;
  trefoil::mm::kernel<platform> kernel_;
  trefoil::ref<trefoil::mm::user_namespace<platform>> root_;
  std::size_t frames_at_first_;
};

}  // namespace bench
