// SPDX-License-Identifier: Apache-2.0
#include "lab/recording/new_file.hpp"

#include "lab/error.hpp"
#include "lab/system_reason.hpp"

#include <array>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace trefoil::lab {

namespace {

// Before anything is written the name can be at fault, or the disk.
fault fault_of_creating(int code) {
  const bool disk = code == ENOSPC || code == EDQUOT || code == EIO;
  return disk ? fault::output : fault::input;
}

std::string old_name(const std::string& name) { return name + ".old"; }

descriptor opened_folder(const output_path& path) {
  descriptor folder(path.open_folder());
  if (folder.get() >= 0) return folder;
  const int code = errno;
  std::string line = path.given() + ": ";
  if (code == ENOENT) {
    line += "there is no folder " + path.folder() + "; make it first";
  } else if (code == ENOTDIR) {
    line += path.folder() + " is not a folder";
  } else {
    line += "folder " + path.folder() + ": " + system_reason(code);
  }
  throw error(fault::input, line);
}

draft begun(const output_path& path, int folder) {
  try {
    return {folder, path.name()};
  } catch (const std::system_error& wrong) {
    const int code = wrong.code().value();
    throw error(fault_of_creating(code), path.given() + ": no file can be made in folder " +
                                             path.folder() + ": " + system_reason(code));
  }
}

// Where a folder is now, whatever it was called; else as it was called.
std::string whereabouts(int folder, const std::string& called) {
  std::array<char, PATH_MAX> text{};
  const std::string link = "/proc/self/fd/" + std::to_string(folder);
  const ssize_t size = ::readlink(link.c_str(), text.data(), text.size());
  return size > 0 && text[0] == '/' ? std::string(text.data(), static_cast<std::size_t>(size))
                                    : called;
}

bool same_folder(int one, int other) {
  struct stat a {};
  struct stat b {};
  return ::fstat(one, &a) == 0 && ::fstat(other, &b) == 0 && a.st_dev == b.st_dev &&
         a.st_ino == b.st_ino;
}

// Not every file system can, nor may everybody who may write there; the file itself is safe.
void sync_folder(int folder) {
  const descriptor readable(::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (readable.get() >= 0) static_cast<void>(::fsync(readable.get()));
}

}  // namespace

new_file::new_file(std::string path, if_there what)
    : path_(std::move(path)),
      what_(what),
      folder_(opened_folder(path_)),
      draft_(begun(path_, folder_.get())) {
  struct stat there {};
  if (::fstatat(folder_.get(), path_.name().c_str(), &there, AT_SYMLINK_NOFOLLOW) != 0) return;
  if (what_ == if_there::refuse) refuse_existing();
  if (what_ == if_there::replace) return;
  const std::string old = old_name(path_.name());
  const std::string why = path_.given() + ": is there, and cannot be kept: ";
  if (::fstatat(folder_.get(), old.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0) {
    // A link is replaced itself: what it leads to is somebody else's.
    if (!S_ISREG(there.st_mode) && !S_ISLNK(there.st_mode)) {
      throw error(fault::input, why + path_.beside(old) + " is not a regular file");
    }
  } else if (errno == ENAMETOOLONG) {
    throw error(fault::input, why + "with .old its name is too long; name another file");
  }
}

void new_file::refuse_existing() const {
  throw error(fault::input, path_.given() + ": is there already; --force replaces it");
}

// Of what has the name in that folder.
int new_file::replace_in(int folder) {
  const std::string& name = path_.name();
  if (const int code = draft_.take_part_name(folder, name); code != 0) return code;
  const std::string old = old_name(name);
  std::string older =
      path_.beside(old);  // before anything is renamed: what comes after cannot fail
  if (what_ == if_there::keep) {
    if (::renameat(folder, name.c_str(), folder, old.c_str()) != 0) return errno;
  }
  if (::renameat(folder, draft_.part().c_str(), folder, name.c_str()) != 0) {
    const int code = errno;
    if (what_ == if_there::keep) {
      static_cast<void>(::renameat(folder, old.c_str(), folder, name.c_str()));
    }
    return code;
  }
  draft_.let_go();
  if (what_ == if_there::keep) older_ = std::move(older);
  return 0;
}

int new_file::place_in(int folder) {
  for (int attempt = 0; attempt < 100; ++attempt) {  // others may write to the name as well
    struct stat there {};
    int code = 0;
    if (::fstatat(folder, path_.name().c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0) {
      if (what_ == if_there::refuse) refuse_existing();
      if (S_ISDIR(there.st_mode)) return EISDIR;
      code = replace_in(folder);
      if (code == ENOENT) continue;
    } else {
      code = errno == ENOENT ? draft_.publish(folder, path_.name()) : errno;
      if (code == EEXIST) continue;
    }
    if (code == 0) sync_folder(folder);
    return code;
  }
  return EEXIST;
}

// Returns where. What is in it may have taken an hour.
std::string new_file::keep_elsewhere(int folder) {
  if (draft_.take_part_name(folder, path_.name()) == 0) {
    sync_folder(folder);
    const std::string part = draft_.part();
    draft_.let_go();
    return whereabouts(folder, path_.folder()) + "/" + part;
  }
  const char* const temporary = std::getenv("TMPDIR");  // NOLINT(concurrency-mt-unsafe): none sets
  for (const char* const place : {".", temporary, "/tmp", "/var/tmp"}) {
    if (place == nullptr || *place == '\0') continue;
    const lab::descriptor there(::open(place, O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (there.get() < 0 || draft_.take_part_name(there.get(), path_.name()) != 0) continue;
    std::string name = draft_.part();
    // Its own name, if nobody has it there.
    if (draft_.publish(there.get(), path_.name()) == 0) name = path_.name();
    draft_.let_go();
    sync_folder(there.get());
    return whereabouts(there.get(), place) + "/" + name;
  }
  return {};
}

std::string new_file::publish() {
  // The content before the name: after a power cut the name must not show an empty file.
  if (const int code = draft_.sync(); code != 0) {
    throw error(fault::output, path_.given() + ": " + system_reason(code));
  }
  // A build may have made the folder anew: then that is the one that the path leads to.
  const lab::descriptor now(path_.open_folder());
  int code = now.get() < 0 ? errno : 0;
  // Whoever may open nothing more cannot look: then it is the one that it was.
  const bool blind = code == EMFILE || code == ENFILE || code == ENOMEM;
  if (blind || code == 0) code = place_in(blind ? folder_.get() : now.get());
  if (code == 0) return std::move(older_);
  std::string line = path_.given() + ": " + system_reason(code);
  const bool moved = !blind && (now.get() < 0 || !same_folder(now.get(), folder_.get()));
  std::string kept;
  if (moved && place_in(folder_.get()) == 0) {
    kept = whereabouts(folder_.get(), path_.folder()) + "/" + path_.name();
  } else {
    kept = keep_elsewhere(folder_.get());
  }
  line += kept.empty() ? "; nor could it be kept anywhere else" : "; it is whole, as " + kept;
  throw error(fault::output, line);
}

}  // namespace trefoil::lab
