// SPDX-License-Identifier: Apache-2.0
#include "lab/recording/event_rows.hpp"

#include "lab/recording/schema.hpp"

#include <sqlite3.h>

namespace trefoil::lab {

namespace {

namespace column = schema::column;

void bind_number(sqlite3_stmt* to, int of_column, std::int64_t value) {
  sqlite3_bind_int64(to, of_column, value);
}

void bind_or_null(sqlite3_stmt* to, int of_column, std::int32_t value) {
  if (value == not_read) {
    sqlite3_bind_null(to, of_column);
  } else {
    sqlite3_bind_int64(to, of_column, value);
  }
}

template <class Tag>
void bind_or_null(sqlite3_stmt* to, int of_column, id<Tag> value) {
  if (value) {
    sqlite3_bind_int64(to, of_column, value.value());
  } else {
    sqlite3_bind_null(to, of_column);
  }
}

}  // namespace

event_rows::event_rows(const sqlite::database& to)
    : many_{{to, schema::insert_events(at_once).c_str()}, {}},
      one_{{to, schema::insert_events(1).c_str()}, {}} {}

void event_rows::bind(insertion& to, std::size_t index, const row& from) {
  sqlite3_stmt* const s = to.statement.get();
  const int before = static_cast<int>(index) * column::last;  // parameters of the rows before
  const event& e = from.what;
  // Few kinds name a third object: the rest leaves these two parameters as they are, empty.
  const auto bind_both = [&](auto third, auto fourth) {
    bind_or_null(s, before + column::third, third);
    bind_or_null(s, before + column::fourth, fourth);
    to.has_third[index] = true;
  };
  bind_number(s, before + column::time_ns, e.time_ns);
  bind_number(s, before + column::kind, static_cast<int>(e.kind));
  bind_number(s, before + column::place, from.where);
  bind_number(s, before + column::pid, e.pid);
  bind_or_null(s, before + column::mm, e.mm);
  bind_or_null(s, before + column::task, e.task);
  switch (e.kind) {
    case event_kind::prep_exec: bind_both(e.old_mm, sighand_id{}); break;
    case event_kind::context_switch: bind_both(e.prev_mm, e.next_mm); break;
    case event_kind::task_exit:
    case event_kind::files_free:
    case event_kind::sighand_free: bind_both(e.files, e.sighand); break;
    default:
      if (to.has_third[index]) bind_both(files_id{}, sighand_id{});
      to.has_third[index] = false;
  }
  bind_or_null(s, before + column::mm_users, e.mm_users);
  bind_or_null(s, before + column::mm_count, e.mm_count);
  bind_or_null(s, before + column::subject, e.subject);
}

void event_rows::insert_all() {
  for (std::size_t i = 0; i < at_once; ++i) bind(many_, i, waiting_[i]);
  number_ = 0;
  many_.statement.execute();
}

void event_rows::flush() {
  for (std::size_t i = 0; i < number_; ++i) {
    bind(one_, 0, waiting_[i]);
    one_.statement.execute();
  }
  number_ = 0;
}

}  // namespace trefoil::lab
