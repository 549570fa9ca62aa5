// SPDX-License-Identifier: Apache-2.0
// The first 100 bytes of a recording, checked before SQLite looks into the file: its own messages come
// late and do not say what a person needs to know.
#ifndef TREFOIL_LAB_RECORDING_FILE_HEADER_HPP
#define TREFOIL_LAB_RECORDING_FILE_HEADER_HPP

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace trefoil::lab {

inline constexpr std::size_t file_header_bytes = 100;

struct file_header {
  bool has_log = false;           // changes go into a write-ahead log, a file beside it (WAL)
  std::uint64_t whole_bytes = 0;  // so long is the file, says the header
};

// `begin`: the first bytes, fewer if the file has fewer. Throws if it is not SQLite, not a recording or of
// another version.
file_header read_header(const std::string& path, std::string_view begin);

}  // namespace trefoil::lab

#endif
