// SPDX-License-Identifier: Apache-2.0
/// @file
/// The platform: what the mechanism needs from the place where it runs.
///
/// Everything in this layer is a template over a platform, so that the same code serves threads of
/// an operating system (`trefoil::threads`, in os/threads.hpp), the virtual CPUs of a machine, a
/// kernel without a standard library, and a test scheduler that explores every interleaving.
///
/// A platform is a class with
///
/// | member                              | what it is                                                |
/// | ----------------------------------- | --------------------------------------------------------- |
/// | `template <class T> atomic`         | `std::atomic<T>` or a stand-in with its interface         |
/// | `template <class T> cell`           | shared data that is NOT atomic: `plain_cell<T>`, or one that reports races; made from a value, or without |
/// | `state() noexcept`                  | `context::state<P>&` of whoever runs now: thread, CPU     |
/// | `report(misuse, const void*) noexcept` | told of each misuse; callable at level `any`           |
/// | `allocate(bytes, align) noexcept`   | memory, or null; called at level `process` only           |
/// | `deallocate(p, bytes, align) noexcept` | its opposite; level `process` only                     |
/// | `relax() noexcept`                  | one turn of a spinning wait                               |
///
/// and, where the place has them,
///
/// | member                              | what it is                                                |
/// | ----------------------------------- | --------------------------------------------------------- |
/// | `template <class T> local() noexcept` | `T&`, one per thread, constant-initialised, valid until the thread is gone |
/// | `at_thread_exit(thread_exit_hook&) noexcept` | asks for a call when this thread ends; level `process`; false: it cannot be had any more |
/// | `template <class T> statistic`      | stands in for `atomic<T>` in numbers that order nothing   |
/// | `wait(atomic<uint32_t>&, expected) noexcept` | blocks while the word has that value (may wake early); level `process` |
/// | `wait_for(atomic<uint32_t>&, expected, uint32_t) noexcept` | as wait, but no longer than that many milliseconds |
/// | `wake_one`, `wake_all(atomic<uint32_t>&) noexcept` | wakes waiters; callable at level `any`; uses the address alone |
/// | `lock_turns`                        | `unsigned`: turns of a lock before it sleeps (memory/short_lock.hpp) |
/// | `start_thread(void (*)()) noexcept` | runs a function on a thread of its own, signals blocked; false: none to be had |
/// | `in_forked_child(void (*)()) noexcept` | asks for a call in the child after a fork()              |
/// | `around_fork(void (*)(), void (*)(), void (*)()) noexcept` | asks for calls before a fork(), and after it in the parent and in the child |
/// | `lanes() noexcept`                  | how many cells a per-CPU count has, the same number always; level `process`; else 1 |
/// | `lane() noexcept`                   | which of them whoever runs now adds to, by an atomic add |
/// | `add_in_section(const atomic<uint64_t>&, uint64_t) noexcept` | restartable sections (os/cpu_sections.hpp): adds to the CPU's cell, or false; acquires what opened it |
/// | `sections_work() noexcept`          | whether they do, always the same; level `process` the first time |
/// | `restart_sections() noexcept`       | all that are under way are made, or begin anew; false: refused; level `process` |
/// | `enter(region)`, `leave(region)`    | told when a thread goes through a part of the mechanism   |
#pragma once

#include <concepts>
#include <cstddef>

#include "trefoil/misuse.hpp"

namespace trefoil {

/// Data that several threads touch, never at the same time: what orders them is an atomic beside
/// it. A test platform puts a cell here that checks just that.
/// Without a value until set, or value-initialised. Context: any. Cost: a plain load or store.
template <class T>
class plain_cell {
 public:
  constexpr plain_cell() noexcept = default;
  constexpr explicit plain_cell(T value) noexcept : value_(value) {}
  [[nodiscard]] constexpr T get() const noexcept { return value_; }
  constexpr void set(T value) noexcept { value_ = value; }

 private:
  T value_;
};

/// From a cell of a per-CPU count to that of the same count on the next CPU, in bytes (cpu_cells.hpp).
inline constexpr std::size_t cell_stride = 1024;

/// A request to be called when the present thread ends. Embedded in what wants the call.
struct thread_exit_hook {
  void (*run)(thread_exit_hook&) noexcept = nullptr;
  thread_exit_hook* next = nullptr;
};

/// Parts of the mechanism that a platform may want to know a thread is in: lock checkers, tracers,
/// and tests that must prove that a signal landed there.
enum class region : unsigned char { pool, reclaimer };

/// Tells the platform, if it listens, that this thread is inside a region while this lives.
template <class P, region R>
class [[nodiscard]] inside {
 public:
  inside() noexcept {
    if constexpr (requires { P::enter(R); }) P::enter(R);
  }
  ~inside() {
    if constexpr (requires { P::leave(R); }) P::leave(R);
  }
  inside(const inside&) = delete;
  inside& operator=(const inside&) = delete;
};

/// The members every platform has (the table above). What has a template in its signature is
/// checked where it is used.
template <class P>
concept platform = requires(misuse kind, const void* what, void* p, std::size_t n) {
  { P::state() } noexcept;
  { P::report(kind, what) } noexcept;
  { P::allocate(n, n) } noexcept -> std::same_as<void*>;
  { P::deallocate(p, n, n) } noexcept;
  { P::relax() } noexcept;
};

}  // namespace trefoil
