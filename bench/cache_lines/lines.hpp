// SPDX-License-Identifier: Apache-2.0
/// @file
/// Cache lines of many CPUs, as the MESI protocol moves them. Caches have no end here: what moves is
/// what is shared, and nothing else.
///
/// | a CPU        | has the line modified or exclusive | has it shared              | has not              |
/// | ------------ | ---------------------------------- | -------------------------- | -------------------- |
/// | reads        | nothing                            | nothing                    | others have it: a transfer, all share it; else exclusive, from memory |
/// | writes, or reads, modifies and writes | nothing, modified | others have it: a transfer, theirs are gone | others have it: a transfer, theirs are gone; else from memory |
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <unordered_map>

namespace bench::cache_lines {

inline constexpr unsigned most_cpus = 1024;
inline constexpr std::size_t line_bytes = 64;

/// An update is one operation, as an atomic addition: it takes the line as a write does, whether or
/// not it writes in the end.
enum class access : std::uint8_t { read, write, update };

struct traffic {
  std::uint64_t accesses = 0;
  std::uint64_t transfers = 0;    ///< accesses that had to wait for another CPU's cache
  std::uint64_t invalidated = 0;  ///< copies that other CPUs lost by that
  std::uint64_t from_memory = 0;  ///< accesses to what no cache had
};

class lines {
 public:
  void touch(unsigned cpu, const void* at, access kind);
  [[nodiscard]] const traffic& seen() const noexcept { return seen_; }
  /// Counts from here on; where the lines are, they stay.
  void forget_traffic() noexcept { seen_ = {}; }

 private:
  struct line {
    std::bitset<most_cpus> holders;
    unsigned count = 0;
    bool sole = false;  // modified or exclusive: by the one holder
  };

  void read(line& l, unsigned cpu);
  void write(line& l, unsigned cpu);

  std::unordered_map<std::uintptr_t, line> all_;
  traffic seen_;
};

}  // namespace bench::cache_lines
