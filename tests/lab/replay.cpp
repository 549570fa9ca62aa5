// SPDX-License-Identifier: Apache-2.0
// Replay against what kernels did: the samples, samples that were tampered with, and small lives.
#include "lab/replay/replay.hpp"

#include "lab/tsv/import.hpp"
#include "tests/lab/text.hpp"

#include <map>
#include <random>
#include <set>
#include <sstream>

namespace trefoil::lab {
namespace {

// ---- recordings as text --------------------------------------------------------------------------

using fields = std::vector<std::string>;
enum column { t_us, kind, obj, aux, cpu, pid, comm, ctx, who, users, count, subj, route };

std::string unzipped(const std::string& file) {
  std::string text;
  const gzFile from = gzopen(file.c_str(), "rb");
  std::vector<char> buffer(1 << 16);
  for (int n = 0; (n = gzread(from, buffer.data(), 1 << 16)) > 0;) {
    text.append(buffer.data(), static_cast<std::size_t>(n));
  }
  gzclose(from);
  return text;
}

std::vector<fields> rows_of(const std::string& text) {
  std::vector<fields> rows;
  std::istringstream lines(text);
  std::string line;
  std::getline(lines, line);
  while (std::getline(lines, line)) {
    fields row;
    std::istringstream cells(line);
    for (std::string cell; std::getline(cells, cell, '\t');) row.push_back(cell);
    rows.push_back(row);
  }
  return rows;
}

std::string text_of(const std::vector<fields>& rows) {
  std::string text = header;
  for (const fields& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) text += (i == 0 ? "" : "\t") + row[i];
    text += '\n';
  }
  return text;
}

std::int64_t deferrals(const design_figures& f) {
  std::int64_t all = 0;
  for (const std::int64_t n : f.deferred) all += n;
  return all;
}

std::int64_t disagreements(const truth_figures& t) {
  std::int64_t all = 0;
  for (const auto& [cause, n] : t.disagree) all += n;
  return all;
}

class Replay : public files {
 protected:
  replay_result of_text(const std::string& text, stated_facts stated = {},
                        std::int64_t repeat = 1) {
    import_tsv(write("x.tsv", text), path("x.trefoil"), {std::move(stated), repeat, {}});
    return replay(path("x.trefoil"), {});
  }
  static const design_figures& under(const replay_result& r, std::string_view id) {
    for (const design_figures& f : r.designs) {
      if (f.design->id == id) return f;
    }
    throw std::runtime_error("no such design");
  }
};

// ---- the samples ---------------------------------------------------------------------------------

struct expectation {
  const char* sample;
  std::int64_t deferred;  // by the kernel, as its own mm_frees tell
};

class Samples : public Replay, public ::testing::WithParamInterface<expectation> {
 protected:
  static std::string text() {
    return unzipped(std::string(TREFOIL_SAMPLES "/") + GetParam().sample + ".tsv.gz");
  }
  // Address spaces whose mappings go in the file, and that end in it by somebody we can see.
  static std::set<std::string> seen_to_die(const std::vector<fields>& rows) {
    std::set<std::string> dying;
    std::set<std::string> dead;
    for (const fields& r : rows) {
      if (r[kind] == "exit_mmap") dying.insert(r[obj]);
      const bool close = r[route].find("/proc") != std::string::npos;
      if (r[kind] == "mm_free" && dying.contains(r[obj]) && !close) dead.insert(r[obj]);
    }
    return dead;
  }
};

TEST_P(Samples, EveryLastDropIsPredicted) {
  const std::vector<fields> rows = rows_of(text());
  const replay_result r = of_text(text_of(rows));
  EXPECT_EQ(r.truth.agree, r.truth.mms);
  EXPECT_EQ(disagreements(r.truth), 0);
  // Whoever is not compared was inferred: nobody is left out.
  const auto ends = static_cast<std::int64_t>(std::count_if(rows.begin(), rows.end(), [&](auto& f) {
    return f[kind] == "mm_free" && std::any_of(rows.begin(), rows.end(), [&](auto& e) {
             return e[kind] == "exit_mmap" && e[obj] == f[obj];
           });
  }));
  EXPECT_EQ(r.truth.mms + r.truth.inferred, ends);
  EXPECT_EQ(deferrals(under(r, "two-counts")), GetParam().deferred);
  // What was handed over took a time that the file shows: of a kworker, or of RCU on PREEMPT_RT.
  EXPECT_EQ(r.worker_delay_seen || r.rcu_delay_seen, GetParam().deferred > 0);
  EXPECT_EQ(r.rcu_delay_seen, r.facts.preempt_rt.value.value_or(false));
}

TEST_P(Samples, DesignsDifferAsTheyShould) {
  const replay_result r = of_text(text());
  const design_figures& two = under(r, "two-counts");
  const design_figures& with_exit_mm = under(r, "two-counts-exit-mm");
  const design_figures& three = under(r, "three-counts");
  const design_figures& reversed = under(r, "reversed");
  const design_figures& exec_state = under(r, "exec-state");
  EXPECT_GT(two.fail_open_ns.count, 0U);
  for (const design_figures* f : {&with_exit_mm, &three, &reversed, &exec_state}) {
    EXPECT_EQ(f->fail_open_ns.count, 0U) << f->design->id;
  }
  EXPECT_GE(two.pgd_byte_seconds_dead, three.pgd_byte_seconds_dead);
  EXPECT_GE(three.pgd_byte_seconds_dead, reversed.pgd_byte_seconds_dead);
  EXPECT_LE(deferrals(three), deferrals(two));
  EXPECT_EQ(two.identity_byte_seconds, 0);
  EXPECT_GT(reversed.identity_byte_seconds, 0);
  EXPECT_EQ(deferrals(exec_state), deferrals(two));
  EXPECT_EQ(exec_state.pgd_byte_seconds_dead, two.pgd_byte_seconds_dead);
  EXPECT_LT(two.atomic_operations_per_process, exec_state.atomic_operations_per_process);
  // The parts are the whole.
  for (const design_figures& f : r.designs) {
    double parts = f.pgd_byte_seconds_held_at_end;
    for (const double part : f.pgd_byte_seconds_dead_by) parts += part;
    EXPECT_NEAR(parts, f.pgd_byte_seconds_dead, 1e-6 * f.pgd_byte_seconds_dead) << f.design->id;
    double means = f.dead_mean_held_at_end;
    for (const double mean : f.dead_mean_by) means += mean;
    EXPECT_NEAR(means, f.dead_mean, 1e-6 * f.dead_mean) << f.design->id;
    std::int64_t peaks = f.dead_peak_held_at_end;
    for (const std::int64_t peak : f.dead_peak_by) {
      EXPECT_LE(peak, f.dead_peak) << f.design->id;
      peaks += peak;
    }
    EXPECT_LE(f.dead_peak_held_at_end, f.dead_peak) << f.design->id;
    EXPECT_GE(peaks, f.dead_peak) << f.design->id;
  }
}

TEST_P(Samples, AnEndAfterTheTasksNextEventIsNoAgreement) {
  std::vector<fields> rows = rows_of(text());
  const std::set<std::string> all = seen_to_die(rows);
  const truth_figures honest = of_text(text_of(rows)).truth;
  std::mt19937 random(4711);
  std::int64_t moved = 0;
  std::vector<std::pair<std::size_t, std::size_t>> moves;  // from, behind
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const fields& end = rows[i];
    // A worker's next event may be another end, or be left out as one of RCU: not for this test.
    const bool by_worker = end[who] == "kworker" || end[who] == "rcu-kthread";
    if (end[kind] != "mm_free" || by_worker || !all.contains(end[obj]) || random() % 10 != 0) {
      continue;
    }
    for (std::size_t k = i + 1; k < rows.size(); ++k) {
      const fields& e = rows[k];
      const bool interrupt = e[kind] == "rcu_put" || e[kind] == "task_free" || e[ctx] == "softirq";
      if (e[pid] != end[pid] || interrupt) continue;
      moves.emplace_back(i, k);
      break;
    }
  }
  std::vector<fields> tampered;
  std::map<std::size_t, std::vector<std::size_t>> behind;
  std::set<std::size_t> away;
  for (const auto& [from, to] : moves) {
    behind[to].push_back(from);
    away.insert(from);
    ++moved;
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (away.contains(i)) continue;
    // What goes behind something that goes away goes behind what that goes behind.
    std::vector<std::size_t> now{i};
    for (std::size_t at = 0; at < now.size(); ++at) {
      fields row = rows[now[at]];
      row[t_us] = rows[i][t_us];
      tampered.push_back(row);
      const auto more = behind.find(now[at]);
      if (more != behind.end()) now.insert(now.end(), more->second.begin(), more->second.end());
    }
  }
  const truth_figures found = of_text(text_of(tampered)).truth;
  EXPECT_EQ(honest.agree - found.agree, disagreements(found));
  EXPECT_EQ(found.mms, honest.mms);
  // Some of those that were inferred may be among the moved.
  EXPECT_LE(disagreements(found), moved);
  EXPECT_GE(disagreements(found) + honest.inferred, moved);
  EXPECT_TRUE(moved > 0 || all.size() < 20);
}

