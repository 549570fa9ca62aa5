// SPDX-License-Identifier: Apache-2.0
/// @file
/// Copying what programs of the machine have in their pages. They may write to a page at any time,
/// on another CPU, while it is copied: so every access is atomic, word by word, and orders nothing.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "trefoil/mm/frame_allocator.hpp"

namespace trefoil::mm {

namespace detail {

using guest_word = std::uint64_t;

/// relaxed: whoever needs an order between two programs has it from the programs.
[[nodiscard]] inline guest_word load_word(const std::byte* at) noexcept {
  // std::atomic_ref<const T> comes with C++26.
  auto& word = *reinterpret_cast<guest_word*>(const_cast<std::byte*>(at));
  return std::atomic_ref<guest_word>(word).load(std::memory_order_relaxed);
}
inline void store_word(std::byte* at, guest_word v) noexcept {
  std::atomic_ref<guest_word>(*reinterpret_cast<guest_word*>(at))
      .store(v, std::memory_order_relaxed);
}
[[nodiscard]] inline std::byte load_byte(const std::byte* at) noexcept {
  return std::atomic_ref<std::byte>(const_cast<std::byte&>(*at)).load(std::memory_order_relaxed);
}
inline void store_byte(std::byte* at, std::byte v) noexcept {
  std::atomic_ref<std::byte>(*at).store(v, std::memory_order_relaxed);
}
[[nodiscard]] inline bool on_a_word(const std::byte* at) noexcept {
  return reinterpret_cast<std::uintptr_t>(at) % sizeof(guest_word) == 0;
}

}  // namespace detail

/// A whole page, from frame to frame. (copy_page)
inline void copy_page(std::uint64_t* to, const std::uint64_t* from) noexcept {
  auto* const out = reinterpret_cast<std::byte*>(to);
  const auto* const in = reinterpret_cast<const std::byte*>(from);
  for (std::size_t i = 0; i < page_size; i += sizeof(detail::guest_word)) {
    detail::store_word(out + i, detail::load_word(in + i));
  }
}

/// From a page into memory of the caller's.
inline void copy_out(std::byte* to, const std::byte* page, std::size_t bytes) noexcept {
  while (bytes != 0 && !detail::on_a_word(page)) *to++ = detail::load_byte(page++), --bytes;
  for (; bytes >= sizeof(detail::guest_word); bytes -= sizeof(detail::guest_word)) {
    const detail::guest_word word = detail::load_word(page);
    std::memcpy(to, &word, sizeof word);
    to += sizeof word;
    page += sizeof word;
  }
  while (bytes != 0) *to++ = detail::load_byte(page++), --bytes;
}

/// From memory of the caller's into a page.
inline void copy_in(std::byte* page, const std::byte* from, std::size_t bytes) noexcept {
  while (bytes != 0 && !detail::on_a_word(page)) detail::store_byte(page++, *from++), --bytes;
  for (; bytes >= sizeof(detail::guest_word); bytes -= sizeof(detail::guest_word)) {
    detail::guest_word word = 0;
    std::memcpy(&word, from, sizeof word);
    detail::store_word(page, word);
    from += sizeof word;
    page += sizeof word;
  }
  while (bytes != 0) detail::store_byte(page++, *from++), --bytes;
}

}  // namespace trefoil::mm
