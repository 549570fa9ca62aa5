// SPDX-License-Identifier: Apache-2.0
#include "lab/recording/descriptor_vfs.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <new>
#include <sqlite3.h>
#include <string_view>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace trefoil::lab::sqlite {

namespace {

struct file {
  sqlite3_file base;  // SQLite knows this part
  int descriptor;
  int last_error;  // errno, which SQLite's own codes hide
};

file& of(sqlite3_file* base) { return *reinterpret_cast<file*>(base); }

int failed(file& in, int code) {
  in.last_error = errno;
  return code;
}

int close(sqlite3_file*) { return SQLITE_OK; }

int read(sqlite3_file* base, void* to, int size, sqlite3_int64 at) {
  file& from = of(base);
  auto* next = static_cast<char*>(to);
  auto left = static_cast<std::size_t>(size);
  while (left != 0) {
    const ssize_t got = ::pread(from.descriptor, next, left, at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed(from, SQLITE_IOERR_READ);
    if (got == 0) {  // beyond the end there are zeros, says SQLite
      std::memset(next, 0, left);
      return SQLITE_IOERR_SHORT_READ;
    }
    next += got;
    at += got;
    left -= static_cast<std::size_t>(got);
  }
  return SQLITE_OK;
}

int write(sqlite3_file* base, const void* from, int size, sqlite3_int64 at) {
  file& to = of(base);
  const auto* next = static_cast<const char*>(from);
  auto left = static_cast<std::size_t>(size);
  while (left != 0) {
    const ssize_t put = ::pwrite(to.descriptor, next, left, at);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return failed(to, SQLITE_IOERR_WRITE);
    next += put;
    at += put;
    left -= static_cast<std::size_t>(put);
  }
  return SQLITE_OK;
}

int truncate(sqlite3_file* base, sqlite3_int64 size) {
  file& what = of(base);
  return ::ftruncate(what.descriptor, size) == 0 ? SQLITE_OK : failed(what, SQLITE_IOERR_TRUNCATE);
}

int sync(sqlite3_file*, int) { return SQLITE_OK; }  // the owner syncs, once, when all is in it

int size_of(sqlite3_file* base, sqlite3_int64* size) {
  file& what = of(base);
  struct stat facts {};
  if (::fstat(what.descriptor, &facts) != 0) return failed(what, SQLITE_IOERR_FSTAT);
  *size = facts.st_size;
  return SQLITE_OK;
}

int lock(sqlite3_file*, int) { return SQLITE_OK; }

int others_lock(sqlite3_file*, int* whether) {
  *whether = 0;
  return SQLITE_OK;
}

int control(sqlite3_file* base, int what, void* argument) {
  if (what != SQLITE_FCNTL_LAST_ERRNO) return SQLITE_NOTFOUND;
  *static_cast<int*>(argument) = of(base).last_error;
  return SQLITE_OK;
}

int sector_size(sqlite3_file*) { return 4096; }

int characteristics(sqlite3_file*) { return 0; }

constexpr sqlite3_io_methods methods = {
    .iVersion = 1,
    .xClose = close,
    .xRead = read,
    .xWrite = write,
    .xTruncate = truncate,
    .xSync = sync,
    .xFileSize = size_of,
    .xLock = lock,
    .xUnlock = lock,
    .xCheckReservedLock = others_lock,
    .xFileControl = control,
    .xSectorSize = sector_size,
    .xDeviceCharacteristics = characteristics,
    .xShmMap = nullptr,
    .xShmLock = nullptr,
    .xShmBarrier = nullptr,
    .xShmUnmap = nullptr,
    .xFetch = nullptr,
    .xUnfetch = nullptr,
};

int open(sqlite3_vfs*, const char* name, sqlite3_file* base, int flags, int* flags_taken) {
  base->pMethods = nullptr;  // nothing to be closed, should this fail
  if (name == nullptr || (flags & SQLITE_OPEN_MAIN_DB) == 0) return SQLITE_CANTOPEN;
  const std::string_view number(name);
  int descriptor = -1;
  const auto [end, wrong] =
      std::from_chars(number.data(), number.data() + number.size(), descriptor);
  if (wrong != std::errc{} || end != number.data() + number.size()) return SQLITE_CANTOPEN;
  file& opened = of(base);
  opened.base.pMethods = &methods;
  opened.descriptor = descriptor;
  opened.last_error = 0;
  if (flags_taken != nullptr) *flags_taken = flags;
  return SQLITE_OK;
}

int remove(sqlite3_vfs*, const char*, int) { return SQLITE_OK; }

// There is no journal of an earlier writer.
int is_there(sqlite3_vfs*, const char*, int, int* whether) {
  *whether = 0;
  return SQLITE_OK;
}

int full_name(sqlite3_vfs*, const char* name, int room, char* full) {
  const std::size_t size = std::strlen(name) + 1;
  if (size > static_cast<std::size_t>(room)) return SQLITE_CANTOPEN;
  std::copy_n(name, size, full);
  return SQLITE_OK;
}

sqlite3_vfs made() {
  const sqlite3_vfs* const ordinary = sqlite3_vfs_find(nullptr);
  if (ordinary == nullptr) throw std::bad_alloc();  // SQLite could not even begin
  sqlite3_vfs all = *ordinary;                      // clocks and random numbers
  all.szOsFile = sizeof(file);
  all.mxPathname = 64;
  all.pNext = nullptr;
  all.zName = "trefoil-descriptor";
  all.xOpen = open;
  all.xDelete = remove;
  all.xAccess = is_there;
  all.xFullPathname = full_name;
  return all;
}

}  // namespace

const char* descriptor_vfs() {
  static sqlite3_vfs all = made();
  static const int registered = sqlite3_vfs_register(&all, 0);
  return registered == SQLITE_OK ? all.zName : "none";  // SQLite says then that there is none
}

}  // namespace trefoil::lab::sqlite
