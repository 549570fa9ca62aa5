// SPDX-License-Identifier: Apache-2.0
// The frames of all machines of a replay: address space from the start, memory as it is touched.
#ifndef TREFOIL_LAB_REPLAY_PHYSICAL_MEMORY_HPP
#define TREFOIL_LAB_REPLAY_PHYSICAL_MEMORY_HPP

#include "machine/platform.hpp"
#include "trefoil/mm/frame_allocator.hpp"

#include <cstddef>
#include <memory>
#include <utility>

namespace trefoil::lab {

class physical_memory {
 public:
  static constexpr std::size_t default_bytes = std::size_t{16} << 30;

  // At most so much; less where there is less address space. Throws std::bad_alloc.
  explicit physical_memory(std::size_t bytes = default_bytes);

  trefoil::mm::frame_allocator<machine::platform>& frames() noexcept { return frames_; }

 private:
  explicit physical_memory(std::pair<std::byte*, std::size_t> reserved);

  struct unmap {
    std::size_t bytes;
    void operator()(std::byte* region) const noexcept;
  };
  std::unique_ptr<std::byte, unmap> region_;
  trefoil::mm::frame_allocator<machine::platform> frames_;
};

}  // namespace trefoil::lab

#endif
