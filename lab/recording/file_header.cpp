// SPDX-License-Identifier: Apache-2.0
#include "lab/recording/file_header.hpp"

#include "lab/error.hpp"
#include "lab/recording/schema.hpp"

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string_view>
#include <sys/stat.h>
#include <system_error>

namespace trefoil::lab {

namespace {

using header = std::array<unsigned char, 100>;

std::uint32_t big_endian(const header& bytes, std::size_t at, std::size_t width) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < width; ++i) value = value << 8 | bytes[at + i];
  return value;
}

}  // namespace

// The layout: "The Database Header" in SQLite's description of its file format.
const std::string& checked_header(const std::string& path) {
  const auto fail = [&](const std::string& what) { throw error(fault::input, path + ": " + what); };

  struct closer {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
  };
  const std::unique_ptr<std::FILE, closer> file(std::fopen(path.c_str(), "rb"));
  struct stat facts {};
  if (!file || ::fstat(fileno(file.get()), &facts) != 0) {
    fail(std::generic_category().message(errno));
  }
  if (!S_ISREG(facts.st_mode)) fail("not a regular file");

  header bytes{};
  const std::size_t got = std::fread(bytes.data(), 1, bytes.size(), file.get());
  constexpr std::string_view magic{"SQLite format 3\0", 16};
  const std::string_view begin(reinterpret_cast<const char*>(bytes.data()), got);
  if (begin.empty() || !begin.starts_with(magic.substr(0, got))) {
    const bool text = begin.starts_with("t_us\t") || begin.starts_with("\x1f\x8b");
    fail(std::string("not an SQLite file, so not a recording") +
         (text ? "; `trefoil import` makes one of a .tsv or .tsv.gz" : ""));
  }
  if (got < bytes.size()) fail("truncated: the header is incomplete");

  if (big_endian(bytes, 68, 4) != schema::application_id) {
    fail("an SQLite file, but not a recording (application_id)");
  }
  if (const auto version = big_endian(bytes, 60, 4); version != schema::version) {
    fail("a recording of version " + std::to_string(version) + "; this program reads version " +
         std::to_string(schema::version));
  }
  // 1 stands for 65536, which has no room in two bytes.
  const std::uint32_t page_bytes = big_endian(bytes, 16, 2);
  const std::uint64_t expected =
      std::uint64_t{page_bytes == 1 ? 65536 : page_bytes} * big_endian(bytes, 28, 4);
  if (const auto size = static_cast<std::uint64_t>(facts.st_size); size < expected) {
    fail("truncated: " + std::to_string(size) + " of " + std::to_string(expected) + " bytes");
  }
  return path;
}

}  // namespace trefoil::lab
