// SPDX-License-Identifier: Apache-2.0
#include "lab/recording/new_file.hpp"

#include "lab/descriptor.hpp"
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

bool synced(const std::string& path, int flags) {
  const descriptor file(::open(path.c_str(), flags | O_CLOEXEC));
  return file.get() >= 0 && ::fsync(file.get()) == 0;
}

// What links lead to, though it is not there yet: a rename would replace the link itself.
std::string target_of(std::string path) {
  std::error_code none;
  for (int links = 0; links < 40; ++links) {
    const auto next = std::filesystem::read_symlink(path, none);
    if (none) break;
    path = (std::filesystem::path(path).parent_path() / next).string();
  }
  return path;
}

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
  path_ = target_of(std::move(path_));
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
  if (!synced(temporary_, O_RDONLY)) fail(fault::output, path_, errno);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) {
    const int code = errno;
    // What is in it may have taken an hour.
    const std::string kept = std::exchange(temporary_, {});
    fail(fault::output, path_ + " (what was to be there is whole, in " + kept + ")", code);
  }
  temporary_.clear();
  // Not every file system can sync a folder; the file itself is safe by now.
  static_cast<void>(synced(folder_of(path_), O_RDONLY | O_DIRECTORY));
}

}  // namespace trefoil::lab
