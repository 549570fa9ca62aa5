// SPDX-License-Identifier: Apache-2.0
// What the recorder learns of a kernel from what that says about itself: kernels that do not run here.
#include "lab/record/bpf_programs.hpp"
#include "lab/record/kernel_features.hpp"
#include "lab/record/kernel_symbols.hpp"
#include "lab/record/machine_of.hpp"
#include "lab/record/program_choice.hpp"
#include "lab/record/program_figures.hpp"
#include "tests/lab/kernel_types.hpp"
#include "tests/lab/text.hpp"

#include <array>

namespace trefoil::lab {
namespace {

// --- types ---

TEST(RecordKernelTypes, TellWhatATracepointTakes) {
  kernel_types all;
  const int task = all.pointer(all.constant(all.structure("task_struct")));
  all.tracepoint("mark_victim", {task, all.integer()});
  all.tracepoint("old_mark_victim", {all.integer()});
  all.structure("btf_trace_structure");
  const kernel_features kernel = all.kernel();
  EXPECT_TRUE(kernel.has_tracepoint("mark_victim"));
  EXPECT_FALSE(kernel.has_tracepoint("mark"));
  EXPECT_FALSE(kernel.has_tracepoint("structure")) << "a type of that name is no tracepoint";
  EXPECT_TRUE(kernel.tracepoint_takes("mark_victim", 0, "task_struct"));
  EXPECT_FALSE(kernel.tracepoint_takes("mark_victim", 0, "mm_struct"));
  EXPECT_FALSE(kernel.tracepoint_takes("mark_victim", 1, "task_struct"));
  EXPECT_FALSE(kernel.tracepoint_takes("mark_victim", 2, "task_struct")) << "it has two";
  EXPECT_FALSE(kernel.tracepoint_takes("old_mark_victim", 0, "task_struct"));
  EXPECT_FALSE(kernel.tracepoint_takes("no_such_tracepoint", 0, "task_struct"));
}

TEST(RecordKernelTypes, FindMembersOfStructuresWithoutAName) {
  kernel_types all;
  const int inner = all.structure("", {{"mm_users", all.integer()}});
  const int other = all.structure("named", {{"hidden", all.integer()}});
  all.structure("mm_struct", {{"", inner}, {"named", other}});
  const kernel_features kernel = all.kernel();
  EXPECT_TRUE(kernel.has_field("mm_struct", "mm_users"));
  EXPECT_TRUE(kernel.has_field("mm_struct", "named"));
  EXPECT_FALSE(kernel.has_field("mm_struct", "hidden"));
  EXPECT_FALSE(kernel.has_field("mm_struct", "mm_count"));
  EXPECT_FALSE(kernel.has_field("task_struct", "mm_users"));
}

TEST(RecordKernelTypes, TellWhetherAnMmHasCountersForEachCpu) {
  const auto has_counters = [](bool an_array, const std::string& of) {
    kernel_types all;
    const int counter = all.structure(of);
    all.structure("mm_struct", {{"rss_stat", an_array ? all.array(counter) : counter}});
    return all.kernel().mm_has_counters();
  };
  EXPECT_TRUE(has_counters(true, "percpu_counter"));
  EXPECT_FALSE(has_counters(true, "atomic_long_t"));
  EXPECT_FALSE(has_counters(false, "mm_rss_stat"));  // before Linux 6.2
  EXPECT_FALSE(kernel_types().kernel().mm_has_counters());
}

// --- which programs they get ---

TEST(RecordProgramsOf, AKernelWhoseOomTellsThePidAlone) {
  const auto loads_it = [](bool tells_the_task) {
    kernel_types all;
    all.tracepoint("mark_victim",
                   {tells_the_task ? all.pointer(all.structure("task_struct")) : all.integer()});
    const kernel_features kernel = all.kernel();
    const program_choice chosen(kernel, {});
    const auto lines = chosen.missing();
    const bool said = std::any_of(lines.begin(), lines.end(), [](const std::string& line) {
      return line == "no tracepoint mark_victim here, so not recorded: oom";
    });
    EXPECT_NE(said, tells_the_task);
    return chosen.loads("mark_victim");
  };
  EXPECT_TRUE(loads_it(true));
  EXPECT_FALSE(loads_it(false));  // before Linux 6.9
}

TEST(RecordProgramsOf, AKernelWhoseSlabTellsItsNameAlone) {
  const auto tells_cache = [](const std::string& structure) {
    kernel_types all;
    const int address = all.pointer(0);
    all.tracepoint("kmem_cache_free", {address, address, all.pointer(all.structure(structure))});
    const kernel_features kernel = all.kernel();
    return program_choice(kernel, {}).free_tells_cache();
  };
  EXPECT_TRUE(tells_cache("kmem_cache"));
  EXPECT_FALSE(tells_cache("something_else"));
}

TEST(RecordProgramsOf, AKernelWithoutUserWorkers) {
  const auto has_them = [](const std::string& structure) {
    kernel_types all;
    all.structure(structure);
    const kernel_features kernel = all.kernel();
    return program_choice(kernel, {}).has_user_workers();
  };
  EXPECT_TRUE(has_them("vhost_task"));
  EXPECT_FALSE(has_them("something_else"));  // before Linux 6.4
}

TEST(RecordProgramsOf, AKernelThatCountsItsMmsWithoutCounters) {
  kernel_types all;
  for (const char* one : {"percpu_alloc_percpu", "percpu_free_percpu", "exit_mmap",
                          "kmem_cache_free", "sched_process_fork"}) {
    all.tracepoint(one);
  }
  const kernel_features kernel = all.kernel();
  const program_choice chosen(kernel, {});
  EXPECT_FALSE(chosen.by_counters());
  EXPECT_FALSE(chosen.loads("percpu_free_percpu"));
  EXPECT_TRUE(chosen.loads("kmem_cache_free"));
  EXPECT_FALSE(chosen.has_prepare_exec());
}

// --- symbols ---

class RecordSymbols : public files {
 protected:
  kernel_symbols of(const std::string& text) const {
    return kernel_symbols::read(write("kallsyms", text));
  }
};

TEST_F(RecordSymbols, AreFunctionsWithoutTheSuffixesOfCompilers) {
  const kernel_symbols all = of("ffffffff81000300 t third.part.0.cold\n"
                                "ffffffff81000100 T first\n"
                                "ffffffff81000200 t second.constprop.0.isra.0\n"
                                "ffffffff81000280 d data\n"
                                "ffffffffc0000100 t of_a_module\t[kvm]\n"
                                "ffffffffc0000200 t another.llvm.42\t[kvm]\n"
                                "not a line of it\n");
  EXPECT_FALSE(all.empty());
  EXPECT_EQ(all.at(0xffffffff81000100), "first");
  EXPECT_EQ(all.at(0xffffffff810001ff), "first");
  EXPECT_EQ(all.at(0xffffffff81000200), "second");
  EXPECT_EQ(all.at(0xffffffff810002ff), "second") << "data is no function";
  EXPECT_EQ(all.at(0xffffffff81000300), "third");
  EXPECT_EQ(all.at(0xffffffffc0000108), "of_a_module");
  EXPECT_EQ(all.at(0xffffffffc0000208), "another");
  EXPECT_EQ(all.at(0xffffffff810000ff), "") << "before all of them";
  EXPECT_EQ(all.at(0xffffffff91000000), "") << "far behind any";
}

TEST_F(RecordSymbols, AreNoneWhereTheKernelHidesThem) {
  EXPECT_TRUE(of("0000000000000000 T first\n0000000000000000 d __preempt_count\n").empty());
  EXPECT_TRUE(kernel_symbols::read(path("not there")).empty());
}

TEST_F(RecordSymbols, TellWhereThePreemptCountIs) {
  EXPECT_EQ(of("ffffffff81000100 T first\n").preempt_count(), preempt_count_in::nowhere);
  const kernel_symbols old = of("ffffffff81000100 D __preempt_count\n");
  EXPECT_EQ(old.preempt_count(), preempt_count_in::own_variable);
  EXPECT_EQ(old.hardirq_bits(), in_hardirq);
  EXPECT_EQ(of("0000000000000000 D pcpu_hot\n").preempt_count(), preempt_count_in::pcpu_hot);
  EXPECT_EQ(of("ffffffff81000100 D local_interrupt_disable_state\n").hardirq_bits(),
            in_hardirq_above_disables);
}

// --- the machine ---

class RecordMachineOf : public ::testing::Test {
 protected:
  machine_facts of(const kernel_name& name, bool has_the_fix) {
    kernel_types all;
    if (has_the_fix) {
      all.structure("task_struct", {{"user_dumpable", all.integer()}});
    } else {
      all.structure("task_struct", {{"mm", all.integer()}});
    }
    return machine_of(name, all.kernel(), deduction(words_), "a test");
  }

