// SPDX-License-Identifier: Apache-2.0
#include "lab/recording/new_file.hpp"

#include "lab/error.hpp"

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace trefoil::lab {

namespace {

[[noreturn]] void fail(fault whose, const std::string& path, int code) {
  throw error(whose, path + ": " + std::generic_category().message(code));
}

// Before anything is written the name can be at fault, or the disk.
fault fault_of_creating(int code) {
  const bool disk = code == ENOSPC || code == EDQUOT || code == EIO;
  return disk ? fault::output : fault::input;
}

class descriptor {
 public:
  descriptor(const std::string& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC)) {}
  ~descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;

  bool sync() const { return fd_ >= 0 && ::fsync(fd_) == 0; }

 private:
  int fd_;
};

std::string folder_of(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

}  // namespace

new_file::new_file(std::string path) : path_(std::move(path)) {
  if (path_.empty()) throw error(fault::input, "the name of the file to write is empty");
  // A rename would replace a device (/dev/null) or a pipe by a file, which nobody wants.
  struct stat there {};
  if (::stat(path_.c_str(), &there) == 0 && !S_ISREG(there.st_mode)) {
    throw error(fault::input, path_ + ": is there and is not a regular file");
  }
  // The process number keeps writers apart; what a killed writer with the same number left is
  // stepped over.
  const std::string stem = path_ + ".part-" + std::to_string(::getpid());
  for (int attempt = 0;; ++attempt) {
    temporary_ = stem + (attempt == 0 ? "" : "-" + std::to_string(attempt));
    const int fd = ::open(temporary_.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
    if (fd >= 0) {
      ::close(fd);
      return;
    }
    if (errno != EEXIST || attempt == 100) fail(fault_of_creating(errno), path_, errno);
  }
}

new_file::~new_file() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void new_file::publish() {
  // The content before the name: after a power cut the name must not show an empty file.
  if (!descriptor(temporary_, O_RDONLY).sync()) fail(fault::output, path_, errno);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail(fault::output, path_, errno);
  temporary_.clear();
  // Not every file system can sync a folder; the file itself is safe by now.
  static_cast<void>(descriptor(folder_of(path_), O_RDONLY | O_DIRECTORY).sync());
}

}  // namespace trefoil::lab
