// SPDX-License-Identifier: Apache-2.0
// What a recording says of lives that a test knows, column by column.
#include "lab/record/kernel_features.hpp"
#include "lab/recording/sqlite.hpp"
#include "tests/lab/own_recording.hpp"
#include "tests/lab/record_run.hpp"
#include "tests/lab/text.hpp"

#include <cstdint>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace trefoil::lab {
namespace {

using row = std::vector<std::string>;
using rows = std::vector<row>;

class RecordLife : public record_run {
 protected:
  // Says whose pid did what.
  std::multimap<std::string, std::string> record(const std::string& mode) {
    const outcome result = run({"record", "-o", file_, "--", TREFOIL_RECORD_SUBJECT, mode});
    EXPECT_EQ(result.status, 0) << result.err;
    std::multimap<std::string, std::string> did;
    std::istringstream lines(result.out);
    std::string pid;
    for (std::string what; lines >> what >> pid;) did.emplace(what, pid);
    return did;
  }

  rows select(const std::string& columns, int number, const std::string& rest) const {
    const own_recording recording(file_);
    sqlite::statement statement(recording, ("SELECT " + columns + " FROM " + rest).c_str());
    rows all;
    while (statement.step()) {
      row& one = all.emplace_back();
      for (int i = 0; i < number; ++i) {
        one.push_back(statement.is_null(i) ? "-" : statement.text(i));
      }
    }
    return all;
  }

  // The events of one kind that a process caused.
  rows of(const std::string& pid, const std::string& kind, const std::string& columns,
          int number) const {
    return select(columns, number,
                  "readable WHERE kind = '" + kind + "' AND pid = " + pid + " ORDER BY event");
  }

  std::string one(const std::string& pid, const std::string& kind,
                  const std::string& column) const {
    const rows all = of(pid, kind, column, 1);
    return all.size() == 1 ? all.front().front() : std::to_string(all.size()) + " rows";
  }

  std::int64_t number(const std::string& what, const std::string& from) const {
    return std::stoll(select(what, 1, from).front().front());
  }