TEST_P(Samples, AHolderThatNeverLetsGoIsNoAgreement) {
  const std::vector<fields> rows = rows_of(text());
  const bool switches =
      std::any_of(rows.begin(), rows.end(), [](const fields& r) { return r[kind] == "switch"; });
  if (switches) GTEST_SKIP() << "the switches tell the same";
  const truth_figures honest = of_text(text_of(rows)).truth;
  const std::set<std::string> all = seen_to_die(rows);
  std::set<std::string> dead;
  std::mt19937 random(4712);
  std::vector<fields> tampered;
  std::int64_t deleted = 0;
  for (const fields& r : rows) {
    if (r[kind] == "exit_mmap") dead.insert(r[obj]);
    const bool last = r[kind] == "dead_drop" && r[count] == "1" && dead.contains(r[obj]);
    if (last && all.contains(r[obj]) && random() % 10 == 0) {
      ++deleted;
      continue;
    }
    tampered.push_back(r);
  }
  const truth_figures found = of_text(text_of(tampered)).truth;
  EXPECT_LE(honest.agree - found.agree, deleted);
  EXPECT_GE(honest.agree - found.agree + honest.inferred, deleted);
  EXPECT_GT(deleted, 0);
}

TEST_P(Samples, TwiceIsTwiceAndTheSameEachTime) {
  const std::string all = text();
  const replay_result once = of_text(all);
  const replay_result again = of_text(all);
  const replay_result twice = of_text(all, {}, 2);
  for (std::size_t i = 0; i < once.designs.size(); ++i) {
    const design_figures& a = once.designs[i];
    const design_figures& b = again.designs[i];
    const design_figures& c = twice.designs[i];
    EXPECT_EQ(a.deferred, b.deferred);
    EXPECT_EQ(a.dead_mean, b.dead_mean);
    EXPECT_EQ(a.pgd_byte_seconds_dead_by, b.pgd_byte_seconds_dead_by);
    EXPECT_EQ(a.atomic_operations_per_process, b.atomic_operations_per_process);
    for (std::size_t k = 0; k < a.deferred.size(); ++k) {
      EXPECT_EQ(2 * a.deferred[k], c.deferred[k]);
    }
    EXPECT_EQ(a.dead_peak, c.dead_peak);
    EXPECT_NEAR(2 * a.identity_byte_seconds, c.identity_byte_seconds, 1e-6);
    EXPECT_EQ(2 * a.fail_open_ns.count, c.fail_open_ns.count);
  }
  EXPECT_EQ(2 * once.truth.agree, twice.truth.agree);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
const auto samples =
    ::testing::Values(expectation{"lua-build", 0}, expectation{"oom", 10});  // slow
#else
const auto samples = ::testing::Values(expectation{"fork", 0}, expectation{"lua-build", 0},
                                       expectation{"nginx-switch", 0}, expectation{"oom", 10},
                                       expectation{"preempt-rt", 514}, expectation{"procscan", 0},
                                       expectation{"threads", 0});
#endif

INSTANTIATE_TEST_SUITE_P(All, Samples, samples, [](const auto& one) {
  std::string name = one.param.sample;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

// ---- small lives ---------------------------------------------------------------------------------

const std::string by_parent = "0\t7\tsh\ttask\tuser\t-1\t-1\t-1\t";

TEST_F(Replay, OneLife) {
  const replay_result r = of_text(one_life());
  EXPECT_EQ(r.events, 12);
  EXPECT_EQ(r.duration_ns, 9700);
  EXPECT_EQ(r.processes_ended, 1);
  EXPECT_EQ(r.truth.mms, 1);
  EXPECT_EQ(r.truth.agree, 1);
  const design_figures& two = under(r, "two-counts");
  // Dead from 9.2 to 9.4 us of 9.7.
  EXPECT_NEAR(two.dead_mean, 0.2 / 9.7, 1e-9);
  EXPECT_EQ(two.dead_peak, 1);
  EXPECT_NEAR(two.pgd_byte_seconds_dead, 4096 * 0.2e-6, 1e-12);
  // mm cleared at 9.1, files freed at 9.3; but those are another task's.
  EXPECT_EQ(two.fail_open_ns.count, 0U);
  const design_figures& reversed = under(r, "reversed");
  EXPECT_NEAR(reversed.identity_byte_seconds, 1600 * 0.3e-6, 1e-12);
  // Patch 1 alone: the task keeps the page directory until its free, in a softirq.
  const design_figures& with_exit_mm = under(r, "two-counts-exit-mm");
  EXPECT_EQ(with_exit_mm.deferred[1], 1);
  EXPECT_NEAR(with_exit_mm.pgd_byte_seconds_dead, 4096 * 0.5e-6, 1e-12);
}

TEST_F(Replay, OnlyTheDesignsAskedFor) {
  import_tsv(write("x.tsv", one_life()), path("x.trefoil"), {});
  replay_options options;
  options.designs = {machine::find_design("reversed")};
  const replay_result r = replay(path("x.trefoil"), options);
  ASSERT_EQ(r.designs.size(), 1U);
  EXPECT_EQ(r.designs.front().design->id, "reversed");
  EXPECT_EQ(r.truth.agree, 1);  // the recorded design is played all the same
}

TEST_F(Replay, TheSizesAreOptions) {
  import_tsv(write("x.tsv", one_life()), path("x.trefoil"), {});
  replay_options options;
  options.page_directory_bytes = 8192;
  options.identity_bytes = 256;
  const replay_result r = replay(path("x.trefoil"), options);
  EXPECT_NEAR(under(r, "two-counts").pgd_byte_seconds_dead, 8192 * 0.2e-6, 1e-12);
  EXPECT_NEAR(under(r, "reversed").identity_byte_seconds, 256 * 0.3e-6, 1e-12);
}

// A kernel before 6.11: no prep_exec, no exit_mm, task_exit after it.
TEST_F(Replay, AnOlderKernel) {
  const std::string child = "1\t8\tsh\ttask\tuser\t-1\t-1\t-1\t";
  const std::string leaving = "1\t8\tsh\ttask\tuser-exiting\t";
  const replay_result r = of_text(
      header + row("0.0", "task_alloc", "t1") +
          row("1.0", "mm_alloc", "m1", "-", by_parent + "fork") +
          row("2.0", "fork", "m1", "t1", "0\t7\tsh\t-\tuser\t1\t1\t8\t-") +
          row("3.0", "mm_alloc", "m2", "-", child + "exec") +
          row("4.0", "exit_mmap", "m1", "-", "1\t8\tsh\ttask\tuser\t0\t1\t-1\texec (mmput)") +
          row("4.1", "mm_free", "m1", "-", "1\t8\tsh\ttask\tuser\t0\t0\t-1\texec (mmput)") +
          row("4.2", "exec", "m2", "t1", "1\t8\ttrue\t-\tuser\t-1\t-1\t-1\t-") +
          row("5.0", "exit_mmap", "m2", "-", leaving + "0\t2\t-1\tdo_exit (mmput)") +
          row("5.5", "task_exit", "-", "t1,f1,s1", leaving + "-1\t-1\t0\t-") +
          row("6.0", "files_free", "f1", "-", leaving + "-1\t-1\t-1\t-") +
          row("7.0", "dead_drop", "m2", "t9", "1\t8\ttrue\t-\tuser-exiting\t0\t1\t7\t-") +
          row("7.1", "mm_free", "m2", "-", "1\t7\tsh\ttask\tuser\t0\t0\t-1\tcontext-switch"),
      {"6.1.150", {}, exit_event::after, {}});
  EXPECT_EQ(r.truth.mms, 2);
  EXPECT_EQ(r.truth.agree, 2);
  EXPECT_EQ(r.oddities.strangers, 0);
  EXPECT_EQ(r.oddities.unseen_users, 0);
  const design_figures& two = under(r, "two-counts");
  EXPECT_NEAR(two.pgd_byte_seconds_dead, 4096 * 2.0e-6, 1e-11);
  EXPECT_EQ(two.fail_open_ns.count, 1U);
  EXPECT_EQ(two.fail_open_ns.max, 1000U);
  EXPECT_EQ(under(r, "exec-state").fail_open_ns.count, 0U);
}

// A reader of /proc has the last reference to the mappings.
TEST_F(Replay, AUserThatTheRecordingDoesNotShow) {
  const std::string leaving = "1\t8\tsh\ttask\tuser-exiting\t";
  const replay_result r =
      of_text(header + row("0.0", "task_alloc", "t1") +
              row("1.0", "mm_alloc", "m1", "-", by_parent + "fork") +
              row("2.0", "fork", "m1", "t1", "0\t7\tsh\t-\tuser\t1\t1\t8\t-") +
              row("3.0", "task_exit", "m1", "t1,f1,s1", leaving + "2\t1\t0\t-") +
              row("3.1", "exit_mm", "m1", "t1", leaving + "2\t2\t-1\t-") +
              row("3.5", "files_free", "f1", "-", leaving + "-1\t-1\t-1\t-") +
              row("3.6", "task_alloc", "t2") +
              row("4.0", "exit_mmap", "m1", "-", "0\t7\tps\ttask\tuser\t0\t2\t-1\tread (mmput)") +
              row("4.2", "dead_drop", "m1", "t9", "1\t8\tsh\t-\tuser-exiting\t0\t1\t7\t-") +
              row("4.3", "mm_free", "m1", "-", "1\t7\tps\ttask\tuser\t0\t0\t-1\tcontext-switch"));
  EXPECT_EQ(r.truth.agree, 1);
  EXPECT_EQ(disagreements(r.truth), 0);
  EXPECT_NEAR(under(r, "two-counts").pgd_byte_seconds_dead, 4096 * 0.2e-6, 1e-12);
  EXPECT_EQ(under(r, "two-counts").fail_open_ns.max, 400U);
}

// An open /proc/PID/mem: known from mm_count alone, and from the end that its close brings about.
TEST_F(Replay, AStructOnlyHolderIsInferred) {
  const std::string leaving = "1\t8\tsh\ttask\tuser-exiting\t";
  const replay_result r = of_text(
      header + row("0.0", "task_alloc", "t1") +
      row("1.0", "mm_alloc", "m1", "-", by_parent + "fork") +
      row("2.0", "fork", "m1", "t1", "0\t7\tsh\t-\tuser\t1\t1\t8\t-") +
      row("3.0", "task_exit", "m1", "t1,f1,s1", leaving + "1\t2\t0\t-") +
      row("3.1", "exit_mm", "m1", "t1", leaving + "1\t3\t-1\t-") +
      row("3.2", "exit_mmap", "m1", "-", leaving + "0\t3\t-1\tdo_exit (mmput)") +
      row("3.4", "dead_drop", "m1", "t9", "1\t8\tsh\t-\tuser-exiting\t0\t2\t7\t-") +
      row("8.2", "mm_free", "m1", "-", "0\t9\tps\ttask\tuser\t0\t0\t-1\tclose /proc/PID/mem"));
  EXPECT_EQ(r.truth.mms, 0);
  EXPECT_EQ(r.truth.inferred, 1);
  EXPECT_EQ(r.oddities.strangers, 1);
  const auto proc = static_cast<std::size_t>(machine::holder::proc_handle);
  EXPECT_NEAR(under(r, "two-counts").pgd_byte_seconds_dead_by[proc], 4096 * 5.0e-6, 1e-11);
  // There it keeps the struct alone, and the CPU is the last that wants the page directory.
  EXPECT_NEAR(under(r, "reversed").pgd_byte_seconds_dead, 4096 * 0.2e-6, 1e-12);
  EXPECT_NEAR(under(r, "reversed").identity_byte_seconds, 1600 * 4.8e-6, 1e-11);
}

// What a CPU does with it lies beyond the view, so mm_count tells of a stranger first; the stranger
// turns out to be that CPU, by giving it back or by taking it from one kernel task to the next.
TEST_F(Replay, AStrangerTurnsOutToBeALazyCpu) {
  const std::string leaving = "1\t8\tsh\ttask\tuser-exiting\t";
  const std::string idle = "2\t0\tswapper/2\t-\tidle\t0\t";
  std::string text = header + row("0.0", "task_alloc", "t1") +
                     row("1.0", "mm_alloc", "m1", "-", by_parent + "fork") +
                     row("2.0", "fork", "m1", "t1", "0\t7\tsh\t-\tuser\t1\t1\t8\t-") +
                     row("3.0", "task_exit", "m1", "t1,f1,s1", leaving + "1\t2\t0\t-") +
                     row("3.1", "exit_mm", "m1", "t1", leaving + "1\t3\t-1\t-") +
                     row("3.2", "exit_mmap", "m1", "-", leaving + "0\t3\t-1\tdo_exit (mmput)") +
                     row("3.4", "dead_drop", "m1", "t9", "1\t8\tsh\t-\tuser-exiting\t0\t2\t7\t-");
  for (int i = 0; i < 20; ++i) {
    text += row("4." + std::to_string(10 + i), "task_alloc", "t" + std::to_string(100 + i));
  }
  const std::string borrowed = row("5.0", "dead_borrow", "m1", "t9", idle + "1\t9\t-");
  const std::string end =
      row("6.0", "dead_drop", "m1", "t9", idle + "1\t7\t-") +
      row("6.2", "mm_free", "m1", "-", "2\t7\tsh\ttask\tuser\t0\t0\t-1\tcontext-switch");
  for (const std::string& rest : {end, borrowed + end}) {
    import_tsv(write("x.tsv", text + rest), path("x.trefoil"), {});
    for (const std::size_t view : {std::size_t{4}, lookahead::default_reach}) {
      replay_options options;
      options.view = view;
      const replay_result r = replay(path("x.trefoil"), options);
      EXPECT_EQ(r.truth.mms, 1) << view;
      EXPECT_EQ(r.truth.agree, 1) << view;
      EXPECT_EQ(r.oddities.strangers, 0) << view;
      EXPECT_EQ(r.left_over, 0) << view;
      const auto cpu = static_cast<std::size_t>(machine::holder::lazy_cpu);
      EXPECT_NEAR(under(r, "two-counts").pgd_byte_seconds_dead_by[cpu], 4096 * 2.8e-6, 1e-11);
    }
  }
}

// Two threads, one of them an OOM victim: the group keeps the mm until its last task is freed.
TEST_F(Replay, AnOomVictimWithThreads) {
  const auto leaving = [](const char* pid) {
    return std::string("1\t") + pid + "\tsh\ttask\tuser-exiting\t";
  };
  const std::string softirq = "0\t0\tswapper/0\tsoftirq\tidle\t-1\t-1\t-1\trcu callback";
  const std::string put = "0\t0\tswapper/0\t-\tidle\t-1\t1\t8\t-";
  const replay_result r = of_text(
      header + row("0.0", "task_alloc", "t1") +
      row("1.0", "mm_alloc", "m1", "-", by_parent + "fork") +
      row("2.0", "fork", "m1", "t1", "0\t7\tsh\t-\tuser\t1\t1\t8\t-") +
      row("2.5", "task_alloc", "t2", "-", "1\t8\tsh\t-\tuser\t-1\t-1\t-1\t-") +
      row("2.6", "fork", "m1", "t2", "1\t8\tsh\t-\tuser\t2\t1\t9\t-") + row("3.0", "oom", "t1") +
      row("4.0", "task_exit", "m1", "t2,f1,s1", leaving("9") + "2\t2\t1\t-") +
      row("4.1", "exit_mm", "m1", "t2", leaving("9") + "2\t3\t-1\t-") +
      row("4.2", "task_exit", "m1", "t1,f1,s1", leaving("8") + "1\t3\t0\t-") +
      row("4.3", "exit_mm", "m1", "t1", leaving("8") + "1\t3\t-1\t-") +
      row("4.4", "exit_mmap", "m1", "-", leaving("8") + "0\t3\t-1\tdo_exit (mmput)") +
      row("4.6", "dead_drop", "m1", "t9", "1\t8\tsh\t-\tuser-exiting\t0\t2\t7\t-") +
      row("4.7", "sighand_free", "s1") + row("5.0", "rcu_put", "t1", "-", put) +
      row("5.0", "task_free", "t1", "-", softirq) + row("5.5", "rcu_put", "t2", "-", put) +
      row("5.6", "task_free", "t2", "-", softirq) +
      row("5.9", "mm_free", "m1", "-",
          "0\t22\tkworker/0:1\ttask\tkworker\t0\t0\t-1\tworkqueue (tail call: mmdrop_async_fn)"));
  EXPECT_EQ(r.truth.agree, 1);
  EXPECT_EQ(disagreements(r.truth), 0);
  EXPECT_TRUE(r.worker_delay_seen);
  const design_figures& two = under(r, "two-counts");
  EXPECT_EQ(two.deferred[1], 1);
  EXPECT_EQ(two.deferred_wait_ns.count, 1U);
  EXPECT_EQ(under(r, "three-counts").deferred[1], 0);
  EXPECT_NEAR(under(r, "three-counts").pgd_byte_seconds_dead, 4096 * 0.2e-6, 1e-12);
  EXPECT_EQ(r.processes_ended, 1);
}

TEST_F(Replay, AnExecThatFails) {
  const replay_result r = of_text(
      one_life() + row("10.0", "mm_alloc", "m2", "-", by_parent + "exec") +
      row("11.0", "mm_free", "m2", "-", by_parent + "exec") +
      row("12.0", "mm_alloc", "m3", "-", by_parent + "fork") + row("13.0", "rcu_put", "t9"));
  EXPECT_EQ(r.truth.agree, 1);
  EXPECT_EQ(disagreements(r.truth), 0);
  EXPECT_EQ(r.oddities.outliving_mms, 1);
}

// What one lost event breaks is one comparison, not those after it.
TEST_F(Replay, OneLostEventDoesNotSpread) {
  std::string text = header;
  for (int i = 0; i < 20; ++i) {
    const std::string life = one_life().substr(header.size());
    for (fields& r :
         [&] {
           static std::vector<fields> rows;
           rows = rows_of(header + life);
           return std::ref(rows);
         }()
             .get()) {
      r[t_us] = std::to_string(i) + r[t_us];  // 9.1, 19.1, 29.1 ...
      for (const column c : {obj, aux}) {
        std::istringstream parts(r[c]);
        std::string renamed;
        for (std::string part; std::getline(parts, part, ',');) {
          renamed += (renamed.empty() ? "" : ",") + part + (part == "-" ? "" : std::to_string(i));
        }
        r[c] = renamed;
      }
      if (i == 7 && r[kind] == "dead_drop") continue;
      text += text_of({r}).substr(header.size());
    }
  }
  const replay_result r = of_text(text);
  EXPECT_EQ(r.truth.agree, 19);
  EXPECT_EQ(r.truth.mms + r.truth.inferred, 20);
}

// ---- what cannot be replayed ---------------------------------------------------------------------

TEST_F(Replay, RefusesWhatIsNoRecording) {
  EXPECT_NE(error_of([&] { replay(path("none"), {}); }), "no error");
  EXPECT_NE(error_of([&] { replay(write("x", "what"), {}); }), "no error");
}

TEST_F(Replay, CanBeStopped) {
  import_tsv(std::string(TREFOIL_SAMPLES "/fork.tsv.gz"), path("x.trefoil"), {});
  replay_options options;
  options.go_on = [](double) { return false; };
  EXPECT_EQ(error_of([&] { replay(path("x.trefoil"), options); }),
            path("x.trefoil") + ": interrupted");
}

}  // namespace
}  // namespace trefoil::lab
