// SPDX-License-Identifier: Apache-2.0
/// @file
/// Memory of this process, as Linux manages it: the other side of every comparison.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "size.hpp"

namespace bench {

/// VMAs of this process. (lines of /proc/self/maps)
[[nodiscard]] std::size_t lines_of_maps();

/// Page faults of this process so far that needed no device.
[[nodiscard]] std::size_t minor_faults();

/// A private anonymous mapping of so many pages, untouched, of base pages only: huge pages, which the
/// kernel may use elsewhere, would be another comparison.
class linux_memory {
 public:
  explicit linux_memory(std::size_t pages);
  ~linux_memory() { unmap(); }
  linux_memory(const linux_memory&) = delete;
  linux_memory& operator=(const linux_memory&) = delete;

  [[nodiscard]] std::size_t pages() const noexcept { return pages_; }
  [[nodiscard]] std::uint64_t* page(std::size_t number) const noexcept {
    return words_ + number * (page_size / sizeof(std::uint64_t));
  }

  /// Every page, from end to end with its pattern; or one word of each, its number + 1.
  void fill() const noexcept;
  void touch() const noexcept;
  /// Every byte is that of the pattern.
  [[nodiscard]] bool is_filled() const noexcept;

  void unmap() noexcept;

 private:
  std::size_t pages_;
  std::uint64_t* words_;
};

/// Sees to it that the process has as many VMAs as one that is not a toy. They stay.
void have_vmas();

}  // namespace bench
