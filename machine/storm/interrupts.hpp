// SPDX-License-Identifier: Apache-2.0
/// @file
/// Hard interrupts: real signals, at random instants, on threads that are CPUs.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include <pthread.h>
#include <signal.h>

namespace trefoil::machine {

/// Sends interrupts to those that ask for them while it lives. One at a time in a process.
class interrupts {
 public:
  /// Called on the thread of a CPU, in a signal handler. `whose` is what the CPU gave.
  using handler = void (*)(void* whose) noexcept;

  /// One interrupt each 20 to 20 + `spread_us` microseconds, on a random CPU. The thread that makes
  /// this and takes it down again blocks the signal meanwhile. Throws std::system_error without a thread.
  interrupts(handler entry, std::uint64_t seed, std::uint32_t spread_us);
  ~interrupts();
  interrupts(const interrupts&) = delete;
  interrupts& operator=(const interrupts&) = delete;

  /// The calling thread takes interrupts while this lives.
  class [[nodiscard]] target {
   public:
    target(interrupts& from, void* whose);
    ~target();
    target(const target&) = delete;
    target& operator=(const target&) = delete;

   private:
    interrupts& from_;
  };

 private:
  void send(std::uint64_t seed, std::uint32_t spread_us);
  void let_go() noexcept;

  std::mutex mutex_;
  std::vector<pthread_t> targets_;  // guarded by mutex_: none of them ends while we signal it
  std::atomic<bool> ending_{false};
  struct sigaction before_ {};
  bool was_blocked_ = false;
  std::thread source_;
};

}  // namespace trefoil::machine
