// SPDX-License-Identifier: Apache-2.0
// The bytes of a text file, unpacked if it is gzip: what it is shows in its first bytes.
#ifndef TREFOIL_LAB_TSV_BYTE_SOURCE_HPP
#define TREFOIL_LAB_TSV_BYTE_SOURCE_HPP

#include "lab/descriptor.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace trefoil::lab {

class byte_source {
 public:
  explicit byte_source(const std::string& path);
  // Bytes that outlive the source, as if they were the content of a file.
  explicit byte_source(std::span<const char> content);
  ~byte_source();
  byte_source(const byte_source&) = delete;
  byte_source& operator=(const byte_source&) = delete;

  // Fills the buffer as far as the file goes; 0: the end. What is wrong is thrown without the
  // file's name: the reader of the bytes knows the line as well.
  std::size_t read(std::span<char> buffer);

  // Of the file as it lies on disk, for showing progress; the size is 0 if it is not known.
  std::uint64_t consumed() const noexcept { return consumed_; }
  std::uint64_t size() const noexcept { return size_; }

 private:
  struct inflater;

  bool refill();
  void look_at_begin(bool must_be_gzip);
  std::size_t read_plain(std::span<char> buffer);
  std::size_t read_gzip(std::span<char> buffer);

  std::unique_ptr<char[]> storage_;
  descriptor fd_{-1};
  std::span<const char> input_;  // read from the file, not yet used
  std::unique_ptr<inflater> gzip_;
  std::uint64_t consumed_ = 0;
  std::uint64_t size_ = 0;
};

}  // namespace trefoil::lab

#endif
