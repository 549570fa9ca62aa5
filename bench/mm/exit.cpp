// SPDX-License-Identifier: Apache-2.0
/// @file
/// The end of an address space whose every page was touched, and the part of it that is nothing but
/// unmapping.
#include <chrono>
#include <cstddef>
#include <new>
#include <vector>

#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

#include "child.hpp"
#include "linux_memory.hpp"
#include "machine.hpp"
#include "operations.hpp"

namespace bench {

namespace {

using clock = std::chrono::steady_clock;  // CLOCK_MONOTONIC: one for all processes

/// From the child's last instruction to the parent's return from wait(): the end of everything that a
/// process is, not of its address space alone. linux_unmap_all is that.
class linux_exit {
 public:
  explicit linux_exit(std::size_t n) {
    if (n == 0) return;
    void* const at =
        ::mmap(nullptr, page_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(at != MAP_FAILED, "no memory to share");
    begin_ = ::new (at) clock::time_point;
    child_ = ::fork();
    must(child_ >= 0, "fork failed");
    if (child_ == 0) child();
    touched_.wait();
  }

  void operator()(std::size_t) {
    if (begin_ == nullptr) return;
    go_.send();
    right_ = ends_right(child_);
    took_ = clock::now() - *begin_;
  }
  [[nodiscard]] nanoseconds took() const { return took_; }

  ~linux_exit() {
    if (begin_ == nullptr) return;
    must(right_, "a child of Linux did not end as it should");
    ::munmap(begin_, page_size);
  }
  linux_exit(const linux_exit&) = delete;
  linux_exit& operator=(const linux_exit&) = delete;

 private:
  [[noreturn]] void child() const {
    const linux_memory own(sizes.touched);
    own.touch();
    touched_.send();
    go_.wait();
    *begin_ = clock::now();
    ::_exit(static_cast<int>(verdict::right));
  }

  signal_pipe touched_;
  signal_pipe go_;
  clock::time_point* begin_ = nullptr;  // in memory that both processes have
  pid_t child_ = 0;
  nanoseconds took_{0};
  bool right_ = false;
};

class linux_unmap_all {
 public:
  linux_unmap_all() { memory_.touch(); }
  void operator()(std::size_t n) {
    if (n != 0) memory_.unmap();
  }

 private:
  linux_memory memory_{sizes.touched};
};

/// An address space with all pages touched, and the frames in use without it, and without its arena.
class touched_space {
 public:
  touched_space() {
    machine::map_arena(space, sizes.touched);
    machine::touch(space, sizes.touched);
    must(machine::here().frames_in_use() ==
             without_arena + sizes.touched + machine::tables_for(sizes.touched) - 1,
         "an address space of ours has not the frames that it should have");
  }
  touched_space(const touched_space&) = delete;
  touched_space& operator=(const touched_space&) = delete;

  const std::size_t without_space = machine::here().frames_in_use();
  user_ref space = machine::here().process();
  const std::size_t without_arena = machine::here().frames_in_use();
};

/// The last reference to the mappings is dropped, and everything goes with it.
class trefoil_exit : touched_space {
 public:
  void operator()(std::size_t n) {
    if (n != 0) space.drop();
  }
  ~trefoil_exit() {
    space.drop();
    must(machine::here().frames_in_use() == without_space,
         "an address space of ours left frames behind");
  }
  trefoil_exit() = default;
  trefoil_exit(const trefoil_exit&) = delete;
  trefoil_exit& operator=(const trefoil_exit&) = delete;
};

class trefoil_unmap_all : touched_space {
 public:
  void operator()(std::size_t n) {
    if (n == 0) return;
    must(space->munmap(machine::arena, sizes.touched * page_size) == trefoil::mm::error::none,
         "munmap of ours");
    must(machine::here().frames_in_use() == without_arena, "munmap of ours left frames behind");
  }
};

}  // namespace

void add_exits(std::vector<operation>& to) {
  to.push_back(measured<trefoil_exit>("trefoil_exit", "the last drop, all touched", 1));
  to.push_back(measured<linux_exit>("linux_exit", "_exit(2) to wait(2), all touched", 1, false));
  to.push_back(
      measured<trefoil_unmap_all>("trefoil_unmap_all", "munmap of all that is touched", 1));
  to.push_back(
      measured<linux_unmap_all>("linux_unmap_all", "munmap(2) of all that is touched", 1, false));
}

}  // namespace bench
