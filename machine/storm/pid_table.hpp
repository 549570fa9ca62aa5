// SPDX-License-Identifier: Apache-2.0
/// @file
/// Where others find tasks.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "machine/storm/task_struct.hpp"

namespace trefoil::machine {

/// A task in the table is not freed; one that was found under RCU stays until the section ends.
class pid_table {
 public:
  static constexpr std::uint32_t size = 256;

  /// False: the table is full.
  [[nodiscard]] bool add(task_contents& t) noexcept {
    for (std::uint32_t tries = 0; tries < size; ++tries) {
      const std::uint32_t pid = next_.fetch_add(1, std::memory_order_relaxed) % size;
      task_contents* nobody = nullptr;
      t.pid.store(pid, std::memory_order_relaxed);
      // release: pairs with the acquire of find(); who finds a task finds it constructed
      if (tasks_[pid].compare_exchange_strong(nobody, &t, std::memory_order_release,
                                              std::memory_order_relaxed))
        return true;
    }
    return false;
  }
  /// From the next grace period on, nobody has it. (release_task)
  void remove(const task_contents& t) noexcept {
    tasks_[t.pid.load(std::memory_order_relaxed)].store(nullptr, std::memory_order_release);
  }
  /// Null: no such task. Under RCU. (find_task_by_vpid)
  [[nodiscard]] task_contents* find(std::uint32_t pid) const noexcept {
    return tasks_[pid % size].load(std::memory_order_acquire);
  }

 private:
  std::atomic<std::uint32_t> next_{0};
  std::unique_ptr<std::atomic<task_contents*>[]> tasks_ =
      std::make_unique<std::atomic<task_contents*>[]>(size);
};

}  // namespace trefoil::machine
