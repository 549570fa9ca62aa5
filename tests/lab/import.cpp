// SPDX-License-Identifier: Apache-2.0
// From text to recording: which lives are possible, what is deduced, how a recording is repeated.
#include "lab/tsv/import.hpp"

#include "lab/recording/reader.hpp"
#include "tests/lab/text.hpp"

namespace trefoil::lab {
namespace {

class Import : public files {
 protected:
  // The error without the file's name, which has to come first.
  std::string refused(const std::string& text) {
    const std::string from = write("x.tsv", text);
    const std::string line = error_of([&] { import_tsv(from, path("x.trefoil"), {}); });
    EXPECT_EQ(list(), std::vector<std::string>{"x.tsv"});
    EXPECT_TRUE(line.starts_with(from)) << line;
    return line.substr(from.size());
  }

  machine_facts facts(const std::string& text, const stated_facts& stated = {}) {
    return import_tsv(write("x.tsv", text), path("x.trefoil"), {stated, 1, {}}).machine;
  }
};

TEST_F(Import, RefusesImpossibleLives) {
  const auto twice = [&](const std::string& a, const std::string& b) {
    return refused(header + a + row("5", "oom", "t99") + b);
  };
  EXPECT_EQ(twice(row("1", "mm_alloc", "m1"), row("6", "mm_alloc", "m1")),
            ":4: m1 is allocated again: id reused");
  EXPECT_EQ(twice(row("1", "task_exit", "-", "t1,f1,s1"), row("6", "task_alloc", "t1")),
            ":4: t1 is allocated again: id reused");
  EXPECT_EQ(twice(row("1", "task_exit", "m1", "t1,f1,s1"), row("6", "task_exit", "-", "t1,f1,s1")),
            ":4: t1 exits twice");
  EXPECT_EQ(twice(row("1", "exit_mm", "m1", "t1"), row("6", "exit_mm", "m2", "t1")),
            ":4: t1 gives its mm up twice");
  EXPECT_EQ(twice(row("1", "exit_mmap", "m1"), row("6", "exit_mmap", "m1")),
            ":4: m1 loses its mappings twice");
  EXPECT_EQ(twice(row("1", "mm_free", "m1"), row("6", "mm_free", "m1")), ":4: m1 is freed twice");
  EXPECT_EQ(twice(row("1", "task_free", "t1"), row("6", "task_free", "t1")),
            ":4: t1 is freed twice");
  EXPECT_EQ(twice(row("1", "files_free", "f1"), row("6", "files_free", "f1")),
            ":4: f1 is freed twice");
  EXPECT_EQ(twice(row("1", "sighand_free", "s1"), row("6", "sighand_free", "s1")),
            ":4: s1 is freed twice");
}

// What the parser finds reaches the user unchanged, and nothing is left behind either.
TEST_F(Import, RefusesBadText) {
  EXPECT_EQ(refused(header + row("0", "what", "m1")), ":2: unknown event 'what'");
  EXPECT_EQ(refused("nothing of the kind"),
            ":1: header: column 't_us' is missing: found 'nothing of the kind'");
  EXPECT_EQ(refused(header), ":1: no event follows the header");
  EXPECT_EQ(error_of([&] { import_tsv(path("none.tsv"), path("x.trefoil"), {}); }),
            path("none.tsv") + ": No such file or directory");
}

TEST_F(Import, AcceptsWhatBeganBeforeAndWhatIsLost) {
  const std::string text = header + row("0", "mm_free", "m5") + row("1", "exit_mmap", "m6") +
                           row("2", "task_free", "t4") + row("3", "dead_drop", "m5", "t9") +
                           row("4", "fork", "-", "t10") + row("5", "rcu_put", "t10");
  import_tsv(write("x.tsv", text), path("x.trefoil"), {});
  recording_reader reader(path("x.trefoil"));
  for (event e; reader.next(e);) continue;
  EXPECT_EQ(reader.census().mms(), (population{2, 2, 1}));
  EXPECT_EQ(reader.census().tasks(), (population{3, 3, 2}));
  EXPECT_EQ(reader.census().missing_task_frees(), 1);
  EXPECT_EQ(reader.census().dead_at_end(), 1);
  EXPECT_EQ(reader.census().named_after_free(), 1);
}

TEST_F(Import, KeepsAnOlderFileIfItFails) {
  write("x.trefoil", "older");
  const std::string from = write("x.tsv", header + row("0", "what", "m1"));
  EXPECT_NE(error_of([&] { import_tsv(from, path("x.trefoil"), {}); }), "no error");
  EXPECT_EQ(content(path("x.trefoil")), "older");
  EXPECT_EQ(list().size(), 2U);
  EXPECT_EQ(error_of([&] { import_tsv(from, from, {}); }), from + ": is the file to be imported");
  EXPECT_EQ(error_of([&] { import_tsv(write("y.tsv", one_life()), "/dev/null", {}); }),
            "/dev/null: is there and is not a regular file");
}

TEST_F(Import, LeavesNothingWhenItIsStopped) {
  import_options options;
  options.repeat = 5000;
  options.go_on = [](double) { return false; };
  const std::string from = write("x.tsv", one_life());
  EXPECT_EQ(error_of([&] { import_tsv(from, path("x.trefoil"), options); }),
            from + ": interrupted, nothing written");
  EXPECT_EQ(list(), std::vector<std::string>{"x.tsv"});
}

TEST_F(Import, DeducesWhatTheEventsShow) {
  const machine_facts ordinary = facts(one_life());
  EXPECT_EQ(ordinary.preempt_rt.value, false);
  EXPECT_EQ(ordinary.task_exit.value, exit_event::before);
  EXPECT_EQ(ordinary.kernel.value, std::nullopt);
  EXPECT_EQ(ordinary.source, "x.tsv");

  const machine_facts rt = facts(
      header +
      row("0", "task_exit", "-", "t1,f1,s1", "0\t7\tsh\ttask\tuser-exiting\t-1\t-1\t0\t-") +
      row("1", "mm_free", "m1", "-", "0\t23\trcuc/0\ttask\trcu-kthread\t0\t0\t-1\trcu callback"));
  EXPECT_EQ(rt.preempt_rt.value, true);
  EXPECT_EQ(rt.task_exit.value, exit_event::after);

  const machine_facts nothing = facts(header + row("0", "oom", "t1"));
  EXPECT_EQ(nothing.preempt_rt.value, false);
  EXPECT_TRUE(nothing.preempt_rt.how.starts_with("assumed"));
  EXPECT_EQ(nothing.task_exit.value, std::nullopt);
}

TEST_F(Import, BelievesWhatIsStated) {
  const machine_facts all = facts(one_life(), {"6.12.43-rt", true, exit_event::after, false});
  EXPECT_EQ(all.kernel.value, "6.12.43-rt");
  EXPECT_EQ(all.preempt_rt.value, true);
  EXPECT_EQ(all.task_exit.value, exit_event::after);
  EXPECT_EQ(all.fails_open.value, false);
  EXPECT_EQ(all.fails_open.how, "given");
}

TEST_F(Import, KnowsWhichKernelsFailOpen) {
  const auto open = [](const std::string& kernel) {
    return known_to_fail_open({kernel, "given"}).value;
  };
  EXPECT_EQ(open("6.12.43+deb13-amd64"), true);
  EXPECT_EQ(open("6.12.107"), false);
  EXPECT_EQ(open("6.1.192"), false);
  EXPECT_EQ(open("6.18.44"), false);
  EXPECT_EQ(open("7.2"), false);
  EXPECT_EQ(open("6.18"), std::nullopt);
  EXPECT_EQ(open("6.12.80"), std::nullopt);
  EXPECT_EQ(open("mine"), std::nullopt);
}

TEST_F(Import, RepeatsWithIdsAndTimesOfTheirOwn) {
  const std::string from = write_gzip("x.tsv.gz", one_life());
  import_options options;
  options.repeat = 3;
  EXPECT_EQ(import_tsv(from, path("x.trefoil"), options).events, 36);

  recording_reader reader(path("x.trefoil"));
  ASSERT_EQ(reader.segments().size(), 3U);
  EXPECT_EQ(reader.segments()[1], (segment{13, 24, 10700, 20400}));
  std::vector<event> events;
  for (event e; reader.next(e);) events.push_back(e);
  ASSERT_EQ(events.size(), 36U);
  for (std::size_t i = 0; i < 12; ++i) {
    event later = events[i + 12];
    later.time_ns -= 10700;
    if (later.mm) later.mm = mm_id{later.mm.value() - 2};
    if (later.task) later.task = task_id{later.task.value() - 3};
    if (later.files) later.files = files_id{later.files.value() - 2};
    if (later.sighand) later.sighand = sighand_id{later.sighand.value() - 2};
    EXPECT_EQ(later, events[i]) << i;
  }
  EXPECT_EQ(reader.census().mms(), (population{3, 0, 0}));
  EXPECT_EQ(reader.census().tasks(), (population{6, 3, 3}));  // t2 is only ever switched to
}

TEST_F(Import, RefusesToRepeatBeyondTheIds) {
  const std::string from = write("x.tsv", header + row("0", "mm_alloc", "m3000000000"));
  EXPECT_EQ(error_of([&] {
              import_tsv(from, path("x.trefoil"), {{}, 2, {}});
            }),
            from + ": too long to be repeated 2 times");
  EXPECT_EQ(list(), std::vector<std::string>{"x.tsv"});
}

}  // namespace
}  // namespace trefoil::lab
