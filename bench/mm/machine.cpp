// SPDX-License-Identifier: Apache-2.0
#include "machine.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <sys/mman.h>

#include "linux_memory.hpp"
#include "pattern.hpp"

namespace bench {

namespace {

namespace prot = trefoil::mm::prot;
namespace flag = trefoil::mm::map_flag;
using trefoil::mm::access;
using trefoil::mm::fault_result;

constexpr std::byte dirt{0xAA};

/// Memory of the machine: all of it is there, in large pages where the host has them, as a kernel maps
/// the memory that it manages; and dirty, so that a frame which is not zeroed is seen. A forked child
/// does not get it: the fork of Linux that is measured has nothing to do with ours.
std::byte* physical_memory(std::size_t bytes) {
  void* const at =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  must(at != MAP_FAILED, "no memory for the machine");
  ::madvise(at, bytes, MADV_HUGEPAGE);  // advice: without it the rest is as before
  must(::madvise(at, bytes, MADV_DONTFORK) == 0, "the machine's memory would be forked");
  std::memset(at, static_cast<int>(dirt), bytes);
  return static_cast<std::byte*>(at);
}

/// What is touched, once more for what is copied of it, and the tables and counts for both.
std::size_t bytes_needed() {
  const std::size_t pages = std::max(sizes.touched, sizes.faults);
  return (2 * pages + pages / 16 + 256) * page_size;
}

}  // namespace

machine& machine::here() {
  static machine one(bytes_needed());
  return one;
}

machine::machine(std::size_t bytes)
    : frames_(physical_memory(bytes), bytes),
      kernel_(frames_, notes_),
      root_(trefoil::make<trefoil::mm::user_namespace<platform>>(kernel_, 0U)),
      frames_at_first_(frames_.in_use()) {}

user_ref machine::empty_process() {
  user_ref space = trefoil::try_make<address_space>(kernel_, root_, std::uint64_t{1});
  must(bool(space), "no memory for an address space");
  return space;
}

user_ref machine::process() {
  user_ref space = empty_process();
  const std::size_t wanted = lines_of_maps() - 1;
  for (std::size_t i = 0; i < wanted; ++i) {
    // Neighbours are different, so that each stays one. Those that may be are touched: there are page
    // tables where the next mapping comes to be.
    const unsigned protection = i % 2 == 0 ? prot::read : prot::none;
    const auto at = space->mmap(0, small_mapping, protection, flag::privately | flag::anonymous);
    must(bool(at), "a VMA of ours could not be made");
    must(protection == prot::none || space->fault(at.address) == fault_result::ok,
         "a page of ours could not be touched");
  }
  must(space->map_count() == wanted, "VMAs of ours were joined");
  return space;
}

void machine::map_arena(const user_ref& space, std::size_t pages) {
  must(bool(space->mmap(arena, pages * page_size, prot::read | prot::write,
                        flag::privately | flag::anonymous | flag::fixed_noreplace)),
       "the arena could not be mapped");
}

std::size_t machine::tables_for(std::size_t pages) noexcept {
  constexpr std::size_t entries = trefoil::mm::table_entries;
  static_assert(arena % trefoil::mm::span_of_entry(trefoil::mm::top_level) == 0);
  std::size_t tables = 1;
  for (int level = 1; level < trefoil::mm::top_level; ++level) {
    pages = (pages + entries - 1) / entries;
    tables += pages;
  }
  return tables;
}

std::size_t machine::pages_present(const user_ref& space) {
  std::size_t pages = 0;
  trefoil::mm::for_each_page(frames_, space.at<page_directory>().entries(), 0,
                             trefoil::mm::user_end,
                             [&](std::uint64_t, std::uint64_t&) { ++pages; });
  return pages;
}

void machine::fill(const user_ref& space, std::size_t pages) {
  page_words words;
  for (std::size_t page = 0; page < pages; ++page) {
    write_pattern(words.data(), page);
    must(space->copy_to(arena + page * page_size, words.data(), page_size) == page_size,
         "a page of ours could not be written");
  }
}

void machine::touch(const user_ref& space, std::size_t pages) {
  for (std::size_t page = 0; page < pages; ++page) {
    must(space->fault(arena + page * page_size, access::write) == fault_result::ok,
         "a page of ours could not be touched");
  }
}

}  // namespace bench