  const std::string file_ = path("x.trefoil");
};

TEST_F(RecordLife, TellsWhoWhereAndHow) {
  const auto did = record("life");
  const std::string wide = did.find("wide")->second;
  const std::string cpu = did.find("cpu")->second;
  // Before Linux 6.18 it has no mm any more.
  EXPECT_EQ(of(wide, "task_exit",
               "comm, actor, cpu, CASE WHEN mm IS NULL THEN 1 ELSE mm_users END, subject", 5),
            (rows{{"trefoil-life", "user-exiting", cpu, "1", "0"}}));
  EXPECT_EQ(of(wide, "exit_mmap", "comm, actor, cpu, context, route", 5),
            (rows{{"trefoil-life", "user-exiting", cpu, "task", "do_exit (mmput)"}}));
  EXPECT_EQ(select("comm, actor, mm_users, mm_count", 4,
                   "readable WHERE kind = 'fork' AND subject = " + wide),
            (rows{{"lab_record_subj", "user", "1", "1"}}));
  std::vector<std::string> live;
  const auto [first, last] = did.equal_range("three");
  for (auto thread = first; thread != last; ++thread) {
    live.push_back(one(thread->second, "task_exit", "subject"));
    EXPECT_EQ(one(thread->second, "task_exit", "comm"), "trefoil-life");
  }
  EXPECT_EQ(live, (std::vector<std::string>{"3", "2", "1"}));

  const std::string exec = did.find("wide-exec")->second;
  EXPECT_EQ(of(exec, "exit_mmap", "comm, actor, context, route", 4),
            (rows{{"trefoil-life", "user", "task", "exec (mmput)"},
                  {"true", "user-exiting", "task", "do_exit (mmput)"}}));
}

TEST_F(RecordLife, TellsWhoHasWhichFilesAndSignals) {
  const auto did = record("life");
  const auto has = [&](const std::string& what, const char* column) {
    return one(did.find(what)->second, "task_exit", column);
  };
  for (const char* const column : {"files", "sighand"}) {
    SCOPED_TRACE(column);
    std::set<std::string> all;
    for (const char* const process : {"self", "wide", "wide-exec", "failed-exec", "vfork"}) {
      all.insert(has(process, column));
    }
    EXPECT_EQ(all.size(), 5U);
    EXPECT_FALSE(all.contains("-"));
    const auto [first, last] = did.equal_range("three");
    for (auto thread = first; thread != last; ++thread) {
      EXPECT_EQ(one(thread->second, "task_exit", column), has("wide", column));
    }
  }
  EXPECT_EQ(has("vfork", "mm"), has("self", "mm"));
  EXPECT_EQ(has("shares-files", "files"), has("self", "files"));
  EXPECT_NE(has("shares-files", "sighand"), has("self", "sighand"));
}

TEST_F(RecordLife, TellsHowManyPageTablesAreLeft) {
  const auto did = record("life");
  const auto left_at = [&](const std::string& what, const char* kind) {
    return number("max(bytes)", "page_tables JOIN readable USING (event) WHERE kind = '" +
                                    std::string(kind) + "' AND pid = " + did.find(what)->second);
  };
  EXPECT_GE(left_at("wide", "exit_mm"), 512 * 4096);
  if (kernel_features().has_tracepoint("sched_prepare_exec")) {  // since Linux 6.11
    EXPECT_GE(left_at("wide-exec", "prep_exec"), 512 * 4096);
  }
  EXPECT_LT(left_at("wide-exec", "exit_mm"), 512 * 4096);
}

TEST_F(RecordLife, TellsOfAnExecThatFailed) {
  if (!kernel_features().mm_has_counters()) {
    GTEST_SKIP()
        << "before Linux 6.2 an mm is told of when it has its first holder: this one gets none";
  }
  const auto did = record("life");
  const std::string pid = did.find("failed-exec")->second;
  ASSERT_EQ(of(pid, "mm_alloc", "mm", 1).size(), 1U);
  const std::string mm = one(pid, "mm_alloc", "mm");
  EXPECT_EQ(one(pid, "mm_alloc", "route"), "exec");
  EXPECT_EQ(select("kind, pid", 2, "readable WHERE mm = " + mm + " ORDER BY event"),
            (rows{{"mm_alloc", pid}, {"exit_mmap", pid}, {"mm_free", pid}}));
}

// Threads that are not forked.
TEST_F(RecordLife, TellsTheBirthsOfRings) {
  const auto did = record("life");
  const std::string ended = "readable AS e WHERE kind = 'task_exit' AND comm = 'iou-sqp-" +
                            did.find("sqpoll")->second + "'";
  if (number("count(*)", ended) == 0) GTEST_SKIP() << "no io_uring here";
  EXPECT_EQ(number("count(*)", ended + " AND EXISTS (SELECT 1 FROM readable WHERE kind = "
                                       "'task_alloc' AND task = e.task)"),
            1);
}

TEST_F(RecordLife, IsToldInTheOrderOfACpu) {
  const outcome result = run({"record", "-o", file_, "--", "/bin/sh", "-c",
                              "i=0; while [ $i -lt 300 ]; do (exec /bin/true); i=$((i+1)); done"});
  ASSERT_EQ(result.status, 0) << result.err;
  // An mm is made long before it is entered: known where the task has not changed the CPU between.
  EXPECT_LE(2 * number("count(*)", "readable AS e WHERE kind = 'prep_exec' AND time_ns = (SELECT "
                                   "time_ns FROM readable WHERE kind = 'mm_alloc' AND mm = e.mm)"),
            number("count(*)", "readable WHERE kind = 'prep_exec'"));
  // Nearly all ends explain themselves; a stack is taken for the others, as those that RCU does.
  if (number("preempt_rt", "machine") == 0) {
    EXPECT_LE(20 * number("count(stack)", "last_drop"), number("count(*)", "last_drop"));
  }
  // Where the task that emptied it has left the CPU, a kernel task had it until it was given back.
  const std::string given_back =
      "readable AS e WHERE kind = 'dead_drop' AND actor <> 'user-exiting' AND EXISTS (SELECT 1 "
      "FROM readable WHERE kind = 'exit_mmap' AND mm = e.mm AND cpu = e.cpu AND actor = "
      "'user-exiting')";
  EXPECT_EQ(number("count(*)", given_back),
            number("count(*)", given_back + " AND EXISTS (SELECT 1 FROM readable WHERE kind = "
                                            "'dead_borrow' AND mm = e.mm AND cpu = e.cpu AND "
                                            "event < e.event)"));
  EXPECT_GT(number("count(*)", "readable WHERE kind = 'dead_borrow'"), 0);
  // Each process has its own.
  const std::string leaders =
      "readable WHERE kind = 'task_exit' AND subject = 0 AND mm IS NOT NULL";
  EXPECT_EQ(number("count(DISTINCT files)", leaders), number("count(files)", leaders));
  EXPECT_EQ(number("count(DISTINCT sighand)", leaders), number("count(sighand)", leaders));
}

// A living mm that a CPU has borrowed it gives back, or the mm dies there: seldom.
TEST_F(RecordLife, CountsWhatCpusBorrow) {
  const outcome result = run({"record", "-o", file_, "--", TREFOIL_RECORD_SUBJECT, "lazy"});
  ASSERT_EQ(result.status, 0) << result.err;
  const std::int64_t borrows = number("sum(lazy_borrows)", "recorder_cpu");
  const std::int64_t returns = number("sum(lazy_returns)", "recorder_cpu");
  EXPECT_GE(borrows, 2900);
  EXPECT_LE(std::abs(borrows - returns), borrows / 10) << borrows << ' ' << returns;
}

}  // namespace
}  // namespace trefoil::lab
