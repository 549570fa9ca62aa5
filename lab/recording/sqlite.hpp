// SPDX-License-Identifier: Apache-2.0
// SQLite's handles with owners. Errors become one line that begins with the file's name.
#ifndef TREFOIL_LAB_RECORDING_SQLITE_HPP
#define TREFOIL_LAB_RECORDING_SQLITE_HPP

#include "lab/error.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace trefoil::lab::sqlite {

enum class mode { read, create };

class database {
 public:
  // `shown` is the name for messages: a file under construction has another one on disk.
  database(const std::string& path, mode how, std::string shown);

  void run(const char* sql) const;
  void close();  // reports what a destructor could not

  sqlite3* get() const noexcept { return handle_.get(); }
  [[noreturn]] void fail() const;

 private:
  struct closer {
    void operator()(sqlite3* handle) const noexcept;
  };
  std::unique_ptr<sqlite3, closer> handle_;
  std::string shown_;
  fault fault_;
};

class statement {
 public:
  statement(const database& owner, const char* sql);

  bool step();     // true: there is a row
  void execute();  // step, reset

  // Not const: whoever has the handle can bind and step.
  sqlite3_stmt* get() noexcept { return handle_.get(); }

  void bind(int index, std::int64_t value);
  void bind_real(int index, double value);
  void bind(int index, std::string_view value);  // the text must live until execute()
  void bind_null(int index);

  bool is_null(int column) const;
  std::int64_t integer(int column) const;
  double real(int column) const;
  std::string text(int column) const;

 private:
  struct finalizer {
    void operator()(sqlite3_stmt* handle) const noexcept;
  };
  const database* owner_;
  std::unique_ptr<sqlite3_stmt, finalizer> handle_;
};

}  // namespace trefoil::lab::sqlite

#endif
