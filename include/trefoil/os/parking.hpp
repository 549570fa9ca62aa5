// SPDX-License-Identifier: Apache-2.0
/// @file
/// Sleeping on a word: Linux's futex where there is one, std::atomic::wait elsewhere.
#pragma once

#include <atomic>
#include <cstdint>
#include <ctime>
#include <limits>

#if defined(__linux__)
#include <cerrno>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace trefoil::detail {

inline constexpr int unpark_all = std::numeric_limits<int>::max();

/// Blocks while `word` is `expected`; may return early. Level: process.
inline void park(std::atomic<std::uint32_t>& word, std::uint32_t expected) noexcept {
#if defined(__linux__)
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, expected, nullptr, nullptr, 0);
#else
  word.wait(expected);
#endif
}

/// The same, for `milliseconds` at most.
inline void park_for(std::atomic<std::uint32_t>& word, std::uint32_t expected,
                     std::uint32_t milliseconds) noexcept {
  const timespec most{.tv_sec = static_cast<std::time_t>(milliseconds / 1000),
                      .tv_nsec = static_cast<long>(milliseconds % 1000) * 1'000'000};
#if defined(__linux__)
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, expected, &most, nullptr, 0);
#else
  // No timed wait on an atomic: it is looked at once, and whoever changes it wakes nobody.
  if (word.load(std::memory_order_relaxed) == expected) nanosleep(&most, nullptr);
#endif
}

/// Wakes up to `most` of those parked on `word`. Uses its address, never its value: the word may be
/// gone already. Async-signal-safe: one system call, errno as it was.
inline void unpark(std::atomic<std::uint32_t>& word, int most) noexcept {
#if defined(__linux__)
  const int saved = errno;
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, most, nullptr, nullptr, 0);
  errno = saved;
#else
  most == 1 ? word.notify_one() : word.notify_all();
#endif
}

/// One turn of a spinning wait.
inline void relax_once() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");
#endif
}

}  // namespace trefoil::detail
