// SPDX-License-Identifier: Apache-2.0
#include "linux_memory.hpp"

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <string>
#include <utility>

#include <sys/mman.h>
#include <sys/resource.h>

#include "pattern.hpp"

namespace bench {

std::size_t lines_of_maps() {
  std::ifstream maps("/proc/self/maps");
  std::size_t lines = 0;
  for (std::string line; std::getline(maps, line);) ++lines;
  must(lines != 0, "/proc/self/maps cannot be read");
  return lines;
}

std::size_t minor_faults() {
  rusage usage{};
  must(::getrusage(RUSAGE_SELF, &usage) == 0, "getrusage");
  return static_cast<std::size_t>(usage.ru_minflt);
}

linux_memory::linux_memory(std::size_t pages) : pages_(pages) {
  const std::size_t bytes = pages * page_size;
  void* const at =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  must(at != MAP_FAILED, "Linux has no memory");
  words_ = static_cast<std::uint64_t*>(at);
  // Refused by a kernel that has no huge pages at all: then there is nothing to forbid.
  ::madvise(at, bytes, MADV_NOHUGEPAGE);
}

void linux_memory::fill() const noexcept {
  for (std::size_t i = 0; i < pages_; ++i) write_pattern(page(i), i);
}

void linux_memory::touch() const noexcept {
  for (std::size_t i = 0; i < pages_; ++i) {
    auto* const first = static_cast<volatile std::uint64_t*>(page(i));
    *first = i + 1;
  }
}

bool linux_memory::is_filled() const noexcept {
  bool all = true;
  for (std::size_t i = 0; i < pages_; ++i) all = has_pattern(page(i), i) && all;
  return all;
}

void linux_memory::unmap() noexcept {
  if (words_ == nullptr) return;
  must(::munmap(std::exchange(words_, nullptr), pages_ * page_size) == 0, "munmap");
}

void have_vmas() {
  // Neighbours are different, so that each stays one; only where something was before they may be
  // joined with it. Those that may be are touched: there are page tables where the next one comes to
  // be.
  for (std::size_t i = 0; lines_of_maps() < vmas_wanted; ++i) {
    must(i < 2 * vmas_wanted, "VMAs of Linux were joined");
    const int protection = i % 2 == 0 ? PROT_READ : PROT_NONE;
    void* const at = ::mmap(nullptr, small_mapping, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(at != MAP_FAILED, "a VMA of Linux could not be made");
    if (protection == PROT_READ) must(*static_cast<volatile char*>(at) == 0, "fresh memory");
  }
}

}  // namespace bench
