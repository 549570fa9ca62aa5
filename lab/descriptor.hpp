// SPDX-License-Identifier: Apache-2.0
// A file descriptor that is closed with its owner; -1: none.
#ifndef TREFOIL_LAB_DESCRIPTOR_HPP
#define TREFOIL_LAB_DESCRIPTOR_HPP

#include <unistd.h>
#include <utility>

namespace trefoil::lab {

class descriptor {
 public:
  explicit descriptor(int fd) noexcept : fd_(fd) {}
  ~descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  descriptor(descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  descriptor& operator=(descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }

  int get() const noexcept { return fd_; }

 private:
  int fd_;
};

}  // namespace trefoil::lab

#endif
