// SPDX-License-Identifier: Apache-2.0
/// @file
/// mmap and munmap of a small anonymous mapping that nobody touches, in a process with a hundred VMAs.
#include <cstddef>
#include <cstdint>
#include <vector>

#include <sys/mman.h>

#include "linux_memory.hpp"
#include "machine.hpp"
#include "operations.hpp"

namespace bench {

namespace {

/// It must be a VMA of its own, and gone afterwards, on both sides.
class linux_mmap {
 public:
  linux_mmap() {
    void* const at = map();
    must(lines_of_maps() == vmas_ + 1, "a mapping of Linux was joined to its neighbour");
    unmap(at);
  }
  void operator()(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) unmap(map());
  }
  ~linux_mmap() { must(lines_of_maps() == vmas_, "a mapping of Linux was left"); }
  linux_mmap(const linux_mmap&) = delete;
  linux_mmap& operator=(const linux_mmap&) = delete;

 private:
  static void* map() noexcept {
    void* const at =
        ::mmap(nullptr, small_mapping, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(at != MAP_FAILED, "mmap of Linux");
    return at;
  }
  static void unmap(void* at) noexcept {
    must(::munmap(at, small_mapping) == 0, "munmap of Linux");
  }
  std::size_t vmas_ = lines_of_maps();
};

class trefoil_mmap {
 public:
  trefoil_mmap() {
    const std::uint64_t at = map();
    must(space_->map_count() == vmas_ + 1, "a mapping of ours was joined to its neighbour");
    unmap(at);
  }
  void operator()(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) unmap(map());
  }
  ~trefoil_mmap() {
    must(space_->map_count() == vmas_, "a mapping of ours was left");
    must(machine::here().frames_in_use() == frames_, "a mapping that nobody touched took frames");
  }
  trefoil_mmap(const trefoil_mmap&) = delete;
  trefoil_mmap& operator=(const trefoil_mmap&) = delete;

 private:
  [[nodiscard]] std::uint64_t map() noexcept {
    namespace prot = trefoil::mm::prot;
    namespace flag = trefoil::mm::map_flag;
    const auto at =
        space_->mmap(0, small_mapping, prot::read | prot::write, flag::privately | flag::anonymous);
    must(bool(at), "mmap of ours");
    return at.address;
  }
  void unmap(std::uint64_t at) noexcept {
    must(space_->munmap(at, small_mapping) == trefoil::mm::error::none, "munmap of ours");
  }

  user_ref space_ = machine::here().process();
  std::size_t vmas_ = space_->map_count();
  std::size_t frames_ = machine::here().frames_in_use();
};

}  // namespace

void add_maps(std::vector<operation>& to) {
  to.push_back(measured<trefoil_mmap>("trefoil_mmap", "mmap + munmap, untouched", sizes.maps));
  to.push_back(
      measured<linux_mmap>("linux_mmap", "mmap(2) + munmap(2), untouched", sizes.maps, false));
}

}  // namespace bench
