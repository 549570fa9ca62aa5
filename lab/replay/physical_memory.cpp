// SPDX-License-Identifier: Apache-2.0
#include "lab/replay/physical_memory.hpp"

#include <new>
#include <sys/mman.h>
#include <utility>

namespace trefoil::lab {

namespace {

std::byte* reserve(std::size_t bytes) {
  void* const region = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return region == MAP_FAILED ? nullptr : static_cast<std::byte*>(region);
}

// Less where there is less address space (ulimit -v, vm.overcommit_memory=2): of what there is a quarter, as
// the rest has its use, too. Few recordings need all of it, and one that does says so.
std::pair<std::byte*, std::size_t> reserve_up_to(std::size_t bytes) {
  constexpr std::size_t least = std::size_t{2} << 20;
  if (std::byte* const region = reserve(bytes)) return {region, bytes};
  for (; bytes >= least; bytes /= 2) {
    std::byte* const region = reserve(bytes);
    if (region == nullptr) continue;
    munmap(region + bytes / 4, bytes - bytes / 4);
    return {region, bytes / 4};
  }
  throw std::bad_alloc();
}

}  // namespace

void physical_memory::unmap::operator()(std::byte* region) const noexcept { munmap(region, bytes); }

physical_memory::physical_memory(std::size_t bytes) : physical_memory(reserve_up_to(bytes)) {}

physical_memory::physical_memory(std::pair<std::byte*, std::size_t> reserved)
    : region_(reserved.first, unmap{reserved.second}), frames_(reserved.first, reserved.second) {}

}  // namespace trefoil::lab
