// SPDX-License-Identifier: Apache-2.0
#include "lab/recording/recording_file.hpp"

#include "lab/error.hpp"
#include "lab/recording/file_header.hpp"
#include "lab/system_reason.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <sqlite3.h>
#include <sys/stat.h>
#include <system_error>
#include <utility>

namespace trefoil::lab {

namespace {

using sqlite::mode;

// Of a regular file. Not by opening it: closing it would give up the locks that this process has on it by
// SQLite.
std::uint64_t size_of(const std::string& path) {
  if (path.empty()) throw error(fault::input, "the name of the recording is empty");
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) {
    throw error(fault::input, path + ": " + system_reason(errno));
  }
  if (!S_ISREG(facts.st_mode)) throw error(fault::input, path + ": not a regular file");
  return static_cast<std::uint64_t>(facts.st_size);
}

// The files that SQLite puts beside the one that `path` leads to.
struct companions {
  explicit companions(const std::string& path) {
    std::error_code unknown;
    const auto real = std::filesystem::canonical(path, unknown);
    const std::string main = unknown ? path : real.string();
    log = main + "-wal";
    journal = main + "-journal";
    std::error_code none;
    const auto bytes = std::filesystem::file_size(log, none);
    log_counts = !none && bytes != 0;
    in_use = std::filesystem::exists(main + "-shm", none);
  }

  std::string log;
  std::string journal;
  bool log_counts = false;  // it holds changes that are not in the recording itself yet
  bool in_use = false;      // by a program that has it open, or had when it was killed
};

mode mode_for(const file_header& header, const companions& beside) {
  if (!header.has_log || beside.in_use) return mode::read;
  return beside.log_counts ? mode::read_with_log : mode::read_frozen;
}

// Reads for the first time, which is when SQLite looks at what is beside the file. From then on all is of
// the same moment. A file that is cut short meanwhile would kill who has it mapped. 2 MiB of pages is plenty
// for reading in order.
void begin(const sqlite::database& file) {
  file.run("PRAGMA query_only = ON; PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY; "
           "PRAGMA cache_size = -2048; BEGIN; SELECT 1 FROM sqlite_master LIMIT 1");
}

bool cannot_be_made_whole(sqlite3* file) {
  const int code = sqlite3_extended_errcode(file);
  return (code & 0xff) == SQLITE_READONLY || (code & 0xff) == SQLITE_CANTOPEN ||
         code == SQLITE_IOERR_LOCK;
}

}  // namespace

sqlite::database open_recording(const std::string& path, std::function<bool()> stopped) {
  const std::uint64_t size = size_of(path);
  const auto opened = [&](mode how) {
    sqlite::database file(path, how, path);
    if (stopped) file.ask(stopped);
    return file;
  };
  sqlite::database file = opened(mode::read);
  const file_header header = read_header(
      path, file.begin(static_cast<std::size_t>(std::min<std::uint64_t>(size, file_header_bytes))));
  const companions beside(path);
  if (size < header.whole_bytes && !beside.log_counts) {
    file.fail("truncated: " + std::to_string(size) + " of " + std::to_string(header.whole_bytes) +
              " bytes");
  }
  const mode how = mode_for(header, beside);
  if (how != mode::read) file = opened(how);
  try {
    begin(file);
    return file;
  } catch (const error&) {
    if (!cannot_be_made_whole(file.get())) throw;
  }
  if (!header.has_log) {
    file.fail("a change that was not finished has to be undone first, with " + beside.journal +
              ": `sqlite3 FILE .schema` does it, by whoever may write to both");
  }
  if (beside.log_counts) {
    file.fail("its latest changes are in " + beside.log +
              ", which cannot be read here: `sqlite3 FILE 'PRAGMA wal_checkpoint(TRUNCATE)'` puts "
              "them in place, by whoever may write to both");
  }
  file = opened(mode::read_frozen);
  begin(file);
  return file;
}

}  // namespace trefoil::lab
