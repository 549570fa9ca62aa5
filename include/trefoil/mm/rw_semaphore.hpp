// SPDX-License-Identifier: Apache-2.0
/// @file
/// A lock for many readers or one writer whose waiters may sleep: mmap_lock is one.
#pragma once

#include <atomic>
#include <cstdint>

#include "trefoil/context.hpp"
#include "trefoil/mm/lock_class.hpp"

namespace trefoil::mm {

/// Linux's rw_semaphore in its simplest form that starves no writer: one who has to wait says so in
/// the word, readers that come later let him pass, and when the last reader has left, the lock is his.
///
/// | word                         | meaning                                   | a reader    | a writer    |
/// | ---------------------------- | ----------------------------------------- | ----------- | ----------- |
/// | 0                            | free                                      | enters      | enters      |
/// | n                            | n readers                                 | enters      | says so, waits |
/// | n, or 0, and `pending`       | ... and a writer waits                    | waits       | waits; enters at 0 |
/// | `writer`                     | a writer; who comes next is open          | waits       | says so, waits |
/// | any of these and `sleepers`  | whoever leaves last wakes all             |             |             |
///
/// Context: `process`; waits with P::wait where the platform has it, and spins where it has not. Not
/// recursive, for readers neither. Trivially destructible: an identity that dies at level `any` has one.
///
/// A guard opens a scope of level `atomic`: a teardown that takes the same lock (exit_mmap) does not
/// run under it, it is deferred.
template <class P>
class rw_semaphore {
 public:
  constexpr explicit rw_semaphore(lock_class c) noexcept : class_(c) {}
  rw_semaphore(const rw_semaphore&) = delete;
  rw_semaphore& operator=(const rw_semaphore&) = delete;

 private:
  template <bool Writes>
  class [[nodiscard]] basic_guard {
   public:
    explicit basic_guard(rw_semaphore& lock) noexcept : lock_(told(lock)), below_(context::atomic) {
      if constexpr (Writes) {
        lock_.lock();
      } else {
        lock_.lock_shared();
      }
    }
    ~basic_guard() {
      rw_semaphore& lock = lock_;
      const lock_class c = lock.class_;
      if constexpr (Writes) {
        lock.unlock();
      } else {
        lock.unlock_shared();
      }
      note_release<P>(c, &lock);  // its address alone: the lock may be gone
    }
    basic_guard(const basic_guard&) = delete;
    basic_guard& operator=(const basic_guard&) = delete;

   private:
    static rw_semaphore& told(rw_semaphore& lock) noexcept {
      note_acquire<P>(lock.class_, &lock);
      return lock;
    }

    rw_semaphore& lock_;
    context::basic_scope<P> below_;  // closes after the lock is released, as it opens before
  };

 public:
  /// Holds the lock for reading, and the level at `atomic`, while it lives. (mmap_read_lock)
  using read_guard = basic_guard<false>;
  /// The same for writing. (mmap_write_lock)
  using write_guard = basic_guard<true>;

 private:
  using word_type = std::uint32_t;
  static constexpr word_type writer = word_type{1} << 31;
  static constexpr word_type sleepers = word_type{1} << 30;
  static constexpr word_type pending = word_type{1} << 29;
  static constexpr word_type holders = ~(sleepers | pending);

  void lock_shared() noexcept {
    word_type w = word_.load(std::memory_order_relaxed);
    for (int turn = 0;;) {
      if ((w & (writer | pending)) != 0) {
        w = wait_for_change(w, w, turn);
      } else if (word_.compare_exchange_weak(w, w + 1, std::memory_order_acquire,
                                             std::memory_order_relaxed)) {
        return;  // acquire: pairs with the writer's release in unlock()
      }
    }
  }
  void lock() noexcept {
    word_type w = 0;
    for (int turn = 0;;) {
      if ((w & holders) != 0) {
        w = wait_for_change(w, w | pending, turn);
      } else if (word_.compare_exchange_weak(w, writer | (w & sleepers), std::memory_order_acquire,
                                             std::memory_order_relaxed)) {
        return;  // acquire: pairs with the releases in unlock() and, through the chain of
                 // read-modify-writes, in every unlock_shared() since the last writer
      }
    }
  }
  void unlock_shared() noexcept {
    word_type w = word_.load(std::memory_order_relaxed);
    word_type left = 0;
    do {
      left = w - 1;
      if ((left & holders) == 0) left &= pending;
    } while (!word_.compare_exchange_weak(w, left, std::memory_order_release,
                                          std::memory_order_relaxed));
    // release: pairs with the acquire in lock()
    if ((w & ~left & sleepers) != 0) wake();
  }
  void unlock() noexcept {
    // release: pairs with the acquires in lock() and lock_shared()
    if ((word_.exchange(0, std::memory_order_release) & sleepers) != 0) wake();
  }

  /// Says `wanted` instead of `w` in the word, spins for some turns and then sleeps while the word is
  /// like that; returns what it is then. Relaxed: nothing is taken here. It is a read-modify-write, so
  /// what the last release has handed on goes on to whoever takes the lock after it.
  word_type wait_for_change(word_type w, word_type wanted, int& turn) noexcept {
    bool sleeps_now = false;
    if constexpr (sleeps) {
      sleeps_now = ++turn > spins;
      if (sleeps_now) wanted |= sleepers;
    }
    if (w != wanted && !word_.compare_exchange_strong(w, wanted, std::memory_order_relaxed,
                                                      std::memory_order_relaxed)) {
      return w;
    }
    if constexpr (sleeps) {
      if (sleeps_now) {
        P::wait(word_, wanted);
      } else {
        P::relax();
      }
    } else {
      P::relax();
    }
    return word_.load(std::memory_order_relaxed);
  }
  void wake() noexcept {
    if constexpr (sleeps) P::wake_all(word_);
  }

  using atomic_word = typename P::template atomic<word_type>;
  static constexpr bool sleeps = requires(atomic_word& w) {
    P::wait(w, word_type{});
    P::wake_all(w);
  };
  /// Turns before one sleeps: about as long as a fault holds it, unless the platform says otherwise.
  static constexpr int spins = [] {
    if constexpr (requires { P::turns_before_sleep; }) {
      return P::turns_before_sleep;
    } else {
      return 100;
    }
  }();

  atomic_word word_{0};
  const lock_class class_;
};

}  // namespace trefoil::mm
