// SPDX-License-Identifier: Apache-2.0
#include "lab/tsv/byte_source.hpp"

#include "lab/error.hpp"
#include "lab/system_reason.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define ZLIB_CONST  // next_in is const
#include <zlib.h>

namespace trefoil::lab {

namespace {

constexpr std::size_t chunk = std::size_t{64} << 10;

[[noreturn]] void fail(const std::string& what) { throw error(fault::input, what); }

// A signal is all that ends the wait for who writes into a pipe, and the signals that are heard ask to stop.
[[noreturn]] void fail(int code) {
  if (code == EINTR) throw error(fault::interrupted, "interrupted, nothing written");
  fail(system_reason(code));
}

bool is_gzip(std::span<const char> begin) {
  return begin.size() >= 2 && begin[0] == '\x1f' && begin[1] == '\x8b';
}

}  // namespace

struct byte_source::inflater {
  inflater() {
    // 15: the largest window; 16: a gzip header and its checksum.
    if (inflateInit2(&stream, 15 + 16) != Z_OK) fail("out of memory");
  }
  ~inflater() { inflateEnd(&stream); }
  inflater(const inflater&) = delete;
  inflater& operator=(const inflater&) = delete;

  z_stream stream{};
  bool inside = true;  // a member has begun and not ended
};

byte_source::byte_source(const std::string& path)
    : storage_(std::make_unique<char[]>(chunk)), fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
  if (fd_.get() < 0) fail(errno);
  struct stat facts {};
  if (::fstat(fd_.get(), &facts) == 0 && S_ISREG(facts.st_mode)) {
    size_ = static_cast<std::uint64_t>(facts.st_size);
  }
  refill();
  look_at_begin(path.ends_with(".gz"));
}

byte_source::byte_source(std::span<const char> content) : input_(content), size_(content.size()) {
  look_at_begin(false);
}

byte_source::~byte_source() = default;

void byte_source::look_at_begin(bool must_be_gzip) {
  if (is_gzip(input_)) {
    gzip_ = std::make_unique<inflater>();
  } else if (must_be_gzip) {
    fail(input_.empty() ? "empty, so not gzip" : "not gzip");
  }
}

// False: the file has ended.
bool byte_source::refill() {
  if (!input_.empty()) return true;
  if (fd_.get() < 0) return false;
  std::size_t filled = 0;
  while (filled < 2) {  // a pipe may give single bytes, and is_gzip wants two
    const ssize_t got = ::read(fd_.get(), storage_.get() + filled, chunk - filled);
    if (got < 0) fail(errno);
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  input_ = {storage_.get(), filled};
  return filled != 0;
}

std::size_t byte_source::read(std::span<char> buffer) {
  return gzip_ ? read_gzip(buffer) : read_plain(buffer);
}

std::size_t byte_source::read_plain(std::span<char> buffer) {
  if (!refill()) return 0;
  const std::size_t some = std::min(buffer.size(), input_.size());
  std::memcpy(buffer.data(), input_.data(), some);
  input_ = input_.subspan(some);
  consumed_ += some;
  return some;
}

std::size_t byte_source::read_gzip(std::span<char> buffer) {
  z_stream& stream = gzip_->stream;
  stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
  stream.avail_out = static_cast<uInt>(buffer.size());
  while (stream.avail_out == buffer.size()) {
    if (!refill()) {
      if (gzip_->inside) fail("the gzip data is truncated");
      break;
    }
    // gzip files may be put one behind the other; anything else behind one is a mistake.
    if (!gzip_->inside) {
      if (!is_gzip(input_)) fail("there is something else behind the gzip data");
      inflateReset(&stream);
      gzip_->inside = true;
    }
    stream.next_in = reinterpret_cast<const Bytef*>(input_.data());
    stream.avail_in = static_cast<uInt>(std::min(input_.size(), chunk));
    const uInt before = stream.avail_in;
    const int status = inflate(&stream, Z_NO_FLUSH);
    const std::size_t used = before - stream.avail_in;
    input_ = input_.subspan(used);
    consumed_ += used;
    if (status == Z_STREAM_END) {
      gzip_->inside = false;
    } else if (status != Z_OK && status != Z_BUF_ERROR) {
      fail(std::string("the gzip data is damaged: ") +
           (stream.msg != nullptr ? stream.msg : "zlib error"));
    }
  }
  return buffer.size() - stream.avail_out;
}

}  // namespace trefoil::lab
