// SPDX-License-Identifier: Apache-2.0
// Events on their way into the table, some with each statement: of an INSERT of one row, nearly half of the
// time goes into what is around the row.
#ifndef TREFOIL_LAB_RECORDING_EVENT_ROWS_HPP
#define TREFOIL_LAB_RECORDING_EVENT_ROWS_HPP

#include "lab/recording/event.hpp"
#include "lab/recording/places.hpp"
#include "lab/recording/sqlite.hpp"

#include <array>
#include <bitset>
#include <cstddef>

namespace trefoil::lab {

class event_rows {
 public:
  static constexpr std::size_t at_once = 16;  // twice as many gain nothing that could be measured

  // The table is there, and `to` outlives this.
  explicit event_rows(const sqlite::database& to);

  // The event that follows those before. It is in the table after flush() at the latest.
  void append(const event& e, place_table::number where) {
    waiting_[number_++] = {e, where};
    if (number_ == at_once) insert_all();
  }

  void flush();

 private:
  struct row {
    event what;
    place_table::number where = 0;
  };
  // A statement whose parameters keep their values from one execution to the next.
  struct insertion {
    sqlite::statement statement;
    std::bitset<at_once> has_third;  // by row: it still has a third or fourth object
  };

  static void bind(insertion& to, std::size_t index, const row& from);
  void insert_all();

  insertion many_;
  insertion one_;
  std::array<row, at_once> waiting_;
  std::size_t number_ = 0;
};

}  // namespace trefoil::lab

#endif
