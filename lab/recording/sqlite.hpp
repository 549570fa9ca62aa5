// SPDX-License-Identifier: Apache-2.0
// SQLite's handles with owners. Errors become one line that begins with the file's name. What is read may
// have been made to harm: nothing in it is run, and memory is bounded.
#ifndef TREFOIL_LAB_RECORDING_SQLITE_HPP
#define TREFOIL_LAB_RECORDING_SQLITE_HPP

#include "lab/error.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace trefoil::lab::sqlite {

enum class mode {
  read,         // under SQLite's locks, with the index of a write-ahead log that others use, too
  read_frozen,  // nobody writes to it: no locks, and no file beside it is looked at or made
  read_with_log,  // nobody has it open, and its write-ahead log counts: the log's index is kept in memory
};

// So much all files that are read may take together, their caches included.
inline constexpr std::size_t most_memory = std::size_t{64} << 20;
// No value of a file that is read is longer.
inline constexpr int longest_value = 1 << 20;

class database {
 public:
  // To be read. `shown` is the name for messages.
  database(const std::string& path, mode how, std::string shown);
  // To be written: the file of this descriptor, which is the caller's and is used by nobody else.
  database(int descriptor, std::string shown);

  // What is asked now and then while statements run; true: stop (lab::error, interrupted).
  void ask(std::function<bool()> whether_to_stop);

  void run(const char* sql) const;
  void close();  // reports what a destructor could not

  // The first bytes of the file, which SQLite need not understand; it has as many.
  std::string begin(std::size_t bytes) const;

  sqlite3* get() const noexcept { return handle_.get(); }
  [[noreturn]] void fail() const;
  [[noreturn]] void fail(const std::string& what) const;

 private:
  struct closer {
    void operator()(sqlite3* handle) const noexcept;
  };
  void trust_nothing() const;
  std::string why_not_written() const;

  std::unique_ptr<std::function<bool()>> stop_;  // SQLite knows where it is; outlives the handle
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
