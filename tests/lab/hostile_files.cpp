// SPDX-License-Identifier: Apache-2.0
// Recordings that somebody changed, by mistake or to harm: `info` and `replay` read them or refuse them in
// one line, soon and in little memory, whatever was changed.
#include "lab/descriptor.hpp"
#include "lab/recording/reader.hpp"
#include "lab/recording/recorder_tables.hpp"
#include "lab/recording/recording_file.hpp"
#include "lab/recording/sqlite.hpp"
#include "lab/replay/replay.hpp"
#include "lab/tsv/import.hpp"
#include "tests/lab/tool_run.hpp"

#include <csignal>
#include <cstdint>
#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <random>
#include <sqlite3.h>
#include <string>
#include <sys/resource.h>
#include <sys/stat.h>
#include <vector>

namespace trefoil::lab {
namespace {

// No recording here has more than 30 events. Sanitizers need more than what they watch.
[[maybe_unused]] constexpr long most_kib = 256L << 10;
// A hang is one; slowness is not looked at.
constexpr unsigned hang_seconds = 60;

class Hostile : public tool_run {
 protected:
  Hostile() {
    const std::string text = write("x.tsv", one_life());
    import_options twice;
    twice.repeat = 2;
    import_tsv(text, path("sound"), twice);
    const descriptor opened(::open(path("sound").c_str(), O_RDWR | O_CLOEXEC));
    sqlite::database file(opened.get(), "sound");
    file.run("PRAGMA journal_mode = OFF");  // as the writer: nothing is put beside a nameless file
    {
      recorder_tables tables(file);
      tables.last_drop(9, "lazy-cpu", "finish_task_switch", 3);
      tables.last_drop(21, "", "", -1);
      tables.page_tables(9, 4096);
      recorder_facts facts;
      facts.seconds = 0.5;
      facts.cpus = {{0, 1, 2, 3}, {1, 0, 0, 0}};
      facts.tracepoints = {{"sched_switch", 1, 2, 3}};
      facts.missing = {"nothing"};
      tables.finish(facts);
    }
    // So that values get in which SQLite would keep out.
    file.run("PRAGMA writable_schema = ON; "
             "UPDATE sqlite_master SET sql = replace(sql, ' NOT NULL', ''); "
             "PRAGMA writable_schema = RESET");
    file.close();
    sound_ = content(path("sound"));
  }

  // False: SQLite let nobody do that.
  bool make(const std::string& file, const std::string& sql) const {
    write(file, sound_);
    sqlite3* raw = nullptr;
    sqlite3_open(path(file).c_str(), &raw);
    sqlite3_exec(raw, "PRAGMA ignore_check_constraints = ON", nullptr, nullptr, nullptr);
    const bool done = sqlite3_exec(raw, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK;
    sqlite3_close(raw);
    return done;
  }

  // How a command ends, and that it ends as it should.
  outcome tried(std::vector<std::string> command) {
    const pid_t child = start(std::move(command), [] { ::alarm(hang_seconds); });
    rusage used{};
    const outcome result = wait(child, used);
    EXPECT_TRUE(result.status == 0 || result.status == 2) << result.status << result.err;
    const auto lines = std::count(result.err.begin(), result.err.end(), '\n');
    EXPECT_EQ(lines, result.status == 0 ? 0 : 1) << result.err;
    EXPECT_TRUE(result.status == 0 || result.out.empty()) << result.out;
    for (const std::string& shown : {result.out, result.err}) {
      EXPECT_EQ(shown.find_first_of(std::string("\x1b\0\x7f", 3)), std::string::npos) << shown;
    }
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    EXPECT_LT(used.ru_maxrss, most_kib);
#endif
    return result;
  }

  void both(const std::string& file) {
    const outcome info = tried({"info", path(file)});
    const outcome as_json = tried({"info", "--json", path(file)});
    EXPECT_EQ(as_json.status, info.status);
    EXPECT_EQ(nlohmann::json::accept(as_json.out), as_json.status == 0) << as_json.out;
    tried({"replay", "--design", "reversed", path(file)});
  }

  std::string refused_after(const std::string& sql) {
    EXPECT_TRUE(make("changed", sql)) << sql;
    const std::string line = tried({"info", path("changed")}).err;
    EXPECT_EQ(tried({"replay", "--design", "reversed", path("changed")}).err, line);
    const std::string begin = "trefoil: " + path("changed") + ": ";
    EXPECT_TRUE(line.starts_with(begin)) << sql << ": " << line;
    return line.substr(std::min(line.size(), begin.size()));
  }

  std::string sound_;
};

// All that can be in a table, and all that a person or a script would do to one.
class changes {
 public:
  explicit changes(std::uint64_t seed) : random_(seed) {}

