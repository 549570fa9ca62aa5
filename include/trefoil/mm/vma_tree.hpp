// SPDX-License-Identifier: Apache-2.0
/// @file
/// All VMAs of an address space, by address, each as large as it can be.
///
/// Neighbours that are alike, and whose offsets in the file go on, are one VMA: that is what the
/// calls below keep true. They do not allocate: what they need is in a `vma_reserve` that was filled
/// before mmap_lock was taken, so that running out of memory is told before anything has changed, and
/// what they take out goes there, so that the last reference to a file is dropped after the lock.
///
/// Why Boost.Intrusive: its red-black tree takes nodes and never makes them, so nothing in here can
/// fail half-way; fork() appends in order without a comparison; a border between two VMAs moves by
/// a store. Boost.ICL's interval_map, with `offset - address` in its value so that files merge by
/// themselves, would save split() to change(); but it makes its own nodes, in the middle of an operation,
/// through an allocator that it constructs itself: to find nothing changed after bad_alloc would
/// need a copy of the map first. std::map with node handles could do it, by exceptions again, and
/// would have to take a node out to move its border. (Linux: a maple tree and vm_area_cachep, with
/// vma_iter_prealloc() for the same reason.)
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <new>
#include <utility>

#include <boost/intrusive/set.hpp>

#include "trefoil/mm/vma.hpp"

namespace trefoil::mm {

/// VMAs that are in no tree: fresh ones for an operation to use, and those it has taken out.
/// Context: `process`, outside mmap_lock, for construction and destruction. The rest: under it.
template <class P>
class vma_reserve {
  using source =
      typename P::traits::storage::template source<P, sizeof(vm_area<P>), alignof(vm_area<P>)>;

 public:
  vma_reserve() noexcept = default;
  explicit vma_reserve(std::size_t wanted) noexcept { static_cast<void>(fill(wanted)); }
  ~vma_reserve() {
    release(fresh_);
    release(gone_);
  }
  vma_reserve(const vma_reserve&) = delete;
  vma_reserve& operator=(const vma_reserve&) = delete;

  /// Sees to it that there are so many; false: no memory.
  [[nodiscard]] bool fill(std::size_t wanted) noexcept {
    const context::level here = P::state().here();
    while (size_ < wanted) {
      void* const memory = source::allocate(here);
      if (memory == nullptr) return false;
      push(fresh_, *::new (memory) vm_area<P>);
      ++size_;
    }
    return true;
  }
  /// Fresh ones.
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  /// Precondition: there is a fresh one.
  [[nodiscard]] vm_area<P>& take() noexcept {
    vm_area<P>& v = *fresh_;
    fresh_ = v.next_free;
    --size_;
    return v;
  }
  /// One that has been taken out. It is not used again here: its file is dropped after the lock.
  void discard(vm_area<P>& v) noexcept { push(gone_, v); }

 private:
  static void push(vm_area<P>*& list, vm_area<P>& v) noexcept {
    v.next_free = list;
    list = &v;
  }
  static void release(vm_area<P>* list) noexcept {
    const context::level here = P::state().here();
    while (list != nullptr) {
      vm_area<P>* const v = std::exchange(list, list->next_free);
      v->~vm_area<P>();
      source::release(v, here);
    }
  }

  vm_area<P>* fresh_ = nullptr;
  vm_area<P>* gone_ = nullptr;
  std::size_t size_ = 0;
};

template <class P>
class vma_tree {
  struct start_of {
    using type = std::uint64_t;
    const type& operator()(const vm_area<P>& v) const noexcept { return v.start; }
  };
  using set = boost::intrusive::set<vm_area<P>, boost::intrusive::key_of_value<start_of>>;

 public:
  using iterator = typename set::iterator;
  using const_iterator = typename set::const_iterator;

  vma_tree() noexcept = default;
  vma_tree(const vma_tree&) = delete;
  vma_tree& operator=(const vma_tree&) = delete;

  [[nodiscard]] iterator begin() noexcept { return set_.begin(); }
  [[nodiscard]] iterator end() noexcept { return set_.end(); }
  [[nodiscard]] const_iterator begin() const noexcept { return set_.begin(); }
  [[nodiscard]] const_iterator end() const noexcept { return set_.end(); }
  [[nodiscard]] std::size_t size() const noexcept { return set_.size(); }
  [[nodiscard]] bool empty() const noexcept { return set_.empty(); }

