// SPDX-License-Identifier: Apache-2.0
#include "lab/recording/sqlite.hpp"

#include <sqlite3.h>
#include <utility>

namespace trefoil::lab::sqlite {

namespace {

// SQLite gives some names a meaning of their own (":memory:", "", "file:..."): a path has none.
std::string as_path(const std::string& name) { return name.starts_with('/') ? name : "./" + name; }

}  // namespace

void database::closer::operator()(sqlite3* handle) const noexcept { sqlite3_close_v2(handle); }

database::database(const std::string& path, mode how, std::string shown)
    : shown_(std::move(shown)), fault_(how == mode::read ? fault::input : fault::output) {
  // Counting allocations takes a lock for each. Refused if SQLite is in use already: no harm.
  static const int once = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  static_cast<void>(once);
  // One handle is used by one thread at a time, so its mutexes would only cost time.
  const int flags =
      SQLITE_OPEN_NOMUTEX |
      (how == mode::read ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  sqlite3* raw = nullptr;
  const int status = sqlite3_open_v2(as_path(path).c_str(), &raw, flags, nullptr);
  handle_.reset(raw);
  if (status != SQLITE_OK) fail();
}

void database::run(const char* sql) const {
  if (sqlite3_exec(get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) fail();
}

void database::close() {
  if (sqlite3_close(get()) != SQLITE_OK) fail();
  static_cast<void>(handle_.release());
}

void database::fail() const {
  throw error(fault_, shown_ + ": " + (get() ? sqlite3_errmsg(get()) : "out of memory"));
}

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
