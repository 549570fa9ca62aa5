// SPDX-License-Identifier: Apache-2.0
/// @file
/// What is in the pages: every word of every page is different, so that a page which is missing, is
/// another one or was not copied is seen.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "size.hpp"

namespace bench {

using page_words = std::array<std::uint64_t, page_size / sizeof(std::uint64_t)>;

[[nodiscard]] constexpr std::uint64_t word_at(std::size_t page, std::size_t index) noexcept {
  return ((std::uint64_t{page} << 9U) + index + 1) * 0x9E37'79B9'7F4A'7C15U;
}

inline void write_pattern(std::uint64_t* words, std::size_t page) noexcept {
  for (std::size_t i = 0; i < page_words{}.size(); ++i) words[i] = word_at(page, i);
}
/// Looks at every word, whatever it finds: a mismatch is not to be hidden by an early end.
[[nodiscard]] inline bool has_pattern(const std::uint64_t* words, std::size_t page) noexcept {
  std::uint64_t different = 0;
  for (std::size_t i = 0; i < page_words{}.size(); ++i) different |= words[i] ^ word_at(page, i);
  return different == 0;
}

/// A page that was touched for the first time: the word that the program wrote, and zeros.
[[nodiscard]] inline bool is_fresh(const std::uint64_t* words, std::uint64_t first) noexcept {
  std::uint64_t different = words[0] ^ first;
  for (std::size_t i = 1; i < page_words{}.size(); ++i) different |= words[i];
  return different == 0;
}

/// Pages that a parent writes to after a fork, which its child must not see.
inline constexpr std::size_t written_after_fork = 61;  // every so many

}  // namespace bench