  names words_;
};

const kernel_name ordinary{"6.12.43", "#1 SMP PREEMPT_DYNAMIC Debian 6.12.43-1"};
const kernel_name real_time{"6.12.107-rt", "#1 SMP PREEMPT_RT Debian 6.12.107-1"};

TEST_F(RecordMachineOf, SaysWhetherChecksFailOpen) {
  EXPECT_EQ(of(ordinary, true).fails_open.value, false);
  EXPECT_EQ(of(ordinary, true).fails_open.how, "read: task_struct has user_dumpable");
  EXPECT_EQ(of(ordinary, false).fails_open.value, true) << "known of 6.12.43";
  EXPECT_EQ(of({"6.17.1", "#1"}, false).fails_open.value, std::nullopt) << "never guessed";
  EXPECT_EQ(of(ordinary, true).source, "a test");
}

TEST_F(RecordMachineOf, SaysWhatKernelItIs) {
  const machine_facts facts = of(real_time, true);
  EXPECT_EQ(facts.kernel.value, "6.12.107-rt");
  EXPECT_EQ(facts.kernel.how, "read: uname");
  EXPECT_EQ(facts.preempt_rt.value, true);
  EXPECT_EQ(facts.preempt_rt.how, "read: uname");
  EXPECT_EQ(of(ordinary, true).preempt_rt.value, false);
}

TEST_F(RecordMachineOf, KnowsWhatPreemptRtDoesLater) {
  const kernel_ways at_once = ways_of(ordinary);
  EXPECT_TRUE(at_once.frees_mms_in_switch);
  EXPECT_TRUE(at_once.frees_tasks_at_put);
  EXPECT_TRUE(at_once.counts_softirqs);
  const kernel_ways later = ways_of(real_time);
  EXPECT_FALSE(later.frees_mms_in_switch);
  EXPECT_FALSE(later.frees_tasks_at_put);
  EXPECT_FALSE(later.counts_softirqs);
}

// --- its accounts ---

TEST(RecordFigures, AreThoseOfTheKernel) {
  // As Linux 6.18 writes it.
  const program_figures all = figures_in("pos:\t0\nflags:\t02000002\nmnt_id:\t17\nino:\t1030\n"
                                         "prog_type:\t26\nprog_jited:\t1\n"
                                         "prog_tag:\t1a35224c2a600597\nmemlock:\t4096\n"
                                         "prog_id:\t14272\nrun_time_ns:\t7777\nrun_cnt:\t55\n"
                                         "recursion_misses:\t3\nverified_insns:\t1049\n",
                                         "exit_mmap");
  EXPECT_EQ(all.tracepoint, "exit_mmap");
  EXPECT_EQ(all.recursion_misses, 3);
  EXPECT_EQ(all.runs, 55);
  EXPECT_EQ(all.run_ns, 7777);
  const program_figures none = figures_in("pos:\t0\n", "exit_mmap");
  EXPECT_EQ(none.recursion_misses, 0);
  EXPECT_EQ(none.runs, 0);
  EXPECT_EQ(none.run_ns, 0);
}

TEST(RecordFigures, HaveTheLossesOfAllCpus) {
  std::array<raw_cpu, 3> cpus{};
  EXPECT_EQ(lost_on(cpus), 0);
  cpus[0].lost = 2;
  cpus[2].lost = 5;
  EXPECT_EQ(lost_on(cpus), 7);
}

}  // namespace
}  // namespace trefoil::lab
