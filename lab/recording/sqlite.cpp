// SPDX-License-Identifier: Apache-2.0
#include "lab/recording/sqlite.hpp"

#include "lab/limits.hpp"
#include "lab/recording/descriptor_vfs.hpp"
#include "lab/system_reason.hpp"

#include <array>
#include <cerrno>
#include <new>
#include <sqlite3.h>
#include <system_error>
#include <utility>

namespace trefoil::lab::sqlite {

namespace {

// SQLite gives some names a meaning of their own (":memory:", "", "file:..."): a path has none.
std::string as_path(const std::string& name) { return name.starts_with('/') ? name : "./" + name; }

// The same as a URI, which alone can say that nobody writes to the file.
std::string as_frozen(const std::string& name) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string uri = "file:";
  for (const char c : as_path(name)) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '/' || c == '.' || c == '-' || c == '_';
    if (plain) {
      uri += c;
    } else {
      (uri += '%') += digits[byte >> 4];
      uri += digits[byte & 15];
    }
  }
  return uri + "?immutable=1";
}

int flags_of(mode how) {
  // One handle is used by one thread at a time, so its mutexes would only cost time.
  const int uri = how == mode::read_frozen ? SQLITE_OPEN_URI : 0;
  return SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_READONLY | uri;
}

constexpr int between_questions = 1000;  // instructions of SQLite's machine

int ask_whether_to_stop(void* whom) {
  return (*static_cast<std::function<bool()>*>(whom))() ? 1 : 0;
}

// Before SQLite is used for anything. Counting allocations takes a lock for each, and limits those of files
// that are read. It is decided once in a process: one that writes a recording first reads its own, if any.
void configure(bool counted) {
  static const int once = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, static_cast<int>(counted));
  static_cast<void>(once);
}

}  // namespace

void database::closer::operator()(sqlite3* handle) const noexcept { sqlite3_close_v2(handle); }

database::database(const std::string& path, mode how, std::string shown)
    : shown_(std::move(shown)), fault_(fault::input) {
  configure(true);
  sqlite3* raw = nullptr;
  const std::string name = how == mode::read_frozen ? as_frozen(path) : as_path(path);
  // Without locks an index in memory is all that a log needs.
  const char* const system = how == mode::read_with_log ? "unix-none" : nullptr;
  const int status = sqlite3_open_v2(name.c_str(), &raw, flags_of(how), system);
  handle_.reset(raw);
  if (status != SQLITE_OK) fail();
  trust_nothing();
  if (how == mode::read_with_log) run("PRAGMA locking_mode = EXCLUSIVE");
}

