// SPDX-License-Identifier: Apache-2.0
/// @file
/// A thread, or an exception that says which one there was none for, and whether it was for want of memory.
#pragma once

#include <cerrno>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include <pthread.h>
#include <sys/mman.h>

namespace trefoil::machine {

namespace detail {
/// The C library says EAGAIN whatever is missing.
inline bool memory_for_a_stack() noexcept {
  pthread_attr_t usual;
  std::size_t bytes = 0;
  if (pthread_getattr_default_np(&usual) != 0) return true;
  pthread_attr_getstacksize(&usual, &bytes);
  pthread_attr_destroy(&usual);
  void* const stack =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (stack == MAP_FAILED) return false;
  munmap(stack, bytes);
  return true;
}
}  // namespace detail

/// Throws std::system_error: ENOMEM, or EAGAIN where it is the number of threads that is limited.
template <class F>
[[nodiscard]] std::thread thread_for(const std::string& whom, F&& f) {
  try {
    return std::thread(std::forward<F>(f));
  } catch (const std::system_error& e) {
    const auto code = detail::memory_for_a_stack()
                          ? e.code()
                          : std::make_error_code(std::errc::not_enough_memory);
    throw std::system_error(code, "no thread for " + whom);
  }
}

}  // namespace trefoil::machine
