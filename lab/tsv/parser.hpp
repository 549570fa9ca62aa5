// SPDX-License-Identifier: Apache-2.0
// Reads a recording in its text form (samples/recordings/README.md), plain or gzip, event by event.
//
// Strict: whatever is not exactly the format is an error that names the file and the line. What the
// lives of the objects allow is not the parser's business: see `census`.
#ifndef TREFOIL_LAB_TSV_PARSER_HPP
#define TREFOIL_LAB_TSV_PARSER_HPP

#include "lab/recording/event.hpp"
#include "lab/recording/names.hpp"
#include "lab/tsv/byte_source.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace trefoil::lab {

class tsv_parser {
 public:
  static constexpr std::array<std::string_view, 13> columns{
      "t_us", "event", "obj",      "aux",      "cpu",  "pid",  "comm",
      "ctx",  "who",   "mm_users", "mm_count", "subj", "route"};

  // Names of tasks and routes go into the given dictionaries. Reads the header line.
  tsv_parser(const std::string& path, lab::names& names);
  // A text in memory, which outlives the parser, under the name of a file.
  tsv_parser(std::string name, std::span<const char> content, lab::names& names);

  // False at the end.
  bool next(event& e);

  std::uint64_t line() const noexcept { return line_; }  // of the event that next() gave last
  const byte_source& source() const noexcept { return *source_; }

  // Throws an error about the current line.
  [[noreturn]] void fail(const std::string& what) const;

 private:
  using fields = std::array<std::string_view, columns.size()>;

  bool next_line(std::string_view& line);
  bool fill();
  void read_header();
  void split(std::string_view line, fields& to) const;
  void parse_objects(const fields& from, event& e) const;
  void parse_circumstances(const fields& from, event& e);
  template <class Id>
  Id intern(const fields& from, std::size_t column, dictionary<Id>& to, std::int64_t most_names,
            std::size_t most_bytes) const;
  [[noreturn]] void refuse(const fields& from, std::size_t column, const char* what) const;

  std::string path_;
  lab::names* names_;
  std::optional<byte_source> source_;
  std::unique_ptr<char[]> buffer_;
  std::size_t begin_ = 0;  // of what is not yet parsed
  std::size_t end_ = 0;
  std::uint64_t line_ = 0;
  std::int64_t last_ns_ = 0;
  bool exhausted_ = false;
};

}  // namespace trefoil::lab

#endif
