// SPDX-License-Identifier: Apache-2.0
// The recording file: what is written is read, and a file that is not right is refused.
#include "lab/recording/reader.hpp"
#include "lab/recording/writer.hpp"
#include "tests/lab/text.hpp"

#include <cstdint>
#include <limits>
#include <sqlite3.h>

namespace trefoil::lab {
namespace {

class Recording : public files {
 protected:
  // Two segments that hold each kind of event, with extreme numbers.
  std::vector<event> make(const std::string& file) {
    names all;
    const comm_id comms[] = {all.comms.intern("sh"), all.comms.intern(""),
                             all.comms.intern("\xff\xfe")};
    const route_id route = all.routes.intern("do_exit (mmput)");
    std::vector<event> events;
    std::uint32_t number = 0;
    for (std::size_t i = 0; i < 2 * event_names.size(); ++i) {
      event e;
      e.time_ns = static_cast<std::int64_t>(i) * 1'000'000'000'000;
      e.kind = static_cast<event_kind>(i % event_names.size());
      e.context = static_cast<sampled_context>(i % context_names.size());
      e.who = static_cast<actor>(i % actor_names.size());
      e.cpu = i % 2 == 0 ? 0 : std::numeric_limits<std::uint16_t>::max();
      e.pid = i % 3 == 0 ? std::numeric_limits<std::int32_t>::max() : 0;
      e.comm = comms[i % 3];
      if (i % 4 == 0) e.route = route;
      const event_shape shape = shape_of(e.kind);
      // The second time without what may be none.
      const int bits = shape.required | (i < event_names.size() ? shape.optional : 0);
      if (bits & names_of::mm) e.mm = mm_id{number++};
      if (bits & names_of::task) e.task = task_id{number++};
      if (bits & names_of::old_mm) e.old_mm = mm_id{number++};
      if (bits & names_of::prev_mm) e.prev_mm = mm_id{number++};
      if (bits & names_of::next_mm) e.next_mm = mm_id{number++};
      if (bits & names_of::files) e.files = files_id{number++};
      if (bits & names_of::sighand) e.sighand = sighand_id{number++};
      e.mm_users = static_cast<std::int32_t>(i) - 1;
      e.mm_count = 0;
      e.subject = i % 2 == 0 ? not_read : std::numeric_limits<std::int32_t>::max();
      events.push_back(e);
    }
    recording_writer writer(file, all);
    for (const event& e : events) {
      if (&e == &events[event_names.size()]) writer.begin_segment();
      writer.append(e);
    }
    machine_facts machine;
    machine.source = "made up";
    machine.kernel = {"6.18", "given"};
    machine.preempt_rt = {true, "given"};
    machine.task_exit = {exit_event::after, "deduced: so"};
    machine.lost_events = 3;
    writer.finish(machine);
    return events;
  }

  static std::string read_error(const std::string& file) {
    return error_of([&] {
      recording_reader reader(file);
      for (event e; reader.next(e);) continue;
    });
  }

