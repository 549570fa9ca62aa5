// SPDX-License-Identifier: Apache-2.0
#include "lab/recording/output_path.hpp"

#include "lab/error.hpp"

#include <cerrno>
#include <climits>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <system_error>
#include <utility>

namespace trefoil::lab {

namespace {

[[noreturn]] void refuse(const std::string& line) { throw error(fault::input, line); }

void check_words(const std::string& given) {
  if (given.empty()) refuse("the name of the file to write is empty");
  if (given == "-") {
    refuse("-: stdout is no place for a recording; name a file (./- for one of that name)");
  }
  if (given.size() >= PATH_MAX) {  // too long to be shown
    refuse("the path of the file to write has " + std::to_string(given.size()) +
           " bytes; at most " + std::to_string(PATH_MAX - 1) + " are possible");
  }
  const std::string last = given.substr(given.find_last_of('/') + 1);
  if (last.empty() || last == "." || last == "..") {
    refuse(given + ": is the name of a folder; name a file in it");
  }
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

}  // namespace

output_path::output_path(std::string given) : given_(std::move(given)) {
  check_words(given_);
  // A rename would replace a device (/dev/null) or a pipe by a file, which nobody wants.
  struct stat there {};
  if (::stat(given_.c_str(), &there) == 0) {
    if (S_ISDIR(there.st_mode)) refuse(given_ + ": is a folder; name a file in it");
    if (!S_ISREG(there.st_mode)) refuse(given_ + ": is there and is not a regular file");
  } else if (errno == ENAMETOOLONG) {
    const std::size_t name = given_.size() - given_.find_last_of('/') - 1;
    refuse("a name of " + std::to_string(name) +
           " bytes is too long for the file to write, or one of its folders' is");
  } else if (errno == ELOOP) {
    refuse(given_ + ": " + std::generic_category().message(ELOOP));
  }
  const std::filesystem::path target = target_of(given_);
  name_ = target.filename().string();
  folder_ = target.parent_path().string();
  if (folder_.empty()) folder_ = ".";
  if (name_.empty()) refuse(given_ + ": leads to a folder; name a file in it");
  std::error_code unknown;
  absolute_ = std::filesystem::absolute(folder_, unknown).string();
}

std::string output_path::beside(const std::string& name) const {
  return folder_ == "." ? name : (std::filesystem::path(folder_) / name).string();
}

int output_path::open_folder() const {
  constexpr int only_to_reach = O_PATH | O_DIRECTORY | O_CLOEXEC;
  const int fd = ::open(folder_.c_str(), only_to_reach);
  if (fd >= 0) return fd;
  const int code = errno;
  const int again = absolute_.empty() ? -1 : ::open(absolute_.c_str(), only_to_reach);
  if (again < 0) errno = code;
  return again;
}

}  // namespace trefoil::lab
