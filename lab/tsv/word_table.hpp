// SPDX-License-Identifier: Apache-2.0
// From a word to its place in a short fixed list: one small hash and one comparison, built by the
// compiler.
#ifndef TREFOIL_LAB_TSV_WORD_TABLE_HPP
#define TREFOIL_LAB_TSV_WORD_TABLE_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace trefoil::lab {

template <std::size_t Count>
class word_table {
 public:
  constexpr explicit word_table(const std::array<std::string_view, Count>& words) : words_(words) {
    first_.fill(none);
    next_.fill(none);
    for (std::size_t i = 0; i < Count; ++i) {
      std::uint8_t& bucket = first_[hash(words[i])];
      next_[i] = bucket;
      bucket = static_cast<std::uint8_t>(i);
    }
  }

  // -1: not in the list.
  constexpr int find(std::string_view word) const {
    if (word.empty()) return -1;
    for (std::uint8_t i = first_[hash(word)]; i != none; i = next_[i]) {
      if (words_[i] == word) return i;
    }
    return -1;
  }

 private:
  static constexpr std::uint8_t none = 255;
  static_assert(Count < none);

  static constexpr std::size_t hash(std::string_view word) {
    const auto byte = [&](std::size_t i) {
      return std::size_t{static_cast<unsigned char>(word[i])};
    };
    return (word.size() * 7 + byte(0) * 3 + byte(word.size() - 1) * 5) % 64;
  }

  std::array<std::string_view, Count> words_;
  std::array<std::uint8_t, 64> first_{};
  std::array<std::uint8_t, Count> next_{};
};

template <std::size_t Count>
word_table(const std::array<std::string_view, Count>&) -> word_table<Count>;

}  // namespace trefoil::lab

#endif
