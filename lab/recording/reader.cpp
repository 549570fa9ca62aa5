// SPDX-License-Identifier: Apache-2.0
#include "lab/recording/reader.hpp"

#include "lab/recording/file_header.hpp"
#include "lab/recording/schema.hpp"

#include <limits>
#include <sqlite3.h>

namespace trefoil::lab {

namespace {

namespace column = schema::column;

// A column that may be NULL. False: the number is not one of this type.
template <class Tag>
bool fetch_id(sqlite3_stmt* from, int of_column, id<Tag>& to) {
  const std::int64_t number = sqlite3_column_int64(from, of_column);
  // The type is asked for only where NULL and 0 have to be told apart.
  if (number == 0 && sqlite3_column_type(from, of_column) == SQLITE_NULL) return true;
  if (number < 0 || number >= id<Tag>::none) return false;
  to = id<Tag>{static_cast<typename id<Tag>::number>(number)};
  return true;
}

bool fetch_number(sqlite3_stmt* from, int of_column, std::int32_t& to) {
  const std::int64_t number = sqlite3_column_int64(from, of_column);
  if (number == 0 && sqlite3_column_type(from, of_column) == SQLITE_NULL) {
    to = not_read;
    return true;
  }
  to = static_cast<std::int32_t>(number);
  return number == to;
}

bool fetch_objects(sqlite3_stmt* from, event& e) {
  const event_shape shape = shape_of(e.kind);
  const auto object = [&](std::uint8_t bit, int of_column, auto& to) {
    if (((shape.required | shape.optional) & bit) == 0) return true;
    return fetch_id(from, of_column, to) && (to || (shape.optional & bit));
  };
  using namespace names_of;
  return object(mm, column::mm, e.mm) && object(task, column::task, e.task) &&
         object(old_mm, column::third, e.old_mm) && object(prev_mm, column::third, e.prev_mm) &&
         object(next_mm, column::fourth, e.next_mm) && object(files, column::third, e.files) &&
         object(sighand, column::fourth, e.sighand);
}

template <class Enum, std::size_t Count>
bool fetch_enum(sqlite3_stmt* from, int of_column, const std::array<std::string_view, Count>&,
                Enum& to) {
  const int number = sqlite3_column_int(from, of_column);
  to = static_cast<Enum>(number);
  return number >= 0 && static_cast<std::size_t>(number) < Count;
}

}  // namespace

recording_reader::recording_reader(const std::string& path)
    : path_(path),
      database_(checked_header(path), sqlite::mode::read, path),
      select_(database_, schema::select_events) {
  // A stranger's file may hold triggers and views: none of them is run. 2 MiB of pages is plenty
  // for reading in order.
  database_.run("PRAGMA trusted_schema = OFF; PRAGMA query_only = ON; PRAGMA cache_size = -2048; "
                "BEGIN");
  read_machine();
  recorder_ = read_recorder_facts(database_);
  read_dictionaries();
  read_places();
  read_segments();
}

void recording_reader::fail(const std::string& what) const {
  throw error(fault::input, path_ + ": " + what);
}

void recording_reader::read_machine() {
  sqlite::statement select(
      database_, "SELECT source, kernel, kernel_how, preempt_rt, preempt_rt_how, exit_event, "
                 "exit_event_how, fails_open, fails_open_how, lost_events FROM machine");
  if (!select.step()) fail("the machine is not described: table machine is empty");
  machine_.source = select.text(0);
  if (!select.is_null(1)) machine_.kernel.value = select.text(1);
  machine_.kernel.how = select.text(2);
  if (!select.is_null(3)) machine_.preempt_rt.value = select.integer(3) != 0;
  machine_.preempt_rt.how = select.text(4);
  if (!select.is_null(5)) {
    machine_.task_exit.value = select.text(5) == "before" ? exit_event::before : exit_event::after;
  }
  machine_.task_exit.how = select.text(6);
  if (!select.is_null(7)) machine_.fails_open.value = select.integer(7) != 0;
  machine_.fails_open.how = select.text(8);
  if (!select.is_null(9)) machine_.lost_events = select.integer(9);
}

void recording_reader::read_dictionaries() {
  const auto read = [&](const char* sql, const char* table, auto& to) {
    sqlite::statement select(database_, sql);
    while (select.step()) {
      // The numbers are positions, so a gap or a name that comes twice would shift the rest.
      const std::int64_t number = select.integer(0);
      if (number != static_cast<std::int64_t>(to.size()) ||
          to.intern(select.text(1)).value() != number) {
        fail(std::string("table ") + table + ": row " + std::to_string(number) +
             " is out of place");
      }
    }
  };
  read("SELECT comm, name FROM comm ORDER BY comm", "comm", names_.comms);
  read("SELECT route, name FROM route ORDER BY route", "route", names_.routes);
}

void recording_reader::read_places() {
  sqlite::statement select(
      database_, "SELECT place, cpu, comm, context, actor, route FROM place ORDER BY place");
  sqlite3_stmt* const from = select.get();
  while (select.step()) {
    place one;
    const std::int64_t cpu = select.integer(1);
    one.cpu = static_cast<std::uint16_t>(cpu);
    const bool sound = select.integer(0) == static_cast<std::int64_t>(places_.size()) &&
                       cpu == one.cpu && fetch_id(from, 2, one.comm) && one.comm &&
                       one.comm.value() < names_.comms.size() &&
                       fetch_enum(from, 3, context_names, one.context) &&
                       fetch_enum(from, 4, actor_names, one.who) && fetch_id(from, 5, one.route) &&
                       (!one.route || one.route.value() < names_.routes.size());
    if (!sound) fail("table place: row " + std::to_string(select.integer(0)) + " is wrong");
    places_.push_back(one);
  }
}

void recording_reader::read_segments() {
  sqlite::statement select(database_, "SELECT first_event, last_event, begin_ns, end_ns "
                                      "FROM segment ORDER BY segment");
  while (select.step()) {
    const segment one{select.integer(0), select.integer(1), select.integer(2), select.integer(3)};
    // first - 1 cannot overflow once first is positive; size() + 1 could, in a made-up file.
    if (one.first_event < 1 || one.first_event - 1 != size() || one.last_event < one.first_event) {
      fail("table segment: row " + std::to_string(segments_.size() + 1) +
           " does not follow the one before");
    }
    segments_.push_back(one);
  }
}

void recording_reader::enter_segment(std::int64_t row) {
  while (segment_ < segments_.size() && segments_[segment_].last_event < row) {
    census_.end_segment();
    ++segment_;
  }
  if (segment_ == segments_.size()) fail("event " + std::to_string(row) + " is in no segment");
}

bool recording_reader::next(event& e) {
  if (ended_) return false;
  if (!select_.step()) {
    ended_ = true;
    if (row_ != size()) {
      fail("the last event is " + std::to_string(row_) + " of " + std::to_string(size()));
    }
    census_.end_segment();
    return false;
  }
  fetch(e);
  return true;
}

void recording_reader::fetch(event& e) {
  sqlite3_stmt* from = select_.get();
  const std::int64_t row = sqlite3_column_int64(from, column::event);
  if (row != row_ + 1) fail("event " + std::to_string(row_ + 1) + " is missing");
  row_ = row;
  const auto refuse = [&](const std::string& what) {
    fail("event " + std::to_string(row_) + ": " + what);
  };
  if (segment_ >= segments_.size() || row > segments_[segment_].last_event) enter_segment(row);

  e = event{};
  e.time_ns = sqlite3_column_int64(from, column::time_ns);
  if (e.time_ns < last_ns_) refuse("out of order: earlier than the one before");
  last_ns_ = e.time_ns;
  if (e.time_ns < segments_[segment_].begin_ns || e.time_ns > segments_[segment_].end_ns) {
    refuse("its time is not in its segment");
  }

  if (!fetch_enum(from, column::kind, event_names, e.kind)) {
    refuse("unknown event " + std::to_string(sqlite3_column_int64(from, column::kind)));
  }
  const std::int64_t at = sqlite3_column_int64(from, column::place);
  if (at < 0 || at >= static_cast<std::int64_t>(places_.size())) {
    refuse("place " + std::to_string(at) + " is not in table place");
  }
  set_place(e, places_[static_cast<std::size_t>(at)]);
  if (!fetch_number(from, column::pid, e.pid) ||
      !fetch_number(from, column::mm_users, e.mm_users) ||
      !fetch_number(from, column::mm_count, e.mm_count) ||
      !fetch_number(from, column::subject, e.subject)) {
    refuse("a number is out of its range");
  }
  if (!fetch_objects(from, e)) refuse("an id is missing or out of its range");
  if (!census_.observe(e)) refuse(census_.problem());
}

}  // namespace trefoil::lab
