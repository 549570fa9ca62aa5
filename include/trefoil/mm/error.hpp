// SPDX-License-Identifier: Apache-2.0
/// @file
/// Why a call failed: the errors of Linux's mmap family, with Linux's numbers.
#pragma once

#include <cstdint>

namespace trefoil::mm {

/// `none` is success. The values are those of x86-64 Linux, so that callers who speak its ABI need
/// no table.
enum class error : int {
  none = 0,
  ebadf = 9,        ///< mmap: neither a file nor MAP_ANONYMOUS
  efault = 14,      ///< mremap: no such mapping, or the range leaves it
  enomem = 12,      ///< no memory, no address space, too many mappings, or a hole in the range
  eacces = 13,      ///< the file was not opened for that
  eexist = 17,      ///< MAP_FIXED_NOREPLACE: something is mapped there
  einval = 22,      ///< unaligned, empty, out of range, or a flag that does not exist
  eoverflow = 75,   ///< the last page of the file has no number
  eopnotsupp = 95,  ///< MAP_SHARED_VALIDATE: a flag that is not supported
};

/// An address, or why there is none: what mmap(2), mremap(2) and brk(2) return.
struct [[nodiscard]] address_result {
  std::uint64_t address = 0;
  error why = error::none;

  constexpr address_result(std::uint64_t at) noexcept  // NOLINT(google-explicit-constructor)
      : address(at) {}
  constexpr address_result(error e) noexcept : why(e) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] constexpr explicit operator bool() const noexcept { return why == error::none; }
};

}  // namespace trefoil::mm
