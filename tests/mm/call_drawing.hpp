// SPDX-License-Identifier: Apache-2.0
/// @file
/// What to ask: calls drawn by chance, more or less sensible ones, none of which harms what is behind the
/// arena. What this layer does not have is drawn, too, and counted, but not asked.
#pragma once

#include "linux_calls.hpp"

#include <array>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <sys/mman.h>

namespace against_linux {

class asker {
 public:
  asker(std::uint64_t arena, bool heap, std::uint32_t seed)
      : arena_(arena), heap_(heap), random_(seed) {}

  /// Nothing: one that is excluded, counted in `excluded`.
  std::optional<call> draw() {
    ++drawn;
    const std::uint64_t k = below(1000);
    if (k < 5)
      return call{what::munmap, 0, arena_ - below_arena, below_arena + arena_bytes, 0, 0, 0};
    if (k < 450) return draw_mmap();
    if (k < 620) return draw_munmap();
    if (k < 800) return draw_mprotect();
    if (k < 960) return draw_mremap();
    if (!heap_) return exclude("brk: this process may not say where its heap is");
    return call{what::brk, 0, draw_brk(), 0, 0, 0, 0};
  }

  std::size_t drawn = 0;
  std::map<std::string, std::size_t> excluded;

 private:
  std::uint64_t below(std::uint64_t n) { return random_() % n; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }
  std::optional<call> exclude(const char* why) {
    ++excluded[why];
    return std::nullopt;
  }

  /// Inside the arena, or a little below; unaligned at times.
  std::uint64_t address() {
    std::uint64_t page = below(arena_pages + 8);
    if (one_in(3)) page = page / 8 * 8;
    const std::uint64_t at = arena_ - 8 * page_size + page * page_size;
    return one_in(60) ? at + below(page_size) : at;
  }
  std::uint64_t length() {
    if (one_in(80)) return strange();
    const std::uint64_t pages = one_in(6) ? 8 * (1 + below(5)) : 1 + below(12);
    return one_in(20) ? pages * page_size - below(page_size - 1) : pages * page_size;
  }
  /// Nobody has this much; what is added to it wraps.
  std::uint64_t strange() {
    static constexpr std::array<std::uint64_t, 8> all{0,
                                                      ~std::uint64_t{0},
                                                      ~std::uint64_t{0} - 4094,
                                                      std::uint64_t{1} << 63,
                                                      (std::uint64_t{1} << 47) - 4096,
                                                      std::uint64_t{1} << 47,
                                                      (std::uint64_t{1} << 47) - 8192,
                                                      0x7FFF'FFFF'FFFF'F000};
    return all[below(all.size())];
  }
  /// With a fixed address: nothing behind the arena is harmed.
  [[nodiscard]] bool harmless(std::uint64_t at, std::uint64_t bytes) const {
    return at > arena_ + arena_bytes || bytes > arena_bytes * 2 ||
           at + bytes <= arena_ + arena_bytes;
  }
  std::uint64_t protection() {
    static constexpr std::array<std::uint64_t, 10> common{0, 1, 1, 3, 3, 3, 5, 7, 2, 4};
    return common[below(common.size())];
  }

  std::optional<call> draw_mmap() {
    call c{what::mmap, 0, 0, length(), protection(), 0, 0};
    const std::uint64_t place = below(100);
    if (place < 85) c.a = address();
    if (place < 40) c.d |= MAP_FIXED;
    if (place >= 40 && place < 60) c.d |= MAP_FIXED_NOREPLACE;
    const std::uint64_t type = below(100);
    if (type < 50) {
      c.d |= MAP_PRIVATE | MAP_ANONYMOUS;
    } else if (type < 60) {
      c.d |= MAP_SHARED | MAP_ANONYMOUS;
    } else if (type < 78) {
      c.d |= MAP_PRIVATE;
    } else if (type < 95) {
      c.d |= MAP_SHARED;
    } else if (type < 97) {
      c.d |= MAP_SHARED_VALIDATE;
      if (one_in(3)) c.d |= 0x80'0000;
    } else {
      c.d |= below(16);
      if (one_in(2)) c.d |= MAP_ANONYMOUS;
      if ((c.d & 0xF) == 8 && (c.d & MAP_ANONYMOUS) != 0) return exclude("MAP_DROPPABLE");
    }
    if ((c.d & MAP_ANONYMOUS) == 0) {
      c.fd = one_in(100) ? std::uint8_t{0} : static_cast<std::uint8_t>(1 + below(2));
      // Often where it goes on: in the file as far as in the arena.
      c.e = one_in(2) ? (c.a - arena_ + 8 * page_size) % memfd_bytes / page_size * page_size
                      : below(48) * page_size;
      if (one_in(60)) c.e = strange();
    }
    if (one_in(60)) c.e += 1 + below(4095);
    if (one_in(10)) c.d |= MAP_NORESERVE;
    if (one_in(10)) c.d |= MAP_STACK | MAP_DENYWRITE;
    if (one_in(300)) return exclude("mmap: MAP_GROWSDOWN, MAP_LOCKED, MAP_HUGETLB, MAP_32BIT");
    const bool fixed = (c.d & (MAP_FIXED | MAP_FIXED_NOREPLACE)) != 0;
    if (fixed && !harmless(c.a, c.b)) {
      c.a = arena_ + arena_bytes - (c.b + page_size - 1) / page_size * page_size;
    }
    return c;
  }

  std::optional<call> draw_munmap() {
    call c{what::munmap, 0, address(), length(), 0, 0, 0};
    if (!harmless(c.a, c.b)) c.b = page_size;
    if (c.a >= arena_ + arena_bytes) c.a = arena_;
    return c;
  }

  std::optional<call> draw_mprotect() {
    call c{what::mprotect, 0, address(), length(), protection(), 0, 0};
    if (one_in(50)) c.c |= std::uint64_t{1} << (3 + below(20));
    if (one_in(200)) return exclude("mprotect: PROT_GROWSDOWN, PROT_GROWSUP");
    // It would change all of the test program that follows without a hole; only what wraps does not.
    const bool wraps = c.b + page_size < c.b;
    if (!wraps && (c.b > arena_bytes || !harmless(c.a, c.b))) c.b = page_size;
    if (c.a >= arena_ + arena_bytes) c.a = arena_;
    return c;
  }

  std::optional<call> draw_mremap() {
    call c{what::mremap, 0, address(), length(), 0, 0, 0};
    if (one_in(30)) c.b = 0;
    c.c = one_in(3) ? c.b : length();
    if (one_in(2)) c.d |= MREMAP_MAYMOVE;
    if (one_in(2)) {
      c.d |= MREMAP_FIXED;
      if (!one_in(20)) c.d |= MREMAP_MAYMOVE;
      c.e = address();
      if (!harmless(c.e, c.c)) {
        c.e = arena_ + arena_bytes - (c.c + page_size - 1) / page_size * page_size;
      }
    }
    if (one_in(100)) c.d |= std::uint64_t{8} << below(20);
    if (one_in(50)) return exclude("MREMAP_DONTUNMAP");
    // What is taken away by a shrink ends in the arena.
    if (!harmless(c.a, c.b)) c.b = page_size;
    if (c.a >= arena_ + arena_bytes) c.a = arena_;
    return c;
  }

  std::uint64_t draw_brk() {
    if (one_in(10)) return strange();
    return arena_ + heap_at - page_size + below(20 * page_size);
  }

  const std::uint64_t arena_;
  const bool heap_;
  std::mt19937_64 random_;
};

}  // namespace against_linux
