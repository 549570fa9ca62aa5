// SPDX-License-Identifier: Apache-2.0
#include "lab/recording/draft.hpp"

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <memory>
#include <new>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace trefoil::lab {

namespace {

constexpr mode_t by_umask = 0666;

// Tries names until `make` gives something else than EEXIST: the process number keeps writers apart, and
// what a killed one with the same number left is stepped over.
template <class Make>
int with_part_name(const std::string& name, Make make) {
  std::string stem = name;
  for (int attempt = 0; attempt <= 100; ++attempt) {
    const std::string more = attempt == 0 ? "" : "-" + std::to_string(attempt);
    std::string part = stem;
    part.append(".part-").append(std::to_string(::getpid())).append(more);
    const int code = make(part);
    if (code == ENAMETOOLONG && stem == name) {  // that of the file is as long as names can be
      stem = "trefoil";
    } else if (code != EEXIST) {
      return code;
    }
  }
  return EEXIST;
}

int create(int folder, const std::string& name) {
  return ::openat(folder, name.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, by_umask);
}

// All of it, by as few system calls as any file system has.
int copy(int from, int to) {
  constexpr std::size_t at_once = std::size_t{1} << 20;
  const std::unique_ptr<char[]> buffer(new (std::nothrow) char[at_once]);
  if (!buffer) return ENOMEM;
  for (off_t at = 0;;) {
    const ssize_t got = ::pread(from, buffer.get(), at_once, at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno;
    if (got == 0) return ::fsync(to) == 0 ? 0 : errno;
    for (ssize_t done = 0; done < got;) {
      const auto left = static_cast<std::size_t>(got - done);
      const ssize_t put = ::pwrite(to, buffer.get() + done, left, at + done);
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return errno;
      done += put;
    }
    at += got;
  }
}

// Of a file that has another name in the same folder. File systems differ in what they can.
int rename_without_replacing(int folder, const std::string& from, const std::string& to) {
  if (::renameat2(folder, from.c_str(), folder, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (errno == EEXIST) return EEXIST;
  if (::linkat(folder, from.c_str(), folder, to.c_str(), 0) == 0) {
    static_cast<void>(::unlinkat(folder, from.c_str(), 0));
    return 0;
  }
  if (errno == EEXIST) return EEXIST;
  const int claim = create(folder, to);  // what is replaced then is our own
  if (claim < 0) return errno;
  ::close(claim);
  if (::renameat(folder, from.c_str(), folder, to.c_str()) == 0) return 0;
  const int code = errno;
  static_cast<void>(::unlinkat(folder, to.c_str(), 0));
  return code;
}

}  // namespace

draft::draft(int folder, const std::string& name) {
  // Which error says that a file system or a kernel lacks it differs; whatever else is wrong, creating a
  // file with a name tells as well.
  const int nameless = ::openat(folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, by_umask);
  if (nameless >= 0) {
    file_ = lab::descriptor(nameless);
    return;
  }
  folder_ = lab::descriptor(::fcntl(folder, F_DUPFD_CLOEXEC, 0));
  const int code = with_part_name(name, [&](const std::string& part) {
    std::string noted = part;  // first: a name that could not be noted would stay
    const int named = create(folder, part);
    if (named < 0) return errno;
    file_ = lab::descriptor(named);
    part_ = std::move(noted);
    return 0;
  });
  if (code != 0) throw std::system_error(code, std::generic_category());
}

draft::~draft() { remove_part(); }

void draft::remove_part() noexcept {
  if (has_part_name_in(folder_.get())) ::unlinkat(folder_.get(), part_.c_str(), 0);
  part_.clear();
}

int draft::sync() const { return ::fsync(descriptor()) == 0 ? 0 : errno; }

// Somebody may have removed it, or made something else of that name.
bool draft::has_part_name_in(int folder) const {
  struct stat mine {};
  struct stat there {};
  return !part_.empty() && ::fstat(descriptor(), &mine) == 0 &&
         ::fstatat(folder, part_.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0 &&
         mine.st_dev == there.st_dev && mine.st_ino == there.st_ino;
}

int draft::link_to(int folder, const std::string& name) const {
  // By the descriptor: with a capability, or on Linux 6.10 for whoever opened it. Else by /proc, if there
  // is one.
  if (::linkat(descriptor(), "", folder, name.c_str(), AT_EMPTY_PATH) == 0) return 0;
  if (errno == EEXIST) return EEXIST;
  const std::string by_proc = "/proc/self/fd/" + std::to_string(descriptor());
  return ::linkat(AT_FDCWD, by_proc.c_str(), folder, name.c_str(), AT_SYMLINK_FOLLOW) == 0 ? 0
                                                                                           : errno;
}

int draft::copy_to(int folder, const std::string& name) {
  std::string noted = name;
  const int to = create(folder, name);
  if (to < 0) return errno;
  lab::descriptor made(to);
  const int kept_open = ::fcntl(folder, F_DUPFD_CLOEXEC, 0);
  const int code = kept_open < 0 ? errno : copy(descriptor(), to);
  lab::descriptor there(kept_open);
  if (code != 0) {
    ::unlinkat(folder, name.c_str(), 0);
    return code;
  }
  remove_part();
  file_ = std::move(made);
  folder_ = std::move(there);
  part_ = std::move(noted);
  return 0;
}

int draft::take_part_name(int folder, const std::string& name) {
  if (has_part_name_in(folder)) return 0;
  return with_part_name(name, [&](const std::string& part) {
    if (part_.empty()) {
      lab::descriptor there(::fcntl(folder, F_DUPFD_CLOEXEC, 0));
      if (there.get() < 0) return errno;
      std::string noted = part;
      const int code = link_to(folder, part);
      if (code == 0) {
        folder_ = std::move(there);
        part_ = std::move(noted);
      }
      if (code == 0 || code == EEXIST || code == ENAMETOOLONG) return code;
    }
    return copy_to(folder, part);  // another file system, no /proc, or removed by somebody
  });
}

int draft::publish(int folder, const std::string& name) {
  if (part_.empty()) {
    const int code = link_to(folder, name);
    if (code == 0 || code == EEXIST) return code;
  }
  if (const int code = take_part_name(folder, name); code != 0) return code;
  const int code = rename_without_replacing(folder, part_, name);
  if (code == 0) part_.clear();
  return code;
}

}  // namespace trefoil::lab