  // The error after a change by SQL, without the file's name.
  std::string after(const char* sql) {
    const std::string file = path("changed.trefoil");
    make(file);
    sqlite3* raw = nullptr;
    sqlite3_open(file.c_str(), &raw);
    EXPECT_EQ(sqlite3_exec(raw, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(raw);
    sqlite3_close(raw);
    const std::string line = read_error(file);
    EXPECT_TRUE(line.starts_with(file + ": ")) << line;
    return line.substr(std::min(line.size(), file.size() + 2));
  }
};

TEST_F(Recording, IsReadAsItWasWritten) {
  const std::vector<event> events = make(path("x.trefoil"));
  EXPECT_EQ(list(), std::vector<std::string>{"x.trefoil"});
  recording_reader reader(path("x.trefoil"));
  EXPECT_EQ(reader.size(), 34);
  EXPECT_EQ(reader.segments().size(), 2U);
  std::vector<event> read;
  for (event e; reader.next(e);) read.push_back(e);
  EXPECT_EQ(read, events);
  EXPECT_EQ(reader.names().comms.text(comm_id{2}), "\xff\xfe");
  EXPECT_EQ(reader.machine().source, "made up");
  EXPECT_EQ(reader.machine().kernel.value, "6.18");
  EXPECT_EQ(reader.machine().preempt_rt.value, true);
  EXPECT_EQ(reader.machine().task_exit.value, exit_event::after);
  EXPECT_EQ(reader.machine().task_exit.how, "deduced: so");
  EXPECT_EQ(reader.machine().fails_open.value, std::nullopt);
  EXPECT_EQ(reader.machine().lost_events, 3);
  event e;
  EXPECT_FALSE(reader.next(e));
}

TEST_F(Recording, OfTheSameEventsIsTheSameFile) {
  make(path("a.trefoil"));
  make(path("b.trefoil"));
  EXPECT_EQ(content(path("a.trefoil")), content(path("b.trefoil")));
}

TEST_F(Recording, MayBeEmpty) {
  const names none;
  recording_writer(path("x.trefoil"), none).finish({});
  EXPECT_EQ(read_error(path("x.trefoil")), "no error");
}

TEST_F(Recording, AppearsWholeOrNotAtAll) {
  const names none;
  {
    recording_writer writer(path("x.trefoil"), none);
    EXPECT_FALSE(std::filesystem::exists(path("x.trefoil")));
  }
  EXPECT_TRUE(list().empty());
  EXPECT_EQ(error_of([&] { recording_writer(path("no/x.trefoil"), none); }),
            path("no/x.trefoil") + ": there is no folder " + path("no") + "; make it first");
}

TEST_F(Recording, WritesInTheOrderOfTimeOnly) {
  names all;
  recording_writer writer(path("x.trefoil"), all);
  event e;
  e.kind = event_kind::mm_alloc;
  e.mm = mm_id{1};
  e.comm = all.comms.intern("sh");
  e.time_ns = 5;
  writer.append(e);
  e.time_ns = 4;
  EXPECT_EQ(error_of([&] { writer.append(e); }),
            path("x.trefoil") + ": event 2 is earlier than the one before");
}

TEST_F(Recording, HasToBeARecording) {
  EXPECT_EQ(read_error(path("none")), path("none") + ": No such file or directory");
  EXPECT_EQ(read_error(path("")), path("") + ": not a regular file");
  const std::string empty = write("empty", "");
  EXPECT_EQ(read_error(empty), empty + ": not an SQLite file, so not a recording");
  const std::string text = write("x.tsv", one_life());
  EXPECT_EQ(read_error(text), text + ": not an SQLite file, so not a recording; `trefoil import` "
                                     "makes one of a .tsv or .tsv.gz");
  EXPECT_EQ(after("PRAGMA user_version = 2"),
            "a recording of version 2; this program reads version 1");
  EXPECT_EQ(after("PRAGMA application_id = 0"),
            "an SQLite file, but not a recording (application_id)");
}

TEST_F(Recording, HasToBeWhole) {
  make(path("x.trefoil"));
  const std::string all = content(path("x.trefoil"));
  for (const std::size_t size :
       {std::size_t{1}, std::size_t{50}, std::size_t{100}, all.size() / 2, all.size() - 1}) {
    const std::string cut = write("cut", all.substr(0, size));
    const std::string line = read_error(cut);
    EXPECT_TRUE(line.starts_with(cut + ": truncated: ")) << size << ": " << line;
  }
  // Damage inside is SQLite's to find: one line all the same.
  std::string damaged = all;
  damaged.replace(8192, all.size() - 8192, all.size() - 8192, '\x7f');
  EXPECT_TRUE(read_error(write("bad", damaged)).starts_with(path("bad") + ": "));
}

TEST_F(Recording, HasToHaveSoundRows) {
  EXPECT_EQ(after("UPDATE event SET time_ns = 0 WHERE event = 7"),
            "event 7: out of order: earlier than the one before");
  EXPECT_EQ(after("UPDATE event SET kind = 17 WHERE event = 5"), "event 5: unknown event 17");
  EXPECT_EQ(after("UPDATE event SET kind = -1 WHERE event = 5"), "event 5: unknown event -1");
  EXPECT_EQ(after("DELETE FROM event WHERE event = 5"), "event 5 is missing");
  EXPECT_EQ(after("DELETE FROM event WHERE event > 30"), "the last event is 30 of 34");
  EXPECT_EQ(after("DELETE FROM segment"), "event 1 is in no segment");
  EXPECT_EQ(after("UPDATE segment SET first_event = 3 WHERE segment = 1"),
            "table segment: row 1 does not follow the one before");
  EXPECT_EQ(after("UPDATE segment SET last_event = 9223372036854775807 WHERE segment = 1"),
            "table segment: row 2 does not follow the one before");
  EXPECT_EQ(after("UPDATE segment SET end_ns = begin_ns WHERE segment = 1"),
            "event 2: its time is not in its segment");
  EXPECT_EQ(after("UPDATE event SET place = 99 WHERE event = 3"),
            "event 3: place 99 is not in table place");
  EXPECT_EQ(after("UPDATE event SET mm = NULL WHERE event = 1"),
            "event 1: an id is missing or out of its range");
  EXPECT_EQ(after("UPDATE event SET mm = 4294967295 WHERE event = 1"),
            "event 1: an id is missing or out of its range");
  EXPECT_EQ(after("UPDATE event SET pid = 1 << 40 WHERE event = 1"),
            "event 1: a number is out of its range");
  EXPECT_EQ(
      after("UPDATE event SET mm = 7 WHERE event = 5; UPDATE event SET mm = 7 WHERE event = 1;"
            "UPDATE event SET mm = 7, kind = 0 WHERE event = 7"),
      "event 7: m7 is allocated again: id reused");
  EXPECT_EQ(after("UPDATE event SET task = 0, kind = 5 WHERE event IN (3, 6)"),
            "event 6: t0 exits twice");
  EXPECT_EQ(after("UPDATE event SET mm = 0 WHERE event = 18"),
            "event 18: m0 belongs to an earlier segment");
  EXPECT_EQ(after("DELETE FROM machine"), "the machine is not described: table machine is empty");
  EXPECT_EQ(after("DELETE FROM comm WHERE comm = 0"), "table comm: row 1 is out of place");
  EXPECT_EQ(after("UPDATE place SET actor = 7 WHERE place = 0"),
            "table place: row 0 is wrong: actor is out of its range");
  for (const std::string table : {"event", "machine", "comm", "route", "place", "segment"}) {
    EXPECT_EQ(after(("DROP VIEW readable; DROP TABLE " + table).c_str()),
              "no such table: " + table);
  }
}

}  // namespace
}  // namespace trefoil::lab
