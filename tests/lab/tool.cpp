// SPDX-License-Identifier: Apache-2.0
// The tool as its users see it: what goes where, exit statuses, nothing left behind.
#include "lab/recording/writer.hpp"
#include "tests/lab/tool_run.hpp"

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace trefoil::lab {
namespace {

using Tool = tool_run;

void change(const std::string& file, const char* sql) {
  sqlite3* raw = nullptr;
  sqlite3_open(file.c_str(), &raw);
  EXPECT_EQ(sqlite3_exec(raw, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(raw);
  sqlite3_close(raw);
}

TEST_F(Tool, ImportsAndInforms) {
  const std::string file = path("x.trefoil");
  const outcome import =
      run({"import", write("x.tsv", one_life()), "-o", file, "--kernel", "6.18.44"});
  EXPECT_EQ(import.status, 0) << import.err;
  EXPECT_EQ(import.out, "");
  EXPECT_NE(import.err.find("12 events"), std::string::npos) << import.err;
  EXPECT_EQ(import.err.find('\r'), std::string::npos);  // no bar without a terminal

  const outcome info = run({"info", file, "--json"});
  EXPECT_EQ(info.status, 0);
  EXPECT_EQ(info.err, "");
  const auto json = nlohmann::json::parse(info.out);
  EXPECT_EQ(json["version"], 1);
  EXPECT_EQ(json["events"]["total"], 12);
  EXPECT_EQ(json["events"]["by_kind"]["mm_free"], 1);
  EXPECT_EQ(json["machine"]["kernel"]["value"], "6.18.44");
  EXPECT_EQ(json["machine"]["kernel"]["how"], "given");
  EXPECT_EQ(json["machine"]["preempt_rt"]["value"], false);
  EXPECT_EQ(json["machine"]["exit_event"]["value"], "before");
  EXPECT_EQ(json["machine"]["fails_open"]["value"], false);
  EXPECT_EQ(json["duration_ns"], 9700);
  EXPECT_EQ(json["objects"]["task"]["born_before"], 1);
  EXPECT_EQ(json["losses"]["mm_free_missing"], 0);
  EXPECT_TRUE(json["losses"]["recorder_lost_events"].is_null());
  EXPECT_NE(run({"info", file}).out.find("ordinary (deduced: "), std::string::npos);
}

TEST_F(Tool, TakesStatedFacts) {
  const std::string file = path("x.trefoil");
  EXPECT_EQ(run({"import", write("x.tsv", one_life()), "-o", file, "--preempt-rt", "--exit-event",
                 "after", "--fails-open", "yes", "--repeat", "2"})
                .status,
            0);
  const auto json = nlohmann::json::parse(run({"info", file, "--json"}).out);
  EXPECT_EQ(json["machine"]["preempt_rt"]["value"], true);
  EXPECT_EQ(json["machine"]["exit_event"]["value"], "after");
  EXPECT_EQ(json["machine"]["fails_open"]["value"], true);
  EXPECT_EQ(json["segments"], 2);
  EXPECT_EQ(json["events"]["total"], 24);
}

TEST_F(Tool, SaysInOneLineWhatIsWrong) {
  const std::string bad = write("x.tsv", header + row("0", "what", "m1"));
  EXPECT_EQ(refused({"import", bad, "-o", path("x.trefoil")}),
            "trefoil: " + bad + ":2: unknown event 'what'\n");
  EXPECT_EQ(refused({"info", bad}).find("trefoil: " + bad + ": not an SQLite file"), 0U);
  refused({"info", path("none")});
  refused({"import", path("none"), "-o", path("x.trefoil")});
  refused({});
  refused({"import", bad});
  refused({"import", bad, "-o", path("x.trefoil"), "--repeat", "0"});
  refused({"import", bad, "-o", path("x.trefoil"), "--exit-event", "never"});
  refused({"info", bad, "--what"});
  EXPECT_EQ(list(), std::vector<std::string>{"x.tsv"});
}

// A file, and how the one line about it ends. Nothing is written.
TEST_F(Tool, RefusesBadText) {
  const std::string good = header + row("5", "oom", "t9");
  const std::string packed = content(write_gzip("good.tsv.gz", one_life()));
  std::filesystem::create_directory(path("folder"));
  const struct {
    std::string file;
    std::string text;
    std::string line;
  } cases[] = {
      {"empty.tsv", "", ":1: empty: the header line is missing"},
      {"header.tsv", header, ":1: no event follows the header"},
      {"other.tsv", "hello\n", ":1: header: column 't_us' is missing: found 'hello'"},
      {"plain.tsv.gz", one_life(), ": not gzip"},
      {"cut.tsv.gz", packed.substr(0, packed.size() / 2), ": the gzip data is truncated"},
      {"order.tsv", good + row("4", "oom", "t9"),
       ":3: out of order: 4 us is before the line before (5.0 us)"},
      {"kind.tsv", good + row("6", "what", "m1"), ":3: unknown event 'what'"},
      {"reused.tsv", good + row("6", "mm_alloc", "m1") + row("7", "mm_alloc", "m1"),
       ":4: m1 is allocated again: id reused"},
      {"twice.tsv",
       good + row("6", "task_exit", "-", "t9,-,-") + row("7", "task_exit", "-", "t9,-,-"),
       ":4: t9 exits twice"},
      {"columns.tsv", good + "6.0\toom\tt1\n", ":3: 3 of 13 columns: 'aux' is missing"},
      {"number.tsv", good + row("6,5", "oom", "t1"), ":3: t_us: bad number '6,5'"},
      {"id.tsv", good + row("6", "oom", "t-1"), ":3: oom: obj has to be a task (t1), not 't-1'"},
  };
  for (const auto& one : cases) write(one.file, one.text);
  const auto there = list();
  for (const auto& one : cases) {
    const std::string line = refused({"import", path(one.file), "-o", path("x.trefoil")});
    EXPECT_TRUE(line.starts_with("trefoil: " + path(one.file) + ":")) << line;
    EXPECT_TRUE(line.ends_with(one.line + "\n")) << line;
  }
  const std::string folder = refused({"import", path("folder"), "-o", path("x.trefoil")});
  EXPECT_EQ(folder, "trefoil: " + path("folder") + ": Is a directory\n");
  EXPECT_EQ(list(), there);
}

// An older recording is replaced, and only by a whole one; nothing else is.
TEST_F(Tool, RefusesABadOutput) {
  const std::string from = write("x.tsv", one_life());
  std::filesystem::create_directory(path("folder"));
  const auto there = list();
  const auto to = [&](const std::string& name) { return refused({"import", from, "-o", name}); };
  EXPECT_EQ(to(path("no/x.trefoil")), "trefoil: " + path("no/x.trefoil") + ": there is no folder " +
                                          path("no") + "; make it first\n");
  EXPECT_EQ(to(from + "/x"), "trefoil: " + from + "/x: " + from + " is not a folder\n");
  EXPECT_EQ(to(path("folder")),
            "trefoil: " + path("folder") + ": is a folder; name a file in it\n");
  EXPECT_EQ(to("/dev/null"), "trefoil: /dev/null: is there and is not a regular file\n");
  EXPECT_EQ(to(from), "trefoil: " + from + ": is the file to be imported\n");
  EXPECT_NE(to(""), "");
  EXPECT_EQ(list(), there);

  const std::string older = write("older.trefoil", "older");
  refused({"import", write("bad.tsv", header + row("1", "what", "m1")), "-o", older});
  EXPECT_EQ(content(older), "older");
  EXPECT_EQ(run({"import", from, "-o", older, "--force"}).status, 0);
  EXPECT_TRUE(content(older).starts_with("SQLite format 3"));
}

TEST_F(Tool, WritesToWhatALinkLeadsTo) {
  const std::string from = write("x.tsv", one_life());
  std::filesystem::create_directory(path("folder"));
  std::filesystem::create_symlink("folder/second", path("first"));
  std::filesystem::create_symlink("there", path("folder/second"));
  for (int times = 0; times < 2; ++times) {  // where nothing is as yet, and where something is
    EXPECT_EQ(run({"import", from, "--force", "-o", path("first")}).status, 0);
    EXPECT_TRUE(std::filesystem::is_symlink(path("first")));
    EXPECT_TRUE(std::filesystem::is_symlink(path("folder/second")));
    EXPECT_TRUE(content(path("folder/there")).starts_with("SQLite format 3"));
  }
}

// A name may come from a stranger's machine: a terminal is not to obey it.
TEST_F(Tool, ShowsControlCharactersAsText) {
  const std::string file = path("x.trefoil");
  machine_facts machine;
  machine.source = "sh -c \x1b[2J\n\tx\x7f\xc2\x9b \xc3\xa4";
  const names nothing;
  recording_writer(file, nothing).finish(machine);
  const std::string shown = run({"info", file}).out;
  EXPECT_NE(shown.find("sh -c \\x1b[2J\\n\\tx\\x7f\\u009b \xc3\xa4\n"), std::string::npos) << shown;
  EXPECT_EQ(nlohmann::json::parse(run({"info", file, "--json"}).out)["source"], machine.source);
  EXPECT_EQ(refused({"info", path("\x1b[2J")}).find('\x1b'), std::string::npos);
}

TEST_F(Tool, RefusesWhatIsNoRecording) {
  const std::string sound = path("x.trefoil");
  ASSERT_EQ(run({"import", write("x.tsv", one_life()), "-o", sound}).status, 0);
  const std::string bytes = content(sound);
  const auto changed = [&](std::size_t at, char to) {
    std::string result = bytes;
    result[at] = to;
    return result;
  };
  const struct {
    std::string file;
    std::string bytes;
    std::string line;
  } cases[] = {
      {"empty", "", "not an SQLite file, so not a recording"},
      {"text", "hello", "not an SQLite file, so not a recording"},
      {"version", changed(63, 9), "a recording of version 9; this program reads version 1"},
      {"application", changed(71, 0), "an SQLite file, but not a recording (application_id)"},
      {"cut", bytes.substr(0, bytes.size() - 5000),
       "truncated: " + std::to_string(bytes.size() - 5000) + " of " + std::to_string(bytes.size()) +
           " bytes"},
  };
  for (const auto& one : cases) write(one.file, one.bytes);
  const auto there = list();
  for (const auto& one : cases) {
    EXPECT_EQ(refused({"info", path(one.file)}),
              "trefoil: " + path(one.file) + ": " + one.line + "\n");
  }
  EXPECT_EQ(refused({"info", path("none")}),
            "trefoil: " + path("none") + ": No such file or directory\n");
  EXPECT_EQ(refused({"info", path("")}), "trefoil: " + path("") + ": not a regular file\n");
  EXPECT_EQ(list(), there);

  const auto after = [&](const char* sql) {
    const std::string file = write("changed", bytes);
    change(file, sql);
    return refused({"info", file}).substr(("trefoil: " + file + ": ").size());
  };
  EXPECT_EQ(after("DROP VIEW readable; DROP TABLE place"), "no such table: place\n");
  EXPECT_EQ(after("UPDATE event SET kind = 99 WHERE event = 4"), "event 4: unknown event 99\n");
  EXPECT_EQ(after("UPDATE event SET time_ns = 0 WHERE event = 4"),
            "event 4: out of order: earlier than the one before\n");
}

TEST_F(Tool, Replays) {
  const std::string file = path("x.trefoil");
  ASSERT_EQ(run({"import", write("x.tsv", one_life()), "-o", file}).status, 0);
  const outcome first = run({"replay", file, "--json"});
  EXPECT_EQ(first.status, 0);
  EXPECT_EQ(first.err, "");  // no bar without a terminal
  auto json = nlohmann::json::parse(first.out);
  EXPECT_EQ(json["events"], 12);
  EXPECT_EQ(json["truth"]["mms"], 1);
  EXPECT_EQ(json["truth"]["agree"], 1);
  EXPECT_EQ(json["truth"]["inferred"], 0);
  EXPECT_TRUE(json["truth"]["disagree"].is_array());
  for (const char* const id : {"two-counts", "two-counts-exit-mm", "three-counts", "reversed",
                               "exec-state", "lazy-slots"}) {
    const auto& design = json["designs"][id];
    for (const char* const context : {"task", "softirq", "hardirq"}) {
      EXPECT_TRUE(design["deferred"][context].is_number_integer()) << id;
    }
    for (const char* const key : {"dead_mean", "pgd_byte_seconds_dead", "identity_byte_seconds"}) {
      EXPECT_TRUE(design[key].is_number()) << id << ' ' << key;
    }
    for (const char* const key : {"count", "p50_us", "p99_us", "max_us"}) {
      EXPECT_TRUE(design["fail_open"][key].is_number()) << id << ' ' << key;
    }
  }
  EXPECT_EQ(json["designs"]["two-counts-exit-mm"]["deferred"]["softirq"], 1);
  EXPECT_TRUE(json["measured"]["seconds"].is_number());

  // All but what a clock says is the same from run to run.
  auto again = nlohmann::json::parse(run({"replay", file, "--json"}).out);
  json.erase("measured");
  again.erase("measured");
  EXPECT_EQ(json.dump(), again.dump());

  for (const int threads : {1, 3}) {  // nor does it depend on how many play
    auto played = nlohmann::json::parse(
        run({"replay", file, "--threads", std::to_string(threads), "--json"}).out);
    EXPECT_EQ(played["measured"]["threads"], threads);
    played.erase("measured");
    EXPECT_EQ(json.dump(), played.dump());
  }

  const auto one =
      nlohmann::json::parse(run({"replay", file, "--design", "reversed", "--json"}).out);
  EXPECT_EQ(one["designs"].size(), 1U);
  EXPECT_EQ(one["truth"]["agree"], 1);
  const auto both = nlohmann::json::parse(run({"replay", file, file, "--json"}).out);
  ASSERT_EQ(both["files"].size(), 2U);
  EXPECT_EQ(both["files"][1]["events"], 12);

  const std::string table = run({"replay", file}).out;
  for (const char* const text : {"two-counts-exit-mm", "exec-state", "1 of 1 last drops"}) {
    EXPECT_NE(table.find(text), std::string::npos) << table;
  }
  EXPECT_EQ(table.find('\x1b'), std::string::npos);  // no colours but on a terminal

  refused({"replay"});
  refused({"replay", path("none")});
  refused({"replay", path("x.tsv")});
  refused({"replay", file, path("none"), "--json"});  // nothing of the first, either
  EXPECT_NE(refused({"replay", file, "--design", "four-counts"}).find("reversed"),
            std::string::npos);
  refused({"replay", file, "--worker-delay-us", "-1"});
  refused({"replay", file, "--pgd-bytes", "0"});
  refused({"replay", file, "--identity-bytes", "0"});
  refused({"replay", file, "--threads", "0"});
}

// Else the next file that is opened would be what its words for people go to.
TEST_F(Tool, OpensNoFileInPlaceOfAClosedStream) {
  ASSERT_EQ(::mkfifo(path("x.tsv").c_str(), 0600), 0);
  const pid_t tool = start({"import", path("x.tsv"), "-o", path("x.trefoil")}, [] {
    for (const int stream : {0, 1, 2}) ::close(stream);
  });
  const int text = ::open(path("x.tsv").c_str(), O_WRONLY);  // once it reads
  ASSERT_GE(text, 0);
  for (const char* const stream : {"0", "1", "2"}) {
    EXPECT_EQ(std::filesystem::read_symlink("/proc/" + std::to_string(tool) + "/fd/" + stream),
              "/dev/null");
  }
  const std::string all = one_life();
  EXPECT_EQ(::write(text, all.data(), all.size()), static_cast<ssize_t>(all.size()));
  ::close(text);
  EXPECT_EQ(wait(tool).status, 0);
  EXPECT_EQ(run({"replay", path("x.trefoil")}).status, 0);
}

// Of a machine on which nothing happened.
TEST_F(Tool, ReadsARecordingWithoutEvents) {
  const std::string file = path("x.trefoil");
  const names nothing;
  recording_writer(file, nothing).finish({});
  const outcome info = run({"info", file});
  EXPECT_EQ(info.status, 0) << info.err;
  EXPECT_NE(info.out.find("events                       0\n"), std::string::npos) << info.out;
  const auto counts = nlohmann::json::parse(run({"info", file, "--json"}).out);
  EXPECT_EQ(counts["events"]["total"], 0);
  EXPECT_EQ(counts["duration_ns"], 0);

  const outcome table = run({"replay", file});
  EXPECT_EQ(table.status, 0) << table.err;
  EXPECT_NE(table.out.find("no last drop to check it against"), std::string::npos) << table.out;
  EXPECT_EQ(table.out.find('%'), std::string::npos) << table.out;
  EXPECT_EQ(table.out.find("nan"), std::string::npos) << table.out;
  const auto replayed = nlohmann::json::parse(run({"replay", file, "--json"}).out);
  EXPECT_EQ(replayed["truth"]["mms"], 0);
  EXPECT_EQ(replayed["designs"].size(), 6U);
}

TEST_F(Tool, Storms) {
  const outcome all = run({"storm", "--processes", "60", "--cpus", "2", "--seed", "9", "--json"});
  EXPECT_EQ(all.status, 0) << all.err;
  EXPECT_EQ(all.err, "");
  const auto json = nlohmann::json::parse(all.out);
  EXPECT_EQ(json["designs"].size(), 6U);
  for (const char* const id : {"two-counts", "two-counts-exit-mm", "three-counts", "reversed",
                               "exec-state", "lazy-slots"}) {
    const auto& design = json["designs"][id];
    EXPECT_EQ(design["processes"], 60) << id;
    EXPECT_GE(design["oom_kills"], 50) << id;
    EXPECT_GE(design["attempts"], 100'000) << id;
    for (const char* const context : {"task", "softirq", "hardirq"}) {
      EXPECT_TRUE(design["deferred"][context].is_number_integer()) << id;
    }
    for (const char* const whose :
         {"user", "lazy-cpu", "exit-mm", "oom-mm", "proc-handle", "struct-only"}) {
      EXPECT_TRUE(design["drops"][whose].is_number_integer()) << id << ' ' << whose;
    }
    for (const char* const key : {"async_mmput", "denied_after_exit", "failed_open"}) {
      EXPECT_TRUE(design[key].is_number_integer()) << id << ' ' << key;
    }
    EXPECT_EQ(design["failed_open"] != 0, std::string_view(id) == "two-counts") << id;
    for (const char* const key :
         {"live_at_end", "frames_at_end", "listed_at_end", "namespaces_at_end"}) {
      EXPECT_EQ(design[key], 0) << id << ' ' << key;
    }
  }
  const outcome table = run({"storm", "--processes", "60", "--design", "reversed"});
  EXPECT_EQ(table.status, 0) << table.err;
  EXPECT_NE(table.out.find("failed open"), std::string::npos) << table.out;
  EXPECT_EQ(table.out.find("two-counts"), std::string::npos) << table.out;

  EXPECT_NE(refused({"storm", "--design", "four-counts"}).find("reversed"), std::string::npos);
  refused({"storm", "--cpus", "0"});
  refused({"storm", "--cpus", "100000"});
  refused({"storm", "--processes", "0"});
  refused({"storm", "--seed", "x"});
}

TEST_F(Tool, LeavesNothingWhenItIsInterrupted) {
  const std::string from = write("x.tsv", one_life());
  const pid_t child = start({"import", from, "-o", path("x.trefoil"), "--repeat", "1000000"});
  EXPECT_TRUE(comes_true([&] { return writes(child); }));
  ::kill(child, SIGINT);
  const outcome result = wait(child);
  EXPECT_EQ(result.status, 128 + SIGINT);
  EXPECT_EQ(result.err, "trefoil: " + from + ": interrupted, nothing written\n");
  EXPECT_EQ(list(), std::vector<std::string>{"x.tsv"});
}

TEST_F(Tool, HelpsWithExamples) {
  for (const std::vector<std::string>& words : {std::vector<std::string>{"--help"},
                                                {"import", "--help"},
                                                {"info", "--help"},
                                                {"replay", "--help"},
                                                {"storm", "--help"}}) {
    const outcome help = run(words);
    EXPECT_EQ(help.status, 0);
    EXPECT_NE(help.out.find("Examples:"), std::string::npos) << help.out;
  }
  EXPECT_TRUE(run({"--version"}).out.starts_with("trefoil "));
}

}  // namespace
}  // namespace trefoil::lab
