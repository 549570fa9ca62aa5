// SPDX-License-Identifier: Apache-2.0
/// @file
/// Which code may take which lock, and in what order: told before anybody waits. (lockdep)
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "machine/place.hpp"
#include "trefoil/context.hpp"
#include "trefoil/mm/lock_class.hpp"

namespace trefoil::machine {

/// The locks that code on a CPU holds, interrupted code included. Its own code and its interrupts
/// alone touch it, in the nested order in which those run: what an interrupt adds it takes away again.
class held_locks {
 public:
  static constexpr std::size_t deepest = 16;

  void push(mm::lock_class c) noexcept {
    // An interrupt between the two finds a free entry here, not one of long ago.
    const unsigned at = depth_.load(std::memory_order_relaxed);
    if (at == deepest) return;
    depth_.store(at + 1, std::memory_order_relaxed);
    entries_[at].store(number(c), std::memory_order_relaxed);
  }
  /// The innermost of that class.
  void pop(mm::lock_class c) noexcept {
    unsigned at = depth_.load(std::memory_order_relaxed);
    for (unsigned i = at; i > 0; --i) {
      if (entries_[i - 1].load(std::memory_order_relaxed) != number(c)) continue;
      for (; i < at; ++i) {
        entries_[i - 1].store(entries_[i].load(std::memory_order_relaxed),
                              std::memory_order_relaxed);
      }
      entries_[at - 1].store(none, std::memory_order_relaxed);
      depth_.store(at - 1, std::memory_order_relaxed);
      return;
    }
  }
  /// Calls f(class) for each, outermost first.
  template <class F>
  void for_each(F&& f) const noexcept {
    const unsigned depth = depth_.load(std::memory_order_relaxed);
    for (unsigned i = 0; i < depth; ++i) {
      const unsigned char c = entries_[i].load(std::memory_order_relaxed);
      if (c != none) f(static_cast<mm::lock_class>(c - 1));
    }
  }

 private:
  static constexpr unsigned char none = 0;
  static unsigned char number(mm::lock_class c) noexcept {
    return static_cast<unsigned char>(static_cast<unsigned char>(c) + 1);
  }

  // Atomic for the sake of handlers on the same thread; relaxed, since there is but one.
  std::array<std::atomic<unsigned char>, deepest> entries_{};
  std::atomic<unsigned> depth_{0};
};

/// Judges by where code really is (place.hpp), not by the level that it claims: so it sees what the
/// mechanism would not, a teardown that somebody forces where it may not run.
///
/// | rule                                                              | because                          |
/// | ----------------------------------------------------------------- | -------------------------------- |
/// | a lock is taken only in a place whose level its class allows      | at `any` the code that was interrupted may hold it: a deadlock (pgd_lock from an RCU callback, 2016); below `process` one may not sleep |
/// | a lock is taken only under locks of earlier classes (lock_class)  | two CPUs that disagree wait for each other |
class lock_checker {
 public:
  enum class rule : std::uint8_t { place, order };
  struct report {
    rule broken;
    mm::lock_class taken;
    mm::lock_class held;  ///< order: the one that should come after
    place where;
  };

  explicit lock_checker(flavour kernel) noexcept : flavour_(kernel) {}
  lock_checker(const lock_checker&) = delete;
  lock_checker& operator=(const lock_checker&) = delete;

  /// Code in that place is about to take it. Context: any.
  void acquire(held_locks& held, place where, mm::lock_class c) noexcept;
  static void release(held_locks& held, mm::lock_class c) noexcept { held.pop(c); }

  /// How often a rule was broken.
  [[nodiscard]] std::size_t count() const noexcept {
    return count_.load(std::memory_order_acquire);
  }
  /// The first of them. When nobody takes locks.
  [[nodiscard]] std::vector<report> reports() const;

  /// The least level at which locks of the class may be taken.
  [[nodiscard]] static constexpr context::level needed(mm::lock_class c) noexcept {
    return c == mm::lock_class::mmap_lock ? context::process : context::atomic;
  }

 private:
  void tell(const report& r) noexcept;

  static constexpr std::size_t most_kept = 32;
  const flavour flavour_;
  std::array<report, most_kept> kept_{};
  std::atomic<std::size_t> count_{0};
};

[[nodiscard]] std::string describe(const lock_checker::report& r);

}  // namespace trefoil::machine
