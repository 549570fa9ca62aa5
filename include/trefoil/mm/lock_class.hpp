// SPDX-License-Identifier: Apache-2.0
/// @file
/// The locks of this layer by name, for platforms that check who takes which, where, and in what
/// order (lockdep).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace trefoil::mm {

/// One enumerator per kind of lock, in lock order: a thread that holds one takes only later ones.
///
/// | class         | kind         | may be taken at        | guards                                  |
/// | ------------- | ------------ | ---------------------- | --------------------------------------- |
/// | `mmap_lock`   | rw_semaphore | `process`              | VMAs; page tables, for writing alone    |
/// | `notifiers`   | spinlock     | `atomic` and above     | the sequence count of interval notifiers |
/// | `page_table`  | spinlock     | `atomic` and above     | page tables, beside mmap_lock for reading |
/// | `file`        | spinlock     | `atomic` and above     | which frame is which page of a file     |
/// | `pgd_lock`    | spinlock     | `atomic` and above     | pgd_list, the kernel half               |
/// | `frames`      | spinlock     | `atomic` and above     | free frames                             |
/// | `other`       | spinlock     | `atomic` and above     | a user's own                            |
enum class lock_class : std::uint8_t {
  mmap_lock,
  notifiers,
  page_table,
  file,
  pgd_lock,
  frames,
  other,
};

[[nodiscard]] constexpr std::string_view name_of(lock_class c) noexcept {
  switch (c) {
    case lock_class::mmap_lock: return "mmap_lock";
    case lock_class::notifiers: return "notifiers";
    case lock_class::page_table: return "page_table_lock";
    case lock_class::file: return "file";
    case lock_class::pgd_lock: return "pgd_lock";
    case lock_class::frames: return "frames";
    case lock_class::other: return "other";
  }
  return "?";
}

/// Tells a platform that listens: `P::lock_acquire(class, address)` before a lock is waited for, so
/// that a deadlock is told before it happens, and `P::lock_release(class, address)` after it was
/// released. Both noexcept, called in the context of whoever takes the lock.
template <class P>
void note_acquire(lock_class c, const void* lock) noexcept {
  if constexpr (requires { P::lock_acquire(c, lock); }) P::lock_acquire(c, lock);
}
template <class P>
void note_release(lock_class c, const void* lock) noexcept {
  if constexpr (requires { P::lock_release(c, lock); }) P::lock_release(c, lock);
}

}  // namespace trefoil::mm
