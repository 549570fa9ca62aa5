// SPDX-License-Identifier: Apache-2.0
// What programs do with their memory, and what it must look like whoever looks at it.
#include <array>
#include <cstdint>

#include "machine/storm/workload.hpp"

namespace trefoil::machine {

namespace {

constexpr std::uint64_t arena = 0x10'0000'0000;
constexpr std::uint32_t arena_pages = 128;
constexpr std::uint32_t longest = 16;  // pages, of a call

[[nodiscard]] std::uint64_t page_at(std::uint32_t n) noexcept { return arena + n * mm::page_size; }

/// Every program writes the same to an address: a page has that, or zeros if nobody wrote to it (or
/// the reaper took it). So whatever a frame brings along from another place, or from a life before,
/// is seen.
[[nodiscard]] std::uint64_t contents_of(std::uint64_t address) noexcept {
  return (address ^ 0xA5A5) * 0x9E3779B97F4A7C15U;
}

}  // namespace

/// What a program does with its memory between two other things.
void workload::use_memory(mappings& space, chance& random) {
  for (unsigned n = 2 + random.below(12); n != 0; --n) call_memory(space, random);
}

/// Any of the calls, somewhere. That they refuse something is part of it.
void workload::call_memory(mappings& space, chance& random) {
  const std::uint64_t at = page_at(random.below(arena_pages - longest));
  const std::uint64_t bytes = (1 + random.below(longest)) * mm::page_size;
  const unsigned protection =
      mm::prot::read | (random.one_in(4) ? mm::prot::none : mm::prot::write);
  mm::error refused = mm::error::none;
  switch (random.below(10)) {
    case 0:
    case 1:
      refused = space
                    .mmap(at, bytes, protection,
                          mm::map_flag::privately | mm::map_flag::anonymous | mm::map_flag::fixed)
                    .why;
      break;
    case 2:
      refused = space
                    .mmap(at, bytes, protection,
                          mm::map_flag::shared | mm::map_flag::anonymous | mm::map_flag::fixed)
                    .why;
      break;
    case 3: refused = space.munmap(at, bytes); break;
    case 4: refused = space.mprotect(at, bytes, protection); break;  // holes: ENOMEM, as it should
    case 5:
    case 6:
    case 7: write_to(space, at, mm::force::no); break;
    default: look_at(space, at, mm::force::no); break;
  }
  if (refused != mm::error::none) ++figures_.memory_refused;
}

void workload::write_to(mappings& space, std::uint64_t address, mm::force how) {
  const std::uint64_t value = contents_of(address);
  if (space.copy_to(address, &value, sizeof value, how) == sizeof value) ++figures_.pages_written;
}

void workload::look_at(mappings& space, std::uint64_t address, mm::force how) {
  std::uint64_t value = 0;
  if (space.copy_from(address, &value, sizeof value, how) != sizeof value) return;
  ++figures_.pages_read;
  check_contents(address, value);
}

void workload::check_contents(std::uint64_t address, std::uint64_t value) noexcept {
  if (value != 0 && value != contents_of(address)) ++figures_.pages_corrupted;
}

std::uint64_t workload::some_page(chance& random) noexcept {
  return page_at(random.below(arena_pages));
}

void workload::look_somewhere(mappings& space, chance& random) {
  look_at(space, some_page(random), mm::force::yes);
}

}  // namespace trefoil::machine
