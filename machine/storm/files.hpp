// SPDX-License-Identifier: Apache-2.0
/// @file
/// What a process has open, as far as it keeps address spaces.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "machine/held.hpp"
#include "machine/holder.hpp"
#include "machine/storm/secondary_mmu.hpp"

namespace trefoil::machine {

/// | file          | keeps         | what it does with it                                        | in Linux |
/// | ------------- | ------------- | ----------------------------------------------------------- | -------- |
/// | `proc_mem`    | proc_handle   | promotes for each read                                      | fs/proc/base.c |
/// | `proc_maps`   | proc_handle   | promotes for each read, and walks the mappings              | fs/proc/task_mmu.c |
/// | `userfaultfd` | struct_only   | promotes for each fault that it resolves                    | fs/userfaultfd.c |
/// | `umem`        | struct_only   | accounts pinned pages, after the exit as well               | drivers/infiniband/core/umem.c |
/// | `kvm`         | struct_only   | compares: is it still this one?                             | virt/kvm/kvm_main.c |
/// | `notifier`    | struct_only   | is told of every change (secondary_mmu.hpp)                 | mm/mmu_notifier.c |
/// | `interval_notifier` | struct_only | is told of changes of one range, and mirrors it           | the same |
/// | `vhost`       | struct_only   | a kernel thread promotes, and works in it (kthread_use_mm)  | drivers/vhost/vhost.c |
enum class file_kind : std::uint8_t {
  proc_mem,
  proc_maps,
  userfaultfd,
  umem,
  kvm,
  vhost,
  notifier,
  interval_notifier
};

[[nodiscard]] constexpr holder holder_of(file_kind k) noexcept {
  return k == file_kind::proc_mem || k == file_kind::proc_maps ? holder::proc_handle
                                                               : holder::struct_only;
}

struct file {
  file_kind kind;
  held kept;
  std::int64_t pinned_pages = 0;            ///< umem: what it has accounted
  std::unique_ptr<shadow_tables> shadow{};  ///< notifier
  std::unique_ptr<mirrored_word> mirror{};  ///< interval_notifier
};

/// The open files of a process, or those on their way from one to another. Thread-safe.
/// Context: process.
class files {
 public:
  [[nodiscard]] std::size_t count() {
    const std::lock_guard<std::mutex> locked(mutex_);
    return open_.size();
  }
  void add(file f) {
    const std::lock_guard<std::mutex> locked(mutex_);
    open_.push_back(std::move(f));
  }
  /// One of them, by a number that is any number; false: there is none.
  [[nodiscard]] bool take(std::size_t which, file& to) {
    const std::lock_guard<std::mutex> locked(mutex_);
    if (open_.empty()) return false;
    std::swap(open_[which % open_.size()], open_.back());
    to = std::move(open_.back());
    open_.pop_back();
    return true;
  }
  /// f(file&), under the lock, with one of them; false: there is none.
  template <class F>
  bool look_at(std::size_t which, F&& f) {
    const std::lock_guard<std::mutex> locked(mutex_);
    if (open_.empty()) return false;
    f(open_[which % open_.size()]);
    return true;
  }

 private:
  std::mutex mutex_;
  std::vector<file> open_;  // guarded by mutex_
};

}  // namespace trefoil::machine