  std::string one() {
    const table& t = any(tables);
    const std::string name = t.name;
    const std::string column = any(t.columns);
    const std::string value = any(values);
    const std::string all =
        "DROP VIEW IF EXISTS readable; ALTER TABLE " + name + " RENAME TO old_t; ";
    switch (random_() % 16) {
      default: return "UPDATE " + name + " SET " + column + " = " + value + where();
      case 5: return "INSERT INTO " + name + " (" + column + ") VALUES (" + value + ")";
      case 6: return "DELETE FROM " + name + where();
      case 7: return "INSERT INTO " + name + " SELECT * FROM " + name + " WHERE true";
      case 8: return "DROP VIEW readable; DROP TABLE " + name;
      case 9: return all + "CREATE VIEW " + name + " AS SELECT * FROM old_t";
      case 10: return "DROP VIEW readable; ALTER TABLE " + name + " DROP COLUMN " + column;
      case 11: return "ALTER TABLE " + name + " ADD COLUMN more DEFAULT " + value;
      case 12: return "ALTER TABLE " + name + " RENAME COLUMN " + column + " TO other";
      case 13:
        return all + "CREATE TABLE " + name + " AS SELECT * FROM old_t ORDER BY " + column +
               " DESC";
      case 14:
        return "PRAGMA writable_schema = ON; UPDATE sqlite_master SET rootpage = " +
               std::to_string(random_() % 40) + " WHERE name = '" + name + "'";
      case 15:
        return "PRAGMA writable_schema = ON; UPDATE sqlite_master SET type = 'view', sql = "
               "'CREATE VIEW " +
               name + " AS SELECT 1 AS " + column + "' WHERE name = '" + name + "'";
    }
  }

  std::string bytes(std::string file) {
    for (auto times = random_() % 8 + 1; times != 0; --times) {
      // Mostly where pages begin, and what they begin with is.
      const std::size_t page = random_() % (file.size() / 8192) * 8192;
      const std::size_t at = random_() % 2 == 0 ? page + random_() % 120 : random_() % file.size();
      file[std::min(at, file.size() - 1)] = static_cast<char>(random_());
    }
    if (random_() % 8 == 0) file.resize(random_() % file.size());
    return file;
  }

 private:
  struct table {
    const char* name;
    std::vector<std::string> columns;
  };

  template <class T>
  const T& any(const std::vector<T>& of) {
    return of[random_() % of.size()];
  }

  std::string where() {
    if (random_() % 3 == 0) return "";
    return " WHERE rowid = " + std::to_string(random_() % 13);
  }

  const std::vector<table> tables{
      {"machine",
       {"only_row", "source", "kernel", "kernel_how", "preempt_rt", "preempt_rt_how", "exit_event",
        "exit_event_how", "fails_open", "fails_open_how", "lost_events"}},
      {"comm", {"comm", "name"}},
      {"route", {"route", "name"}},
      {"segment", {"segment", "first_event", "last_event", "begin_ns", "end_ns"}},
      {"place", {"place", "cpu", "comm", "context", "actor", "route"}},
      {"event",
       {"event", "time_ns", "kind", "place", "pid", "mm", "task", "third", "fourth", "mm_users",
        "mm_count", "subject"}},
      {"event",  // most of what there is
       {"time_ns", "kind", "place", "pid", "mm", "task", "third", "fourth", "mm_users",
        "mm_count"}},
      {"recorder",
       {"only_row", "seconds", "refused_events", "mms", "incomplete_mms", "deduced_frees"}},
      {"recorder_cpu", {"cpu", "lazy_borrows", "lazy_returns", "ring_lost"}},
      {"recorder_tracepoint", {"tracepoint", "recursion_misses", "runs", "run_ns"}},
      {"recorder_missing", {"line"}},
      {"holder", {"holder", "name"}},
      {"last_drop", {"event", "holder", "stack", "preempt_count"}},
      {"page_tables", {"event", "bytes"}}};
  const std::vector<std::string> values{"NULL",
                                        "0",
                                        "-1",
                                        "1",
                                        "2",
                                        "9",
                                        "65535",
                                        "65536",
                                        "1 << 40",
                                        "2147483647",
                                        "-2147483648",
                                        "4294967294",
                                        "4294967295",
                                        "9223372036854775807",
                                        "-9223372036854775807 - 1",
                                        "1000000000000000000",
                                        "1e300",
                                        "9e999",
                                        "0.5",
                                        "''",
                                        "'12'",
                                        "'12x'",
                                        "x'00ff'",
                                        "zeroblob(100000)",
                                        "printf('%.*c', 2000000, 'x')",
                                        "printf('%.*c', 3000, 'x')",
                                        "char(27) || '[2J' || char(10, 13, 155)",
                                        "CAST(x'c3fffe' AS TEXT)",
                                        "'a' || char(0) || 'b'"};

