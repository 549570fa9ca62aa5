// SPDX-License-Identifier: Apache-2.0
#include "lab/recording/table_rows.hpp"

#include <algorithm>
#include <cmath>
#include <sqlite3.h>
#include <utility>

namespace trefoil::lab {

namespace {

// Where two names of a column are the same to SQLite.
bool same(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         sqlite3_strnicmp(a.data(), b.data(), static_cast<int>(a.size())) == 0;
}

// As the schema tells it; empty: there is nothing of that name.
std::string kind_of(const sqlite::database& file, std::string_view table) {
  sqlite::statement select(
      file, "SELECT type, rootpage FROM sqlite_master NOT INDEXED WHERE lower(name) = ?");
  select.bind(1, table);
  // An index may have the name as well.
  while (select.step()) {
    std::string type = select.text(0);
    if (type == "view") return type;
    if (type == "table") return select.integer(1) > 0 ? "table" : "virtual table";
  }
  return {};
}

}  // namespace

bool table_rows::exist(const sqlite::database& file, std::string_view table) {
  return !kind_of(file, table).empty();
}

std::string table_rows::checked_select(const sqlite::database& file, std::string_view table,
                                       const std::vector<std::string_view>& columns) {
  const std::string name(table);
  const std::string kind = kind_of(file, table);
  if (kind.empty()) file.fail("no such table: " + name);
  // What SQLite makes of the schema counts, not what it calls itself. This knows no views.
  const bool stored =
      sqlite3_table_column_metadata(file.get(), "main", name.c_str(), nullptr, nullptr, nullptr,
                                    nullptr, nullptr, nullptr) == SQLITE_OK;
  if (kind != "table" || !stored) {
    file.fail(name + " is a " + (kind == "table" ? "view" : kind) +
              ": a recording has a table of that name");
  }
  std::vector<std::string> there;
  {
    sqlite::statement look(file, ("PRAGMA main.table_xinfo(" + name + ")").c_str());
    while (look.step()) {
      there.push_back(look.text(1));
      const bool wanted = std::any_of(columns.begin(), columns.end(), [&](std::string_view one) {
        return same(one, there.back());
      });
      if (wanted && look.integer(6) != 0) {
        file.fail("table " + name + ": column " + there.back() + " is computed");
      }
    }
  }
  std::string sql = "SELECT ";
  for (const std::string_view one : columns) {
    const bool found = std::any_of(there.begin(), there.end(),
                                   [&](const std::string& other) { return same(one, other); });
    if (!found && one != "rowid") {
      file.fail("table " + name + ": column " + std::string(one) + " is missing");
    }
    sql += (one == columns.front() ? "" : ", ") + std::string(one);
  }
  // The order of the table itself, which is that of its numbers. The reader sees whether it is: to ask for
  // it would sort a table that has another one. An index may compute something.
  return sql + " FROM main." + name + " NOT INDEXED";
}

table_rows::table_rows(const sqlite::database& file, std::string_view table,
                       std::vector<std::string_view> columns, std::int64_t most_rows)
    : file_(&file),
      table_(table),
      columns_(std::move(columns)),
      most_rows_(most_rows),
      select_(file, checked_select(file, table, columns_).c_str()) {}

bool table_rows::next() {
  const int status = sqlite3_step(select_.get());
  if (status == SQLITE_DONE) return false;
  if (status == SQLITE_TOOBIG) {
    file_->fail("table " + std::string(table_) + ", after " + std::to_string(count_) +
                " rows: a value is longer than " + std::to_string(sqlite::longest_value) +
                " bytes");
  }
  if (status != SQLITE_ROW) file_->fail();
  if (++count_ > most_rows_) {
    file_->fail("table " + std::string(table_) + " has more than " + std::to_string(most_rows_) +
                (most_rows_ == 1 ? " row" : " rows"));
  }
  const std::int64_t before = std::exchange(number_, count_);  // until it is known
  sqlite3_value* const number = sqlite3_column_value(select_.get(), 0);
  if (sqlite3_value_type(number) != SQLITE_INTEGER) refuse_column(0, "not a whole number");
  number_ = sqlite3_value_int64(number);
  // Pages of a damaged file may lead back to others, and such a table has no end.
  if (count_ > 1 && number_ <= before) refuse("is out of order");
  return true;
}

bool table_rows::is_null(int column) const { return select_.is_null(column); }

std::int64_t table_rows::integer(int column, std::int64_t least, std::int64_t most) const {
  if (sqlite3_column_type(select_.get(), column) != SQLITE_INTEGER) {
    refuse_column(column, is_null(column) ? "missing" : "not a whole number");
  }
  const std::int64_t value = select_.integer(column);
  if (value < least || value > most) refuse_column(column, "out of its range");
  return value;
}

double table_rows::seconds(int column) const {
  const int type = sqlite3_column_type(select_.get(), column);
  const double value = select_.real(column);
  const bool sound = (type == SQLITE_FLOAT || type == SQLITE_INTEGER) && std::isfinite(value);
  if (!sound || value < 0) refuse_column(column, "not a number of seconds");
  return value;
}

std::string table_rows::text(int column, std::size_t most_bytes) const {
  if (sqlite3_column_type(select_.get(), column) != SQLITE_TEXT) {
    refuse_column(column, is_null(column) ? "missing" : "not a text");
  }
  std::string value = select_.text(column);
  if (value.size() > most_bytes) {
    refuse_column(column, "longer than " + std::to_string(most_bytes) + " bytes");
  }
  return value;
}

void table_rows::refuse(const std::string& what) const {
  file_->fail("table " + std::string(table_) + ": row " + std::to_string(number_) + ' ' + what);
}

void table_rows::refuse_column(int column, const std::string& what) const {
  refuse("is wrong: " + std::string(columns_[static_cast<std::size_t>(column)]) + " is " + what);
}

}  // namespace trefoil::lab
