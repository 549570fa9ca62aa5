// SPDX-License-Identifier: Apache-2.0
// The rows of one table of a recording, in the order of their numbers, and each value of them checked. What
// is wrong is said with table and row.
//
// A stranger's file may have a view that never ends where a table is expected, or a column that is computed:
// they are refused before a row is read. Rows are never sorted, so reading one takes little time and memory.
#ifndef TREFOIL_LAB_RECORDING_TABLE_ROWS_HPP
#define TREFOIL_LAB_RECORDING_TABLE_ROWS_HPP

#include "lab/recording/sqlite.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace trefoil::lab {

class table_rows {
 public:
  static constexpr std::int64_t most_number = std::numeric_limits<std::int64_t>::max();

  // The first column is the number of the row. More rows than `most_rows` are refused.
  table_rows(const sqlite::database& file, std::string_view table,
             std::vector<std::string_view> columns, std::int64_t most_rows);

  // Whether there is anything of that name.
  static bool exist(const sqlite::database& file, std::string_view table);

  // False: there are no more.
  bool next();

  std::int64_t number() const { return number_; }  // of the row that next() gave
  std::int64_t count() const { return count_; }    // of rows so far

  bool is_null(int column) const;
  std::int64_t integer(int column, std::int64_t least = 0, std::int64_t most = most_number) const;
  double seconds(int column) const;  // a finite number, not negative
  std::string text(int column, std::size_t most_bytes) const;

  [[noreturn]] void refuse(const std::string& what) const;

  // For whoever reads millions of them: not checked.
  sqlite3_stmt* get() noexcept { return select_.get(); }

 private:
  static std::string checked_select(const sqlite::database& file, std::string_view table,
                                    const std::vector<std::string_view>& columns);
  [[noreturn]] void refuse_column(int column, const std::string& what) const;

  const sqlite::database* file_;
  std::string_view table_;
  std::vector<std::string_view> columns_;
  std::int64_t most_rows_;
  mutable sqlite::statement select_;
  std::int64_t number_ = 0;
  std::int64_t count_ = 0;
};

}  // namespace trefoil::lab

#endif