  std::mt19937_64 random_;
};

TEST_F(Hostile, IsReadOrRefusedWhateverIsInItsTables) {
  int made = 0;
  for (std::uint64_t seed = 1; seed <= 160; ++seed) {
    changes some(seed);
    std::string sql = some.one();
    if (seed % 3 == 0) sql += "; " + some.one();
    if (!make("changed", sql)) continue;
    ++made;
    SCOPED_TRACE(sql);
    both("changed");
  }
  EXPECT_GT(made, 80);
}

TEST_F(Hostile, IsReadOrRefusedWhateverItsBytesAre) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    write("changed", changes(seed).bytes(sound_));
    both("changed");
  }
}

TEST_F(Hostile, HasTablesThatAreTables) {
  const std::string rename = "DROP VIEW readable; ALTER TABLE event RENAME TO old_t; ";
  const std::string a_view = "event is a view: a recording has a table of that name\n";
  EXPECT_EQ(refused_after(rename + "CREATE VIEW event AS SELECT * FROM old_t"), a_view);
  // One that never ends, and one that calls itself a table.
  EXPECT_EQ(refused_after(rename +
                          "CREATE VIEW event AS WITH RECURSIVE e(event) AS (SELECT 1 UNION "
                          "ALL SELECT event + 1 FROM e) SELECT event, 0 AS time_ns FROM e"),
            a_view);
  EXPECT_EQ(refused_after(rename + "CREATE VIEW event AS SELECT * FROM old_t; "
                                   "PRAGMA writable_schema = ON; UPDATE sqlite_master SET type = "
                                   "'table', rootpage = 5 WHERE name = 'event'"),
            "malformed database schema (event)\n");
  EXPECT_EQ(
      refused_after("DROP VIEW readable; ALTER TABLE event RENAME TO EVENT_; CREATE VIEW EVENT "
                    "AS SELECT * FROM EVENT_"),
      a_view);
  EXPECT_EQ(
      refused_after("PRAGMA writable_schema = ON; UPDATE sqlite_master SET rootpage = 0, sql = "
                    "'CREATE VIRTUAL TABLE event USING fts5(event)' WHERE name = 'event'"),
      "event is a virtual table: a recording has a table of that name\n");
  EXPECT_EQ(refused_after("DROP VIEW readable; ALTER TABLE comm RENAME COLUMN name TO other"),
            "table comm: column name is missing\n");
  EXPECT_EQ(
      refused_after("DROP VIEW readable; DROP TABLE comm; CREATE TABLE comm (comm INTEGER PRIMARY "
                    "KEY, name TEXT AS (printf('%.*c', 900000000, 'x')))"),
      "table comm: column name is computed\n");
}

// A table of another order would have to be sorted, which takes as much memory as there are events.
TEST_F(Hostile, IsNotSorted) {
  EXPECT_EQ(refused_after("DROP VIEW readable; ALTER TABLE event RENAME TO old_t; "
                          "CREATE TABLE event AS SELECT * FROM old_t ORDER BY event DESC"),
            "event 1 is missing\n");
}

// What a person adds is left alone, and what would be run is not.
TEST_F(Hostile, MayHoldMoreThanARecording) {
  ASSERT_TRUE(make("changed",
                   "CREATE TABLE notes (a, b); CREATE VIEW mine AS SELECT * FROM event;"
                   "CREATE INDEX by_mm ON event (mm); CREATE INDEX by_sum ON event (mm + task);"
                   "ALTER TABLE event ADD COLUMN note TEXT DEFAULT 'x';"
                   "CREATE TRIGGER t AFTER INSERT ON event BEGIN DELETE FROM event; END;"
                   "CREATE TABLE other (event INTEGER, time_ns) WITHOUT ROWID;") ||
              make("changed", "CREATE TABLE notes (a, b); CREATE INDEX by_sum ON event (mm + task);"
                              "ALTER TABLE event ADD COLUMN note TEXT DEFAULT 'x'"));
  EXPECT_EQ(tried({"info", path("changed")}).status, 0);
  EXPECT_EQ(tried({"replay", path("changed")}).status, 0);
}

TEST_F(Hostile, SaysTableAndRow) {
  const auto after = [&](const std::string& sql) { return refused_after(sql); };
  EXPECT_EQ(after("UPDATE comm SET name = printf('%.*c', 100, 'x') WHERE comm = 1"),
            "table comm: row 1 is wrong: name is longer than 64 bytes\n");
  EXPECT_EQ(after("UPDATE comm SET name = printf('%.*c', 30000000, 'x') WHERE comm = 1"),
            "table comm, after 1 rows: a value is longer than 1048576 bytes\n");
  EXPECT_EQ(after("UPDATE comm SET name = zeroblob(10) WHERE comm = 0"),
            "table comm: row 0 is wrong: name is not a text\n");
  EXPECT_EQ(after("UPDATE place SET cpu = 1 << 40 WHERE place = 0"),
            "table place: row 0 is wrong: cpu is out of its range\n");
  EXPECT_EQ(after("UPDATE event SET time_ns = 1e300 WHERE event = 5"),
            "event 5: time_ns, kind or place is missing or not a whole number\n");
  EXPECT_EQ(after("UPDATE event SET mm = 'm1' WHERE event = 2"),
            "event 2: an id is missing or out of its range\n");
  EXPECT_EQ(after("UPDATE event SET mm_count = -7 WHERE event = 6"),
            "event 6: a number is out of its range\n");
  EXPECT_EQ(after("UPDATE segment SET end_ns = 9223372036854775807 WHERE segment = 2"),
            "table segment: row 2 is wrong: end_ns is out of its range\n");
  EXPECT_EQ(after("UPDATE segment SET begin_ns = 5 WHERE segment = 2"),
            "table segment: row 2 does not follow the one before\n");
  EXPECT_EQ(after("INSERT INTO machine SELECT 2, source, kernel, kernel_how, preempt_rt, "
                  "preempt_rt_how, exit_event, exit_event_how, fails_open, fails_open_how, "
                  "lost_events FROM machine"),
            "table machine has more than 1 row\n");
  EXPECT_EQ(after("UPDATE machine SET exit_event = 'never'"),
            "table machine: row 1 is wrong: exit_event is neither 'before' nor 'after'\n");
  EXPECT_EQ(after("UPDATE recorder SET seconds = 9e999"),
            "table recorder: row 1 is wrong: seconds is not a number of seconds\n");
  EXPECT_EQ(after("UPDATE last_drop SET holder = 77 WHERE event = 9"),
            "table last_drop: row 9 is wrong: holder is out of its range\n");
}

// An id is a name, not a size; so is the number of a CPU, and a count is not believed beyond reason.
TEST_F(Hostile, TakesNoMemoryForGreatNumbers) {
  for (const char* const sql :
       {"UPDATE event SET mm = 4294967294 WHERE mm = 3",
        "UPDATE place SET cpu = 65535 WHERE cpu = 1",
        "UPDATE event SET mm_count = 2147483647 WHERE event = 6",
        "UPDATE event SET subject = 2147483647, pid = 2147483647",
        "UPDATE segment SET end_ns = 1000000000000000000 WHERE segment = 2;"
        "UPDATE event SET time_ns = 1000000000000000000 WHERE event = 24"}) {
    SCOPED_TRACE(sql);
    ASSERT_TRUE(make("changed", sql));
    both("changed");
    EXPECT_EQ(tried({"replay", path("changed")}).status, 0);
  }
}

// Ids count up, and cost a byte each; far from each other they would cost hundreds.
TEST_F(Hostile, DoesNotScatterItsIds) {
  EXPECT_EQ(
      refused_after("DELETE FROM event; DELETE FROM segment; WITH RECURSIVE n(i) AS (SELECT 1 "
                    "UNION ALL SELECT i + 1 FROM n LIMIT 20000) INSERT INTO event (event, "
                    "time_ns, kind, place, pid, mm) SELECT i, i, 0, 0, 1, i * 1000 FROM n; "
                    "INSERT INTO segment VALUES (1, 1, 20000, 0, 20000)"),
      "event 4682: m4682000 is too far from the others: ids count up\n");
}

// Text that no recording should be made of, however much of it there is.
TEST_F(Hostile, IsNotImported) {
  const auto line = [&](const std::string& comm, const std::string& route) {
    return row("1", "oom", "t9", "-", "0\t7\t" + comm + "\ttask\tuser\t-1\t-1\t-1\t" + route);
  };
  const auto refused_text = [&](const std::string& file) {
    const std::string all = tried({"import", path(file), "-o", path("none")}).err;
    const std::string begin = "trefoil: " + path(file) + ":";
    EXPECT_TRUE(all.starts_with(begin)) << all;
    EXPECT_FALSE(std::filesystem::exists(path("none")));
    return all.substr(std::min(all.size(), begin.size()));
  };
  write("comm", header + line(std::string(65, 'x'), "-"));
  EXPECT_EQ(refused_text("comm"),
            "2: comm: longer than 64 bytes: '" + std::string(40, 'x') + "...'\n");
  write("route", header + line("sh", std::string(1025, 'x')));
  EXPECT_TRUE(refused_text("route").starts_with("2: route: longer than 1024 bytes: '"));
  write("line", header + std::string(std::size_t{1} << 20, 'x'));
  EXPECT_EQ(refused_text("line"), "2: the line is longer than 65536 bytes\n");
  write_gzip("bomb", header + std::string(std::size_t{64} << 20, '\0'));
  EXPECT_EQ(refused_text("bomb"), "2: the line is longer than 65536 bytes\n");
  std::string names = header;
  for (int i = 0; i < 262145; ++i) names += line(std::to_string(i), "-");
  write_gzip("names", names);
  EXPECT_EQ(refused_text("names"), "262146: comm: one more than 262144 different ones: '262144'\n");
}

// Who waits for a pipe into which nobody writes can be asked to stop.
TEST_F(Hostile, IsNotWaitedForWhenSomebodyAsksToStop) {
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  const pid_t tool =
      start({"import", path("pipe"), "-o", path("none")}, [] { ::alarm(hang_seconds); });
  const int other_end = ::open(path("pipe").c_str(), O_WRONLY);  // once it reads
  ASSERT_GE(other_end, 0);
  const std::string stat = "/proc/" + std::to_string(tool) + "/stat";
  while (content(stat).find(") S ") == std::string::npos) ::usleep(1000);
  ::kill(tool, SIGTERM);
  const outcome result = wait(tool);
  ::close(other_end);
  EXPECT_EQ(result.status, 128 + SIGTERM);
  EXPECT_EQ(result.err, "trefoil: " + path("pipe") + ": interrupted, nothing written\n");
}

// Also before its first event is read: a schema may be long.
TEST_F(Hostile, IsLeftWhenSomebodyAsksToStop) {
  std::string sql = "BEGIN; ";
  for (int i = 0; i < 500; ++i) sql += "CREATE TABLE t" + std::to_string(i) + " (a);";
  ASSERT_TRUE(make("changed", sql + "COMMIT"));
  const std::string line = path("changed") + ": interrupted";
  EXPECT_EQ(error_of([&] { open_recording(path("changed"), [] { return true; }); }), line);
  EXPECT_EQ(error_of([&] {
              replay_options options;
              options.stopped = [] { return true; };
              replay(path("changed"), options);
            }),
            line);

  import_options many;
  many.repeat = 100;
  import_tsv(path("x.tsv"), path("long"), many);
  int asked = 0;
  recording_reader reader(path("long"), [&] { return ++asked == 5; });
  EXPECT_EQ(error_of([&] {
              for (event e; reader.next(e);) continue;
            }),
            path("long") + ": interrupted");
  EXPECT_LT(reader.row(), reader.size());
  EXPECT_EQ(asked, 5);
}

}  // namespace
}  // namespace trefoil::lab
