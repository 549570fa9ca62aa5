// SPDX-License-Identifier: Apache-2.0
/// @file
/// fork: of an address space whose every page has been written. The parent goes on writing then; what
/// the child sees is what was there before, byte by byte.
#include <cstddef>
#include <cstdint>
#include <vector>

#include <sys/types.h>
#include <unistd.h>

#include "child.hpp"
#include "linux_memory.hpp"
#include "machine.hpp"
#include "operations.hpp"
#include "pattern.hpp"

namespace bench {

namespace {

/// The call alone. The child waits at once, and goes through its memory after the measurement.
class linux_fork {
 public:
  linux_fork() { memory_.fill(); }

  void operator()(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      child_ = ::fork();
      if (child_ == 0) child();
    }
  }

  ~linux_fork() {
    if (child_ == none) return;
    must(child_ > 0, "fork failed");
    for (std::size_t i = 0; i < memory_.pages(); i += written_after_fork) *memory_.page(i) = ~i;
    go_.send();
    must(ends_right(child_), "the child of Linux's fork sees other bytes than its parent wrote");
    for (std::size_t i = 0; i < memory_.pages(); i += written_after_fork) {
      must(*memory_.page(i) == ~i, "Linux lost what the parent wrote after the fork");
    }
  }
  linux_fork(const linux_fork&) = delete;
  linux_fork& operator=(const linux_fork&) = delete;

 private:
  static constexpr pid_t none = -2;

  [[noreturn]] void child() const noexcept {
    go_.wait();
    ::_exit(static_cast<int>(memory_.is_filled() ? verdict::right : verdict::wrong));
  }

  signal_pipe go_;
  linux_memory memory_{sizes.touched};
  pid_t child_ = none;
};

class trefoil_fork {
 public:
  trefoil_fork() {
    machine::map_arena(parent_, sizes.touched);
    machine::fill(parent_, sizes.touched);
    frames_before_ = machine::here().frames_in_use();
    tables_ = machine::tables_for(sizes.touched) + machine::tables_for(1) - 1;
  }

  void operator()(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) child_ = trefoil::mm::fork(parent_, 2);
  }

  ~trefoil_fork() {
    if (!child_) return;
    must(machine::here().frames_in_use() == frames_before_ + tables_,
         "a fork of ours takes other frames than tables");
    for (std::size_t i = 0; i < sizes.touched; i += written_after_fork) {
      const std::uint64_t other = ~i;
      must(parent_->copy_to(machine::arena + i * page_size, &other, sizeof other) == sizeof other,
           "a parent of ours cannot write after a fork");
    }
    page_words seen;
    for (std::size_t i = 0; i < sizes.touched; ++i) {
      must(child_->copy_from(machine::arena + i * page_size, seen.data(), page_size) == page_size &&
               has_pattern(seen.data(), i),
           "a child of ours sees other bytes than its parent wrote");
    }
    child_.drop();
    must(machine::here().frames_in_use() == frames_before_, "a child of ours left frames behind");
  }
  trefoil_fork(const trefoil_fork&) = delete;
  trefoil_fork& operator=(const trefoil_fork&) = delete;

 private:
  user_ref parent_ = machine::here().process();
  user_ref child_;
  std::size_t frames_before_ = 0;
  std::size_t tables_ = 0;  // that a child has: for the arena, and for the other VMAs
};

}  // namespace

void add_forks(std::vector<operation>& to) {
  to.push_back(measured<trefoil_fork>("trefoil_fork", "mm::fork, all touched", 1));
  to.push_back(measured<linux_fork>("linux_fork", "fork(2), all touched", 1, false));
}

}  // namespace bench
