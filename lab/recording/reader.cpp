// SPDX-License-Identifier: Apache-2.0
#include "lab/recording/reader.hpp"

#include "lab/recording/most.hpp"
#include "lab/recording/recording_file.hpp"
#include "lab/recording/schema.hpp"

#include <algorithm>
#include <sqlite3.h>
#include <utility>

namespace trefoil::lab {

namespace {

namespace column = schema::column;

enum class fetched { number, nothing, other };

// Other: a text, say, which SQLite would make a number of. (The value is looked at in place: nobody else uses
// the statement, and this is where reading spends its time.)
fetched fetch(sqlite3_stmt* from, int of_column, std::int64_t& to) {
  sqlite3_value* const value = sqlite3_column_value(from, of_column);
  const int type = sqlite3_value_type(value);
  if (type == SQLITE_NULL) return fetched::nothing;
  if (type != SQLITE_INTEGER) return fetched::other;
  to = sqlite3_value_int64(value);
  return fetched::number;
}

// A column that may be NULL. False: the number is not one of this type.
template <class Tag>
bool fetch_id(sqlite3_stmt* from, int of_column, id<Tag>& to) {
  std::int64_t number = 0;
  const fetched what = fetch(from, of_column, number);
  if (what != fetched::number) return what == fetched::nothing;
  if (number < 0 || number >= id<Tag>::none) return false;
  to = id<Tag>{static_cast<typename id<Tag>::number>(number)};
  return true;
}

bool fetch_number(sqlite3_stmt* from, int of_column, std::int32_t& to) {
  std::int64_t number = not_read;
  if (fetch(from, of_column, number) == fetched::other) return false;
  to = static_cast<std::int32_t>(number);
  return number == to && number >= not_read;
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
Enum enum_of(const table_rows& from, int of_column, const std::array<std::string_view, Count>&) {
  return static_cast<Enum>(from.integer(of_column, 0, static_cast<std::int64_t>(Count) - 1));
}

template <class T, class Read>
void fetch_fact(const table_rows& from, int of_column, fact<T>& to, Read read) {
  if (!from.is_null(of_column)) to.value = read(of_column);
  to.how = from.text(of_column + 1, most::text_bytes);
}

}  // namespace

recording_reader::recording_reader(const std::string& path, std::function<bool()> stopped)
    : path_(path),
      database_(open_recording(path, std::move(stopped))),
      events_(database_, "event", {schema::event_columns.begin(), schema::event_columns.end()},
              table_rows::most_number) {
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
  table_rows row(database_, "machine",
                 {"only_row", "source", "kernel", "kernel_how", "preempt_rt", "preempt_rt_how",
                  "exit_event", "exit_event_how", "fails_open", "fails_open_how", "lost_events"},
                 1);
  if (!row.next()) fail("the machine is not described: table machine is empty");
  const auto yes = [&](int column) { return row.integer(column, 0, 1) != 0; };
  const auto when = [&](int column) {
    const std::string word = row.text(column, most::text_bytes);
    if (word != "before" && word != "after") {
      row.refuse("is wrong: exit_event is neither 'before' nor 'after'");
    }
    return word == "before" ? exit_event::before : exit_event::after;
  };
  machine_.source = row.text(1, most::text_bytes);
  fetch_fact(row, 2, machine_.kernel,
             [&](int column) { return row.text(column, most::text_bytes); });
  fetch_fact(row, 4, machine_.preempt_rt, yes);
  fetch_fact(row, 6, machine_.task_exit, when);
  fetch_fact(row, 8, machine_.fails_open, yes);
  if (!row.is_null(10)) machine_.lost_events = row.integer(10);
  row.next();  // refuses a second one
}

void recording_reader::read_dictionaries() {
  const auto read = [&](const char* table, auto& to, std::int64_t most_rows,
                        std::size_t most_bytes) {
    table_rows rows(database_, table, {table, "name"}, most_rows);
    while (rows.next()) {
      // The numbers are positions, so a gap or a name that comes twice would shift the rest.
      if (rows.number() != static_cast<std::int64_t>(to.size()) ||
          to.intern(rows.text(1, most_bytes)).value() != rows.number()) {
        rows.refuse("is out of place");
      }
    }
  };
  read("comm", names_.comms, most::comms, most::comm_bytes);
  read("route", names_.routes, most::routes, most::route_bytes);
}

void recording_reader::read_places() {
  table_rows rows(database_, "place", {"place", "cpu", "comm", "context", "actor", "route"},
                  most::places);
  const auto last = [](const auto& of) { return static_cast<std::int64_t>(of.size()) - 1; };
  while (rows.next()) {
    if (rows.number() != static_cast<std::int64_t>(places_.size())) rows.refuse("is out of place");
    place one;
    one.cpu = static_cast<std::uint16_t>(rows.integer(1, 0, most::cpu));
    one.comm = comm_id{static_cast<comm_id::number>(rows.integer(2, 0, last(names_.comms)))};
    one.context = enum_of<sampled_context>(rows, 3, context_names);
    one.who = enum_of<actor>(rows, 4, actor_names);
    if (!rows.is_null(5)) {
      one.route = route_id{static_cast<route_id::number>(rows.integer(5, 0, last(names_.routes)))};
    }
    places_.push_back(one);
    cpus_.push_back(one.cpu);
  }
  std::sort(cpus_.begin(), cpus_.end());
  cpus_.erase(std::unique(cpus_.begin(), cpus_.end()), cpus_.end());
  if (cpus_.size() > most::cpus) {
    fail("table place names more than " + std::to_string(most::cpus) + " CPUs");
  }
}

void recording_reader::read_segments() {
  table_rows rows(database_, "segment",
                  {"segment", "first_event", "last_event", "begin_ns", "end_ns"}, most::segments);
  std::int64_t end_ns = 0;  // of the one before
  while (rows.next()) {
    const segment one{rows.integer(1, 1), rows.integer(2), rows.integer(3, 0, most::time_ns),
                      rows.integer(4, 0, most::time_ns)};
    // first - 1 cannot overflow as first is positive; size() + 1 could, in a made-up file.
    const bool follows = one.first_event - 1 == size() && one.last_event >= one.first_event &&
                         one.begin_ns >= end_ns && one.end_ns >= one.begin_ns;
    if (!follows) rows.refuse("does not follow the one before");
    end_ns = one.end_ns;
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
  if (!events_.next()) {
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
  sqlite3_stmt* from = events_.get();
  const std::int64_t row = events_.number();
  if (row != row_ + 1) fail("event " + std::to_string(row_ + 1) + " is missing");
  row_ = row;
  const auto refuse = [&](const std::string& what) {
    fail("event " + std::to_string(row_) + ": " + what);
  };
  if (segment_ >= segments_.size() || row > segments_[segment_].last_event) enter_segment(row);

  e = event{};
  std::int64_t kind = -1;
  std::int64_t at = -1;
  if (lab::fetch(from, column::time_ns, e.time_ns) != fetched::number ||
      lab::fetch(from, column::kind, kind) != fetched::number ||
      lab::fetch(from, column::place, at) != fetched::number) {
    refuse("time_ns, kind or place is missing or not a whole number");
  }
  if (e.time_ns < last_ns_) refuse("out of order: earlier than the one before");
  last_ns_ = e.time_ns;
  if (e.time_ns < segments_[segment_].begin_ns || e.time_ns > segments_[segment_].end_ns) {
    refuse("its time is not in its segment");
  }

  if (kind < 0 || kind >= static_cast<std::int64_t>(event_names.size())) {
    refuse("unknown event " + std::to_string(kind));
  }
  e.kind = static_cast<event_kind>(kind);
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