void database::trust_nothing() const {
  // The limit is the process's. A file that takes more to read than to be what it says is made to harm.
  sqlite3_hard_heap_limit64(std::int64_t{most_memory});
  for (const int off : {SQLITE_DBCONFIG_TRUSTED_SCHEMA, SQLITE_DBCONFIG_ENABLE_VIEW,
                        SQLITE_DBCONFIG_ENABLE_TRIGGER, SQLITE_DBCONFIG_WRITABLE_SCHEMA}) {
    sqlite3_db_config(get(), off, 0, nullptr);
  }
  for (const int on : {SQLITE_DBCONFIG_DEFENSIVE, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE}) {
    sqlite3_db_config(get(), on, 1, nullptr);
  }
  sqlite3_drop_modules(get(), nullptr);  // no virtual table
  constexpr std::array<std::array<int, 2>, 7> limits{{{SQLITE_LIMIT_LENGTH, longest_value},
                                                      {SQLITE_LIMIT_SQL_LENGTH, 64 << 10},
                                                      {SQLITE_LIMIT_EXPR_DEPTH, 100},
                                                      {SQLITE_LIMIT_VDBE_OP, 25'000},
                                                      {SQLITE_LIMIT_ATTACHED, 0},
                                                      {SQLITE_LIMIT_TRIGGER_DEPTH, 1},
                                                      {SQLITE_LIMIT_WORKER_THREADS, 0}}};
  for (const auto& [what, most] : limits) sqlite3_limit(get(), what, most);
}

void database::ask(std::function<bool()> whether_to_stop) {
  stop_ = std::make_unique<std::function<bool()>>(std::move(whether_to_stop));
  sqlite3_progress_handler(get(), between_questions, *stop_ ? ask_whether_to_stop : nullptr,
                           stop_.get());
}

database::database(int descriptor, std::string shown)
    : shown_(std::move(shown)), fault_(fault::output) {
  configure(false);
  sqlite3* raw = nullptr;
  const int status = sqlite3_open_v2(
      std::to_string(descriptor).c_str(), &raw,
      SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, descriptor_vfs());
  handle_.reset(raw);
  if (status != SQLITE_OK) fail();
}

void database::run(const char* sql) const {
  if (sqlite3_exec(get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) fail();
}

std::string database::begin(std::size_t bytes) const {
  std::string all(bytes, '\0');
  sqlite3_file* file = nullptr;
  if (sqlite3_file_control(get(), "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK ||
      file->pMethods->xRead(file, all.data(), static_cast<int>(bytes), 0) != SQLITE_OK) {
    fail("cannot be read");
  }
  return all;
}

void database::close() {
  if (sqlite3_close(get()) != SQLITE_OK) fail();
  static_cast<void>(handle_.release());
}

void database::fail() const {
  const int code = get() ? sqlite3_errcode(get()) & 0xff : SQLITE_NOMEM;
  if (code == SQLITE_INTERRUPT) throw error(fault::interrupted, shown_ + ": interrupted");
  if (fault_ == fault::output) {
    fail(code == SQLITE_NOMEM ? "out of memory" + limit_hint(ENOMEM) : why_not_written());
  }
  switch (code) {
    case SQLITE_NOMEM:
      if (static_cast<std::size_t>(sqlite3_memory_used()) < most_memory / 2) throw std::bad_alloc();
      fail("reading it takes more than " + std::to_string(most_memory >> 20) +
           " MiB: more than any recording needs");
    case SQLITE_TOOBIG: fail("a value is longer than " + std::to_string(longest_value) + " bytes");
    case SQLITE_BUSY: fail("another program is writing to it: read it when that is done");
    case SQLITE_CANTOPEN:
      if (const int why = sqlite3_system_errno(get()); why != 0) { fail(system_reason(why)); }
      break;
    default: break;
  }
  fail(sqlite3_errmsg(get()));
}

std::string database::why_not_written() const {
  if (!get()) return "out of memory";
  int code = 0;  // SQLite's own words are "disk I/O error" for whatever it is
  sqlite3_file_control(get(), nullptr, SQLITE_FCNTL_LAST_ERRNO, &code);
  return code != 0 ? system_reason(code) : sqlite3_errmsg(get());
}

void database::fail(const std::string& what) const { throw error(fault_, shown_ + ": " + what); }

void statement::finalizer::operator()(sqlite3_stmt* handle) const noexcept {
  sqlite3_finalize(handle);
}

statement::statement(const database& owner, const char* sql) : owner_(&owner) {
  sqlite3_stmt* raw = nullptr;
  if (sqlite3_prepare_v2(owner.get(), sql, -1, &raw, nullptr) != SQLITE_OK) owner.fail();
  handle_.reset(raw);
}

bool statement::step() {
  const int status = sqlite3_step(get());
  if (status != SQLITE_ROW && status != SQLITE_DONE) owner_->fail();
  return status == SQLITE_ROW;
}

void statement::execute() {
  step();
  sqlite3_reset(get());
}

void statement::bind(int index, std::int64_t value) { sqlite3_bind_int64(get(), index, value); }

void statement::bind_real(int index, double value) { sqlite3_bind_double(get(), index, value); }

void statement::bind(int index, std::string_view value) {
  sqlite3_bind_text(get(), index, value.data(), static_cast<int>(value.size()), SQLITE_STATIC);
}

void statement::bind_null(int index) { sqlite3_bind_null(get(), index); }

bool statement::is_null(int column) const {
  return sqlite3_column_type(handle_.get(), column) == SQLITE_NULL;
}

std::int64_t statement::integer(int column) const {
  return sqlite3_column_int64(handle_.get(), column);
}

double statement::real(int column) const { return sqlite3_column_double(handle_.get(), column); }

std::string statement::text(int column) const {
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(handle_.get(), column));
  if (bytes == nullptr) return {};
  return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(handle_.get(), column))};
}

}  // namespace trefoil::lab::sqlite
