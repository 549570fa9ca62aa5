// SPDX-License-Identifier: Apache-2.0
#include "lab/recording/file_header.hpp"

#include "lab/error.hpp"
#include "lab/recording/schema.hpp"

namespace trefoil::lab {

namespace {

std::uint32_t big_endian(std::string_view bytes, std::size_t at, std::size_t width) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < width; ++i) {
    value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  }
  return value;
}

}  // namespace

// The layout: "The Database Header" in SQLite's description of its file format.
file_header read_header(const std::string& path, std::string_view begin) {
  const auto fail = [&](const std::string& what) { throw error(fault::input, path + ": " + what); };
  constexpr std::string_view magic{"SQLite format 3\0", 16};
  if (begin.empty() || !begin.starts_with(magic.substr(0, begin.size()))) {
    const bool text = begin.starts_with("t_us\t") || begin.starts_with("\x1f\x8b");
    fail(std::string("not an SQLite file, so not a recording") +
         (text ? "; `trefoil import` makes one of a .tsv or .tsv.gz" : ""));
  }
  if (begin.size() < file_header_bytes) fail("truncated: the header is incomplete");

  if (big_endian(begin, 68, 4) != schema::application_id) {
    fail("an SQLite file, but not a recording (application_id)");
  }
  if (const auto version = big_endian(begin, 60, 4); version != schema::version) {
    fail("a recording of version " + std::to_string(version) + "; this program reads version " +
         std::to_string(schema::version));
  }
  // 1 stands for 65536, which has no room in two bytes.
  const std::uint32_t page_bytes = big_endian(begin, 16, 2);
  constexpr unsigned char with_log = 2;
  return {begin[18] == with_log || begin[19] == with_log,
          std::uint64_t{page_bytes == 1 ? 65536 : page_bytes} * big_endian(begin, 28, 4)};
}

}  // namespace trefoil::lab
