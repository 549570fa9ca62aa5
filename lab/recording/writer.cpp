// SPDX-License-Identifier: Apache-2.0
#include "lab/recording/writer.hpp"

#include "lab/recording/most.hpp"
#include "lab/recording/schema.hpp"

#include <string_view>
#include <utility>

namespace trefoil::lab {

namespace {

template <class Names>
void write_names(sqlite::statement& insert, const Names& all) {
  std::int64_t number = 0;
  for (const std::string_view name : all) {
    insert.bind(1, number++);
    insert.bind(2, name);
    insert.execute();
  }
}

template <class Id>
void write_names(sqlite::statement& insert, const dictionary<Id>& all) {
  for (typename Id::number number = 0; number < all.size(); ++number) {
    insert.bind(1, std::int64_t{number});
    insert.bind(2, all.text(Id{number}));
    insert.execute();
  }
}

template <class T, class Bind>
void bind_fact(sqlite::statement& to, int& index, const fact<T>& known, Bind bind) {
  if (known.value) {
    bind(index, *known.value);
  } else {
    to.bind_null(index);
  }
  to.bind(index + 1, std::string_view(known.how));
  index += 2;
}

}  // namespace

recording_writer::recording_writer(std::string path, const names& all, if_there what)
    : file_(std::move(path), what), database_(file_.descriptor(), file_.path()), names_(&all) {
  // The file is not visible before it is complete, so nothing has to be rolled back, shared or
  // durable on the way: no journal, no locks, no syncs. The cache bounds the memory.
  database_.run("PRAGMA page_size = 8192; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; "
                "PRAGMA locking_mode = EXCLUSIVE; PRAGMA cache_size = -4096; "
                "PRAGMA temp_store = MEMORY; BEGIN");
  database_.run(schema::create);
  rows_.emplace(database_);
}

void recording_writer::append(const event& e) {
  if (e.time_ns < last_ns_) {
    throw error(fault::input, file_.path() + ": event " + std::to_string(events_ + 1) +
                                  " is earlier than the one before");
  }
  if (events_ + 1 == segment_first_) segment_begin_ns_ = e.time_ns;
  last_ns_ = e.time_ns;
  ++events_;

  const place_table::number where = places_.intern(place_of(e));
  if (where >= most::places) {
    throw error(fault::input, file_.path() + ": event " + std::to_string(events_) + ": more than " +
                                  std::to_string(most::places) +
                                  " different places, so nobody could read it");
  }
  rows_->append(e, where);
}

void recording_writer::begin_segment() { end_segment(); }

void recording_writer::end_segment() {
  if (segment_first_ > events_) return;  // nothing in it
  sqlite::statement insert(database_, "INSERT INTO segment VALUES (?, ?, ?, ?, ?)");
  insert.bind(1, ++segments_);
  insert.bind(2, segment_first_);
  insert.bind(3, events_);
  insert.bind(4, segment_begin_ns_);
  insert.bind(5, last_ns_);
  insert.execute();
  segment_first_ = events_ + 1;
}

void recording_writer::write_machine(const machine_facts& machine) {
  sqlite::statement insert(database_,
                           "INSERT INTO machine VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  int index = 1;
  const auto number = [&](int at, bool value) { insert.bind(at, std::int64_t{value}); };
  insert.bind(index++, std::string_view(machine.source));
  bind_fact(insert, index, machine.kernel,
            [&](int at, const std::string& value) { insert.bind(at, std::string_view(value)); });
  bind_fact(insert, index, machine.preempt_rt, number);
  bind_fact(insert, index, machine.task_exit, [&](int at, exit_event value) {
    insert.bind(at, std::string_view(value == exit_event::before ? "before" : "after"));
  });
  bind_fact(insert, index, machine.fails_open, number);
  if (machine.lost_events) {
    insert.bind(index, *machine.lost_events);
  } else {
    insert.bind_null(index);
  }
  insert.execute();
}

void recording_writer::write_dictionaries() {
  const auto write = [&](const char* sql, const auto& all) {
    sqlite::statement insert(database_, sql);
    write_names(insert, all);
  };
  write("INSERT INTO event_kind VALUES (?, ?)", event_names);
  write("INSERT INTO context VALUES (?, ?)", context_names);
  write("INSERT INTO actor VALUES (?, ?)", actor_names);
  write("INSERT INTO comm VALUES (?, ?)", names_->comms);
  write("INSERT INTO route VALUES (?, ?)", names_->routes);

  sqlite::statement insert(database_, "INSERT INTO place VALUES (?, ?, ?, ?, ?, ?)");
  std::int64_t number = 0;
  for (const place& one : places_.all()) {
    insert.bind(1, number++);
    insert.bind(2, std::int64_t{one.cpu});
    insert.bind(3, std::int64_t{one.comm.value()});
    insert.bind(4, static_cast<std::int64_t>(one.context));
    insert.bind(5, static_cast<std::int64_t>(one.who));
    if (one.route) {
      insert.bind(6, std::int64_t{one.route.value()});
    } else {
      insert.bind_null(6);
    }
    insert.execute();
  }
}

std::string recording_writer::finish(const machine_facts& machine) {
  end_segment();
  write_machine(machine);
  write_dictionaries();
  rows_->flush();
  rows_.reset();
  database_.run("COMMIT");
  database_.close();
  return file_.publish();
}

}  // namespace trefoil::lab