  /// The first VMA that ends after the address: the one it is in, or the next. O(log n). (find_vma)
  [[nodiscard]] iterator find(std::uint64_t address) noexcept {
    const iterator after = set_.upper_bound(address);
    if (after != set_.begin()) {
      const iterator before = std::prev(after);
      if (before->end > address) return before;
    }
    return after;
  }
  /// The VMA that the address is in, or null. O(log n). (vma_lookup)
  [[nodiscard]] vm_area<P>* lookup(std::uint64_t address) noexcept {
    const iterator v = find(address);
    return v != end() && v->start <= address ? &*v : nullptr;
  }
  [[nodiscard]] iterator iterator_to(vm_area<P>& v) noexcept { return set_.iterator_to(v); }
  /// Something is mapped in [start, end). O(log n). (find_vma_intersection)
  [[nodiscard]] bool any_in(std::uint64_t from, std::uint64_t to) noexcept {
    const iterator v = find(from);
    return v != end() && v->start < to;
  }
  /// The end of the nearest VMA below, the start of the nearest above: where the gap that begins
  /// or ends there does.
  [[nodiscard]] std::uint64_t gap_floor(iterator at) noexcept {
    return at == begin() ? 0 : std::prev(at)->end;
  }
  [[nodiscard]] std::uint64_t gap_ceiling(iterator at) noexcept {
    return at == end() ? user_end : at->start;
  }

  /// Precondition: it overlaps none. `before`: the one that follows it. O(1).
  iterator insert(iterator before, vm_area<P>& v) noexcept { return set_.insert(before, v); }
  /// Precondition: it starts after all others. O(1).
  void push_back(vm_area<P>& v) noexcept { set_.push_back(v); }
  /// Returns the one that follows. O(1).
  iterator erase(iterator v) noexcept { return set_.erase(v); }

  /// Takes all of them out. O(n).
  void clear(vma_reserve<P>& reserve) noexcept {
    set_.clear_and_dispose([&](vm_area<P>* v) { reserve.discard(*v); });
  }

  /// Cuts a VMA in two at an address inside it; the iterator stays with the part in front, the
  /// other is returned. O(1). (__split_vma)
  iterator split(iterator v, std::uint64_t at, vma_reserve<P>& reserve) noexcept {
    vm_area<P>& behind = reserve.take();
    behind.start = at;
    behind.end = v->end;
    behind.kind = v->kind;
    behind.page_offset = v->page_offset_at(at);
    behind.has_anon = v->has_anon;
    v->end = at;
    return insert(std::next(v), behind);
  }

  /// Both are one, if they are alike and touch. O(1). (can_vma_merge_after)
  [[nodiscard]] static bool can_merge(const vm_area<P>& a, const vm_area<P>& b) noexcept {
    return a.end == b.start && a.alike(b.kind) && a.page_offset_at(a.end) == b.page_offset;
  }
  /// Joins a VMA with those before and behind it that it can be one with; returns what became of it.
  /// O(1). (vma_merge)
  iterator merge(iterator v, vma_reserve<P>& reserve) noexcept {
    if (v != begin()) {
      const iterator before = std::prev(v);
      if (can_merge(*before, *v)) v = absorb(before, v, reserve);
    }
    const iterator behind = std::next(v);
    if (behind != end() && can_merge(*v, *behind)) v = absorb(v, behind, reserve);
    return v;
  }

  /// [from, to), all of it inside one VMA, becomes of another kind. Returns the VMA that has the
  /// range then, joined with its neighbours where it can be; end(), and nothing changed: there would
  /// be more than `limit`. Takes up to two from the reserve. O(1). (vma_modify)
  iterator change(iterator v, std::uint64_t from, std::uint64_t to, const vma_kind<P>& kind,
                  std::size_t limit, vma_reserve<P>& reserve) noexcept {
    const bool at_start = from == v->start;
    const bool at_end = to == v->end;
    if (at_start && !at_end && v != begin()) {  // the border to the neighbour before moves?
      const iterator before = std::prev(v);
      if (before->end == from && before->alike(kind) &&
          before->page_offset_at(from) == v->page_offset) {
        v->page_offset = v->page_offset_at(to);
        v->start = to;
        before->end = to;
        before->has_anon = before->has_anon || v->has_anon;
        return before;
      }
    }
    if (at_end && !at_start && std::next(v) != end()) {  // or the one to the neighbour behind?
      const iterator behind = std::next(v);
      if (behind->start == to && behind->alike(kind) &&
          v->page_offset_at(to) == behind->page_offset) {
        behind->page_offset = v->page_offset_at(from);
        behind->start = from;
        behind->has_anon = behind->has_anon || v->has_anon;
        v->end = from;
        return behind;
      }
    }
    if (set_.size() + (at_start ? 0U : 1U) + (at_end ? 0U : 1U) > limit) return end();
    if (!at_start) v = split(v, from, reserve);
    if (!at_end) split(v, to, reserve);
    v->kind = kind;
    return merge(v, reserve);
  }

 private:
  iterator absorb(iterator into, iterator from, vma_reserve<P>& reserve) noexcept {
    into->end = from->end;
    into->has_anon = into->has_anon || from->has_anon;
    erase(from);
    reserve.discard(*from);
    return into;
  }

  set set_;
};

}  // namespace trefoil::mm
