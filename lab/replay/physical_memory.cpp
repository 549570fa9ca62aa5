// SPDX-License-Identifier: Apache-2.0
#include "lab/replay/physical_memory.hpp"

#include <new>
#include <sys/mman.h>

namespace trefoil::lab {

namespace {

std::byte* reserve(std::size_t bytes) {
  void* const region = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (region == MAP_FAILED) throw std::bad_alloc();
  return static_cast<std::byte*>(region);
}

}  // namespace

void physical_memory::unmap::operator()(std::byte* region) const noexcept { munmap(region, bytes); }

physical_memory::physical_memory(std::size_t bytes)
    : region_(reserve(bytes), unmap{bytes}), frames_(region_.get(), bytes) {}

}  // namespace trefoil::lab
