// SPDX-License-Identifier: Apache-2.0
// A byte of state for every id seen, in pages: ids are handed out in order, so pages are dense; a
// file that scatters its ids costs a page for each, not the range.
#ifndef TREFOIL_LAB_RECORDING_LIFE_TABLE_HPP
#define TREFOIL_LAB_RECORDING_LIFE_TABLE_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

namespace trefoil::lab {

class life_table {
 public:
  std::uint8_t& operator[](std::uint32_t number) {
    const std::size_t which = number / page_size;
    if (which < low_.size() && low_[which]) return (*low_[which])[number % page_size];
    return make(which)[number % page_size];
  }

  template <class Function>
  void for_each(Function&& function) const {
    const auto visit = [&](const std::unique_ptr<page>& one) {
      if (!one) return;
      for (const std::uint8_t state : *one) {
        if (state != 0) function(state);
      }
    };
    for (const auto& one : low_) visit(one);
    for (const auto& [which, one] : high_) visit(one);
  }

  void clear() {
    low_.clear();
    high_.clear();
    pages_ = 0;
  }

  std::size_t pages() const noexcept { return pages_; }

 private:
  static constexpr std::size_t page_size = 256;
  static constexpr std::size_t low_pages = std::size_t{1} << 18;  // 64 M ids, 2 MiB of pointers
  using page = std::array<std::uint8_t, page_size>;

  page& make(std::size_t which) {
    if (which >= low_pages) {
      auto& one = high_[which];
      if (!one) {
        one = std::make_unique<page>();
        ++pages_;
      }
      return *one;
    }
    ++pages_;
    if (which >= low_.size()) low_.resize(which + 1);
    low_[which] = std::make_unique<page>();
    return *low_[which];
  }

  std::size_t pages_ = 0;
  std::vector<std::unique_ptr<page>> low_;
  std::unordered_map<std::size_t, std::unique_ptr<page>> high_;
};

}  // namespace trefoil::lab

#endif
