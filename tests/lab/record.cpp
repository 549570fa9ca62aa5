// SPDX-License-Identifier: Apache-2.0
// Recordings of this machine against what the test made happen on it.
#include "lab/recording/reader.hpp"
#include "lab/recording/sqlite.hpp"
#include "tests/lab/own_recording.hpp"
#include "tests/lab/record_run.hpp"
#include "tests/lab/text.hpp"

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <sys/wait.h>
#include <unistd.h>

namespace trefoil::lab {
namespace {

struct life {
  std::vector<mm_id> mms;  // in the order in which the process had them
  int forks = 0;           // that made it
  int execs = 0;
  int exits = 0;
  int children = 0;
};

struct mm_life {
  int allocs = 0;
  int exit_mmaps = 0;
  int frees = 0;
  std::string holder;
};

struct ground {
  std::map<std::int32_t, life> by_pid;
  std::map<std::uint32_t, mm_life> by_mm;
};

void read_holders(const std::string& file, ground& all) {
  const own_recording recording(file);
  sqlite::statement select(recording,
                           "SELECT mm, coalesce(name, '') FROM last_drop JOIN event USING (event) "
                           "LEFT JOIN holder USING (holder)");
  while (select.step()) {
    all.by_mm[static_cast<std::uint32_t>(select.integer(0))].holder = select.text(1);
  }
}

// Wherever the kernel shows it, it is there for each end that a program saw.
void expect_preempt_counts(const std::string& file, bool shown) {
  const own_recording recording(file);
  sqlite::statement select(recording,
                           "SELECT count(*), count(preempt_count), max(preempt_count) FROM "
                           "last_drop JOIN readable USING (event) WHERE comm <> '?'");
  ASSERT_TRUE(select.step());
  EXPECT_EQ(select.integer(1), shown ? select.integer(0) : 0);
  EXPECT_LT(select.integer(2), 1 << 24);
}

// The mms that tasks left: how many, and whether any size is none of whole pages.
void expect_page_tables(const std::string& file, std::int64_t at_least) {
  const own_recording recording(file);
  sqlite::statement select(
      recording,
      "SELECT count(*), min(bytes), sum(bytes % 4096 <> 0), max(bytes) FROM page_tables");
  ASSERT_TRUE(select.step());
  EXPECT_GE(select.integer(0), at_least);
  EXPECT_GE(select.integer(1), 4096);
  EXPECT_EQ(select.integer(2), 0);
  EXPECT_LT(select.integer(3), std::int64_t{1} << 30);
}

ground read(const std::string& file) {
  ground all;
  recording_reader recording(file);
  for (event e; recording.next(e);) {
    switch (e.kind) {
      case event_kind::mm_alloc: ++all.by_mm[e.mm.value()].allocs; break;
      case event_kind::exit_mmap: ++all.by_mm[e.mm.value()].exit_mmaps; break;
      case event_kind::mm_free: ++all.by_mm[e.mm.value()].frees; break;
      case event_kind::fork:
        ++all.by_pid[e.subject].forks;
        if (e.mm) all.by_pid[e.subject].mms.push_back(e.mm);
        ++all.by_pid[e.pid].children;
        break;
      case event_kind::exec:
        ++all.by_pid[e.pid].execs;
        all.by_pid[e.pid].mms.push_back(e.mm);
        break;
      case event_kind::task_exit: ++all.by_pid[e.pid].exits; break;
      default: break;
    }
  }
  read_holders(file, all);
  return all;
}

class Record : public record_run {
 protected:
  // One fork, as many execs, one exit, and every address space complete.
  void expect_whole_life(const ground& all, std::int32_t pid, int execs) {
    const auto found = all.by_pid.find(pid);
    ASSERT_NE(found, all.by_pid.end()) << "pid " << pid << " is not in the recording";
    const life& one = found->second;
    EXPECT_EQ(one.forks, 1);
    EXPECT_EQ(one.execs, execs);
    EXPECT_EQ(one.exits, 1);
    ASSERT_EQ(one.mms.size(), static_cast<std::size_t>(1 + execs));
    for (const mm_id mm : one.mms) {
      const mm_life& its = all.by_mm.at(mm.value());
      EXPECT_EQ(its.allocs, 1) << "mm " << mm.value();
      EXPECT_EQ(its.exit_mmaps, 1) << "mm " << mm.value();
      EXPECT_EQ(its.frees, 1) << "mm " << mm.value();
    }
  }
};

TEST_F(Record, HoldsExactlyWhatAProgramDid) {
  const std::string file = path("x.trefoil");
  const outcome result = run({"record", "-o", file, "--", TREFOIL_RECORD_SUBJECT});
  ASSERT_EQ(result.status, 7) << result.err;  // the program's own
  std::map<std::string, std::int32_t> did;
  std::istringstream lines(result.out);
  for (std::string what; lines >> what >> did[what];) {}
  ASSERT_TRUE(did.contains("exec") && did.contains("mem")) << result.out;

  const ground all = read(file);
  const life& self = all.by_pid.at(did["self"]);
  EXPECT_EQ(self.children, 8);
  EXPECT_EQ(self.execs, 1);
  EXPECT_EQ(self.exits, 1);
  expect_whole_life(all, did["exec"], 1);
  const std::map<std::string, std::string> holders{{"mem", "/proc/PID/mem"},
                                                   {"maps", "/proc/PID/maps ..."},
                                                   {"smaps_rollup", "/proc/PID/maps ..."},
                                                   {"pagemap", "/proc/PID/maps ..."},
                                                   {"userfaultfd", "userfaultfd context"},
                                                   {"kvm", "virtual machine"},
                                                   {"io_uring", "ring accounting"}};
  for (const auto& [what, holder] : holders) {
    if (!did.contains(what)) {
      std::cout << "this machine does not let a program have it: " << what << '\n';
      continue;
    }
    SCOPED_TRACE(what);
    expect_whole_life(all, did[what], 0);
    // A CPU may still have it a moment longer, if it has nothing else to do.
    const std::string& last = all.by_mm.at(all.by_pid.at(did[what]).mms.front().value()).holder;
    EXPECT_TRUE(last == holder || last == "lazy TLB") << last;
  }
  EXPECT_EQ(all.by_mm.at(all.by_pid.at(did["mem"]).mms.front().value()).holder, "/proc/PID/mem");
}

TEST_F(Record, HoldsAForeignProcess) {
  int to_foreign[2];
  ASSERT_EQ(::pipe2(to_foreign, O_CLOEXEC), 0);
  const pid_t foreign = ::fork();
  if (foreign == 0) {
    ::dup2(to_foreign[0], 0);
    ::execl(TREFOIL_RECORD_SUBJECT, "record_subject", "foreign", nullptr);
    ::_exit(127);
  }
  ::close(to_foreign[0]);
  const std::string file = path("x.trefoil");
  const pid_t recorder = start({"record", "-o", file, "-d", "1"});
  wait_until_it_records(recorder);
  ASSERT_EQ(::write(to_foreign[1], "x", 1), 1);
  const outcome result = wait(recorder);
  EXPECT_EQ(result.status, 0) << result.err;
  ::close(to_foreign[1]);
  ::waitpid(foreign, nullptr, 0);

  const ground all = read(file);
  ASSERT_TRUE(all.by_pid.contains(foreign));
  EXPECT_EQ(all.by_pid.at(foreign).children, 3);
  EXPECT_EQ(all.by_pid.at(foreign).forks, 0);  // before the recording
  EXPECT_EQ(all.by_pid.at(foreign).exits, 0);  // after it
}

TEST_F(Record, ReplaysAsTheKernelDid) {
  const std::string file = path("x.trefoil");
  const outcome result = run({"record", "-o", file, "--json", "--", "/bin/sh", "-c",
                              "i=0; while [ $i -lt 1500 ]; do /bin/true; i=$((i+1)); done"});
  ASSERT_EQ(result.status, 0) << result.err;
  const auto told = nlohmann::json::parse(result.out);
  const double mms = told["mms"].get<double>();
  EXPECT_GE(mms, 1500);
  EXPECT_LE(told["incomplete_mms"].get<double>() / mms, 0.005) << result.err;
  EXPECT_EQ(told["lost"]["ring"], 0);
  EXPECT_TRUE(told["lost"]["recursion_misses"].is_number_integer());
  for (const auto& program : told["programs"]) {
    EXPECT_EQ(program["runs"] == 0, program["run_ns"] == 0) << told["programs"];
  }
  EXPECT_TRUE(told["programs"].contains("sched_switch")) << told["programs"];
  EXPECT_NE(result.err.find("incomplete"), std::string::npos);
  EXPECT_EQ(result.err.find("refuses"), std::string::npos) << result.err;

  const auto replayed = nlohmann::json::parse(run({"replay", file, "--json"}).out);
  const double compared = replayed["truth"]["mms"].get<double>();
  EXPECT_GE(compared, 1400);
  EXPECT_GE(replayed["truth"]["agree"].get<double>() / compared, 0.999) << replayed["truth"];

  const auto info = nlohmann::json::parse(run({"info", file, "--json"}).out);
  EXPECT_EQ(info["losses"]["recorder_lost_events"], 0);
  EXPECT_EQ(info["recorder"]["mms"], told["mms"]);
  std::int64_t borrows = 0;
  for (const auto& cpu : info["recorder"]["cpus"])
    borrows += cpu["lazy_borrows"].get<std::int64_t>();
  EXPECT_GT(borrows, 0);  // the shell waits for each, and a CPU has nothing else to do
  expect_page_tables(file, 1500);
  expect_preempt_counts(file, result.err.find("preempt count cannot be read") == std::string::npos);
}

TEST_F(Record, DoesWithoutATracepoint) {
  const std::string file = path("x.trefoil");
  const outcome result =
      run({"record", "-o", file, "--leave-out", "sched_prepare_exec", "--", "/bin/true"});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_NE(result.err.find("no tracepoint sched_prepare_exec here"), std::string::npos);
  const auto info = nlohmann::json::parse(run({"info", file, "--json"}).out);
  EXPECT_EQ(info["events"]["by_kind"]["prep_exec"], 0);
  EXPECT_GE(info["events"]["by_kind"]["exec"], 1);
  EXPECT_FALSE(info["recorder"]["missing"].empty());
}

// As on a kernel whose mms have no counters, before Linux 6.2.
TEST_F(Record, SeesEndsInTheSlabWhereNothingElseTells) {
  const std::string file = path("x.trefoil");
  const outcome result = run({"record", "-o", file, "--leave-out", "percpu_free_percpu",
                              "--leave-out", "sched_prepare_exec", "--", "/bin/sh", "-c",
                              "i=0; while [ $i -lt 200 ]; do /bin/true; i=$((i+1)); done"});
  ASSERT_EQ(result.status, 0) << result.err;
  const auto replayed = nlohmann::json::parse(run({"replay", file, "--json"}).out);
  EXPECT_GE(replayed["truth"]["mms"], 190);
  EXPECT_GE(replayed["truth"]["agree"].get<int>(), replayed["truth"]["mms"].get<int>() - 1);
}

// As before Linux 6.1: nothing tells of the end of mappings, and ends are the slab's.
TEST_F(Record, TellsEndsWithoutThoseOfMappings) {
  const std::string file = path("x.trefoil");
  const outcome result =
      run({"record", "-o", file, "--json", "--leave-out", "exit_mmap", "--leave-out",
           "percpu_free_percpu", "--leave-out", "sched_prepare_exec", "--", "/bin/sh", "-c",
           "i=0; while [ $i -lt 200 ]; do (exec /bin/true); i=$((i+1)); done"});
  ASSERT_EQ(result.status, 0) << result.err;
  const auto told = nlohmann::json::parse(result.out);
  EXPECT_LE(told["incomplete_mms"].get<int>(), 2) << told;
  const auto info = nlohmann::json::parse(run({"info", file, "--json"}).out);
  EXPECT_EQ(info["events"]["by_kind"]["exit_mmap"], 0);
  EXPECT_GE(info["events"]["by_kind"]["mm_free"], 395);  // each has one of fork and one of exec
  run({"replay", file, "--json"});
}

// One after the other: whenever a thread has gone, nobody else is on the way.
TEST_F(Record, GivesFilesOneIdWhileThreadsLeaveThem) {
  const std::string file = path("x.trefoil");
  const outcome result = run({"record", "-o", file, "--", TREFOIL_RECORD_SUBJECT, "threads"});
  ASSERT_EQ(result.status, 0) << result.err;
  std::set<std::int32_t> its;
  std::istringstream lines(result.out);
  std::string what;
  for (std::int32_t pid = 0; lines >> what >> pid;) its.insert(pid);
  ASSERT_EQ(its.size(), 41U) << result.out;

  std::set<std::uint32_t> tables;
  std::vector<std::size_t> exits_before_the_end;
  std::size_t exits = 0;
  recording_reader recording(file);
  for (event e; recording.next(e);) {
    if (e.kind == event_kind::task_exit && its.contains(e.pid)) {
      ++exits;
      ASSERT_TRUE(e.files);
      tables.insert(e.files.value());
    }
    if (e.kind == event_kind::files_free && tables.contains(e.files.value())) {
      exits_before_the_end.push_back(exits);
    }
  }
  EXPECT_EQ(tables.size(), 1U);
  EXPECT_EQ(exits_before_the_end, std::vector<std::size_t>{41});
}

TEST_F(Record, TellsEndsOfFilesFromTheSlab) {
  const std::string file = path("x.trefoil");
  const outcome result = run({"record", "-o", file, "--slab", "--", "/bin/sh", "-c",
                              "i=0; while [ $i -lt 50 ]; do /bin/true; i=$((i+1)); done"});
  ASSERT_EQ(result.status, 0) << result.err;
  const auto info = nlohmann::json::parse(run({"info", file, "--json"}).out);
  EXPECT_GE(info["events"]["by_kind"]["files_free"], 45);
  EXPECT_GE(info["events"]["by_kind"]["sighand_free"], 45);
}

// The slab's caches are looked for by name in the first million of frees only.
TEST_F(Record, FindsTheSlabsCachesOnABusyMachine) {
  const std::string file = path("x.trefoil");
  const outcome result =
      run({"record", "-o", file, "--slab", "--", TREFOIL_RECORD_SUBJECT, "busy"});
  ASSERT_EQ(result.status, 0) << result.err;
  const auto info = nlohmann::json::parse(run({"info", file, "--json"}).out);
  EXPECT_GE(info["events"]["by_kind"]["files_free"], 3);
  EXPECT_GE(info["events"]["by_kind"]["sighand_free"], 3);
}

}  // namespace
}  // namespace trefoil::lab
