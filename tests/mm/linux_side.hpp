// SPDX-License-Identifier: Apache-2.0
/// @file
/// Linux's side of the comparison: a child that makes the calls in a part of its own address space that it
/// has cleared for that. It allocates nothing and touches no page that it maps.
#pragma once

#include "linux_calls.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace against_linux {

class linux_side {
 public:
  linux_side(board_of_both& both, int from_parent, int to_parent)
      : both_(both), in_(from_parent), out_(to_parent) {}

  [[noreturn]] void run() {
    prepare();
    char go = 0;
    tell();
    while (read(in_, &go, 1) == 1) {
      for (std::size_t i = 0; i < both_.calls; ++i) {
        both_.answered[i].value = make(both_.asked[i]);
        look(both_.answered[i]);
      }
      tell();
    }
    _exit(0);
  }

 private:
  void tell() const {
    const char done = 1;
    if (write(out_, &done, 1) != 1) _exit(4);
  }

  static std::int64_t raw(long result) { return result == -1 ? -errno : result; }

  static std::uint64_t reserve(std::uint64_t bytes) {
    void* const at =
        mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) _exit(5);
    return reinterpret_cast<std::uint64_t>(at);
  }

  /// Clears the arena, and sees to it that it is the highest place where anything can be mapped.
  void prepare() {
    fds_[1] = static_cast<int>(syscall(SYS_memfd_create, "a", 0));
    fds_[2] = static_cast<int>(syscall(SYS_memfd_create, "b", 0));
    const int fence = static_cast<int>(syscall(SYS_memfd_create, "fence", 0));
    maps_ = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    if (fds_[1] < 0 || fds_[2] < 0 || fence < 0 || maps_ < 0) _exit(5);
    for (int i = 1; i <= 2; ++i) {
      struct stat seen {};
      if (fstat(fds_[i], &seen) != 0) _exit(5);
      both_.inodes[i] = seen.st_ino;
    }
    if (ftruncate(fds_[1], memfd_bytes) != 0 || ftruncate(fds_[2], memfd_bytes) != 0) _exit(5);
    // The upper end of a hole with room for all that may land below the arena.
    constexpr std::uint64_t enough = 2 * below_arena;
    const std::uint64_t room = reserve(enough);
    const std::uint64_t end = room + enough - page_size;
    both_.arena = end - arena_bytes;
    // Like nothing else: what is mapped at the end of the arena must not join what is behind it.
    if (mmap(reinterpret_cast<void*>(end), page_size, PROT_NONE, MAP_SHARED | MAP_FIXED, fence,
             0) == MAP_FAILED) {
      _exit(5);
    }
    for (std::uint64_t size = below_arena; size >= page_size;
         size /= 2) {  // holes above are filled
      for (;;) {
        const std::uint64_t hole = reserve(size);
        if (hole > end) continue;
        munmap(reinterpret_cast<void*>(hole), size);
        break;
      }
    }
    munmap(reinterpret_cast<void*>(room), enough - page_size);
    both_.heap = move_heap();
  }

  /// The heap, too, is in the arena. False: this kernel does not let us.
  bool move_heap() {
    const int stat = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    const ssize_t n = read(stat, text_, sizeof text_ - 1);
    close(stat);
    if (n <= 0) return false;
    text_[n] = 0;
    const char* at = std::strrchr(text_, ')') + 2;  // behind the name
    std::uint64_t field[52] = {};
    for (int i = 3; i < 52 && *at != 0; ++i) {  // numbered as in proc(5)
      field[i] = number(at, 10);
      while (*at != ' ' && *at != 0) ++at;
      if (*at == ' ') ++at;
    }
    prctl_mm_map map{};
    map.start_code = field[26];
    map.end_code = field[27];
    map.start_stack = field[28];
    map.start_data = field[45];
    map.end_data = field[46];
    map.arg_start = field[48];
    map.arg_end = field[49];
    map.env_start = field[50];
    map.env_end = field[51];
    map.start_brk = map.brk = both_.arena + heap_at;
    map.exe_fd = static_cast<std::uint32_t>(-1);
    return prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof map, 0) == 0;
  }

  std::int64_t make(const call& c) const {
    switch (c.kind) {
      case what::mmap:
        return raw(syscall(SYS_mmap, c.a, c.b, c.c, c.d, c.fd == 0 ? -1 : fds_[c.fd], c.e));
      case what::munmap: return raw(syscall(SYS_munmap, c.a, c.b));
      case what::mprotect: return raw(syscall(SYS_mprotect, c.a, c.b, c.c));
      case what::mremap: return raw(syscall(SYS_mremap, c.a, c.b, c.c, c.d, c.e));
      case what::brk: return raw(syscall(SYS_brk, c.a));
    }
    return 0;
  }

  static std::uint64_t number(const char*& at, unsigned base) {
    std::uint64_t n = 0;
    for (;; ++at) {
      const unsigned digit = *at >= '0' && *at <= '9'   ? static_cast<unsigned>(*at - '0')
                             : *at >= 'a' && *at <= 'f' ? static_cast<unsigned>(*at - 'a') + 10
                                                        : 99;
      if (digit >= base) return n;
      n = n * base + digit;
    }
  }

  void look(answer& a) {
    std::size_t bytes = 0;
    if (lseek(maps_, 0, SEEK_SET) != 0) _exit(6);
    for (;;) {
      const ssize_t n = read(maps_, text_ + bytes, sizeof text_ - 1 - bytes);
      if (n < 0) _exit(6);
      if (n == 0) break;
      bytes += static_cast<std::size_t>(n);
    }
    text_[bytes] = 0;
    a.mappings = 0;
    for (const char* at = text_; *at != 0;) {
      mapped m{};
      m.start = number(at, 16);
      ++at;
      m.end = number(at, 16);
      ++at;
      std::memcpy(m.permissions, at, 4);
      at += 5;
      m.offset = number(at, 16);
      ++at;
      number(at, 16);  // device
      ++at;
      number(at, 16);
      ++at;
      m.inode = number(at, 10);
      while (*at != 0 && *at != '\n') ++at;
      if (*at == '\n') ++at;
      if (m.start >= both_.arena - below_arena && m.end <= both_.arena + arena_bytes) {
        if (a.mappings == a.layout.size()) _exit(7);
        a.layout[a.mappings++] = m;
      }
    }
  }

  board_of_both& both_;
  const int in_;
  const int out_;
  int maps_ = -1;
  int fds_[3] = {-1, -1, -1};
  char text_[1 << 17];
};

}  // namespace against_linux
