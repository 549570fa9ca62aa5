// SPDX-License-Identifier: Apache-2.0
/// @file
/// A platform for checkers that run LLVM IR: memory from malloc, std::atomic, plain cells (whose
/// races the checker reports by itself), a misuse ends the program.
///
/// What such a checker may not know is left out: no <thread>, no futex, no static constructors or
/// destructors, no exceptions.
#pragma once

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include <atomic>
#include <cstddef>

#include "trefoil/context.hpp"
#include "trefoil/deferred.hpp"
#include "trefoil/findable.hpp"
#include "trefoil/inline_only.hpp"
#include "trefoil/make.hpp"
#include "trefoil/misuse.hpp"
#include "trefoil/packed_counts.hpp"
#include "trefoil/platform.hpp"
#include "trefoil/polled.hpp"
#include "trefoil/ref.hpp"
#include "trefoil/staged.hpp"
#include "trefoil/take_all_list.hpp"

namespace harness {

struct platform {
  template <class T>
  using atomic = std::atomic<T>;
  template <class T>
  using cell = trefoil::plain_cell<T>;

  static trefoil::context::state<platform>& state() noexcept;
  // The programs misuse nothing: a report is a bug found.
  static void report(trefoil::misuse, const void*) noexcept {
    const bool misuse_reported = true;
    assert(!misuse_reported);
  }
  static void* allocate(std::size_t bytes, std::size_t) noexcept { return malloc(bytes); }
  static void deallocate(void* p, std::size_t, std::size_t) noexcept { free(p); }
  static void relax() noexcept {}
};

/// What a thread knows of itself. Constant-initialised: no code runs before main().
inline constinit thread_local trefoil::context::state<platform> this_thread{};

inline trefoil::context::state<platform>& platform::state() noexcept { return this_thread; }

/// Storage straight from malloc, so that the checker sees every free and what is touched after it.
struct from_malloc {
  template <class P, std::size_t Size, std::size_t Align, class Blocks = trefoil::raw_blocks<P>>
  struct source {
    static_assert(Align <= alignof(std::max_align_t));
    static void* allocate(trefoil::context::level) noexcept { return malloc(Size); }
    static void release(void* block, trefoil::context::level) noexcept { free(block); }
    static std::size_t trim() noexcept { return 0; }
  };
};

/// Storage for findable objects: slots that are constructed once, and used again. One maker at a time.
struct from_slots {
  template <class P, std::size_t Size, std::size_t Align, class Blocks = trefoil::raw_blocks<P>>
  struct source {
    static_assert(Align <= alignof(std::max_align_t));
    static inline constinit trefoil::take_all_list<P> free_slots{};

    static void* allocate(trefoil::context::level) noexcept {
      trefoil::deferred<P>* const slot = free_slots.take_all();
      if (slot == nullptr) {
        void* const memory = malloc(Size);
        return memory == nullptr ? nullptr : Blocks::carve(memory);
      }
      // The node is the first member of a slot.
      trefoil::deferred<P>* const rest = slot->next.get();
      if (rest != nullptr) free_slots.push(*rest);  // two slots are the most that a program uses
      return slot;
    }
    static void release(void* block, trefoil::context::level) noexcept {
      free_slots.push(*Blocks::freed(block));
    }
    static std::size_t trim() noexcept { return 0; }
  };
};

/// Runs a function on a thread of its own.
inline pthread_t start(void* (*run)(void*), void* argument) noexcept {
  pthread_t thread;
  const int failed = pthread_create(&thread, nullptr, run, argument);
  assert(failed == 0);
  static_cast<void>(failed);
  return thread;
}
inline void join(pthread_t thread) noexcept {
  const int failed = pthread_join(thread, nullptr);
  assert(failed == 0);
  static_cast<void>(failed);
}

}  // namespace harness
