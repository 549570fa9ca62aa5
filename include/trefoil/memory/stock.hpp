// SPDX-License-Identifier: Apache-2.0
/// @file
/// A thread's stock: the blocks of one size that it keeps for itself.
///
/// Two magazines of `batch` blocks each: blocks are taken from and put to `first`; `spare` is full or
/// not there. So a thread goes to the depot once for `batch` blocks, in either direction, however its
/// makes and drops alternate. (J. Bonwick and J. Adams, "Magazines and Vmem", USENIX 2001.) Beside
/// them the block that came back last: make and drop in turn touch only that.
///
/// For the code of one thread, at levels above `any`; a signal handler never touches it. Other threads
/// read the numbers only (depot.hpp, figures()).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "trefoil/deferred.hpp"
#include "trefoil/statistic.hpp"

namespace trefoil {

template <class P, std::size_t Batch>
class stock {
 public:
  using node = deferred<P>;

  constexpr stock() noexcept = default;

  /// Whether it takes and gives blocks: from open() to close().
  [[nodiscard]] bool is_open() const noexcept { return last_back() != not_used; }
  void open() noexcept {
    set_last_back(none_back);
    set_room(Batch);
  }
  void close() noexcept {
    set_last_back(not_used);
    set_room(0);
  }

  /// The block that came back last; null: there is none.
  [[nodiscard]] node* take_last() noexcept {
    const std::uintptr_t back = last_back();
    if (back <= not_used) return nullptr;
    set_last_back(none_back);
    return reinterpret_cast<node*>(back);
  }
  /// A block of the first magazine; null: it is empty.
  [[nodiscard]] node* take_from_first() noexcept {
    node* const n = first_;
    if (n == nullptr) return nullptr;
    first_ = n->next.get();
    set_room(room() + 1);
    return n;
  }
  /// False: there is no room, or the stock is not open.
  [[nodiscard]] bool put(node& n) noexcept {
    if (last_back() == none_back) [[likely]] {
      set_last_back(reinterpret_cast<std::uintptr_t>(&n));
      return true;
    }
    if (room() == 0) [[unlikely]]
      return false;
    put_to_first(n);
    return true;
  }

  /// The first magazine is empty: the spare one takes its place. False: there is none.
  [[nodiscard]] bool load_spare() noexcept {
    node* const full = spare();
    if (full == nullptr) return false;
    set_spare(nullptr);
    first_ = full;
    set_room(0);
    return true;
  }
  /// The first magazine is empty: that many blocks take its place.
  void load(node* chain, std::size_t blocks) noexcept {
    first_ = chain;
    set_room(Batch - blocks);
  }
  [[nodiscard]] bool first_is_empty() const noexcept { return first_ == nullptr; }

  /// The first magazine is full: it becomes the spare one. If there is one, that comes back, to go to
  /// the depot.
  [[nodiscard]] node* set_first_aside() noexcept {
    node* const full = spare();
    set_spare(first_);
    first_ = nullptr;
    set_room(Batch);
    return full;
  }

  /// All that it has, as one chain; it is empty then.
  [[nodiscard]] node* take_all() noexcept {
    node* all = first_;
    first_ = nullptr;
    if (is_open()) set_room(Batch);
    if (node* const full = spare()) {
      last_of(full)->next.set(all);
      all = full;
      set_spare(nullptr);
    }
    if (const std::uintptr_t back = last_back(); back > not_used) {
      auto* const n = reinterpret_cast<node*>(back);
      n->next.set(all);
      all = n;
      set_last_back(none_back);
    }
    return all;
  }

  /// How many blocks it has. Other threads may ask, and get a number that was true just now.
  [[nodiscard]] std::size_t size() const noexcept {
    const std::uintptr_t back = last_back();
    if (back == not_used) return 0;
    return (back != none_back ? 1U : 0U) + (spare() != nullptr ? Batch : 0U) + (Batch - room());
  }

  // Of all open stocks of one depot, under its lock.
  template <class T>
  using cell = typename P::template cell<T>;
  cell<stock*> before{nullptr};
  cell<stock*> after{nullptr};

 private:
  static constexpr std::uintptr_t none_back = 0;
  static constexpr std::uintptr_t not_used = 1;

  // relaxed: written by one thread; whoever else reads them wants a number, not what is behind it
  static constexpr auto relaxed = std::memory_order_relaxed;
  [[nodiscard]] std::uintptr_t last_back() const noexcept { return last_back_.load(relaxed); }
  void set_last_back(std::uintptr_t to) noexcept { last_back_.store(to, relaxed); }
  [[nodiscard]] std::size_t room() const noexcept { return room_.load(relaxed); }
  void set_room(std::size_t to) noexcept { room_.store(to, relaxed); }
  [[nodiscard]] node* spare() const noexcept { return spare_.load(relaxed); }
  void set_spare(node* to) noexcept { spare_.store(to, relaxed); }

  void put_to_first(node& n) noexcept {
    n.next.set(first_);
    first_ = &n;
    set_room(room() - 1);
  }

  template <class T>
  using number = typename detail::statistic_on<P, T>::type;

  number<std::uintptr_t> last_back_{not_used};
  node* first_ = nullptr;
  number<std::size_t> room_{0};  // blocks that `first_` may still take; 0 unless open
  number<node*> spare_{nullptr};
};

}  // namespace trefoil
