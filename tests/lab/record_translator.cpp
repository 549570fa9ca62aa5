// SPDX-License-Identifier: Apache-2.0
// What the recorder makes of the kernel's records, without a kernel.
#include "lab/recording/most.hpp"
#include "tests/lab/record_translation.hpp"

#include <gtest/gtest.h>

namespace trefoil::lab {
namespace {

class RecordTranslator : public translation {};

TEST_F(RecordTranslator, GivesAnAddressThatIsUsedAgainAnotherId) {
  fork(100, 0xa0, 0x70);
  add(record_of(raw_exit_mmap, 200, 0xa0));
  add(record_of(raw_mm_free, 300, 0xa0));
  fork(400, 0xa0, 0x71);
  EXPECT_EQ(
      told(),
      "task_alloc, mm_alloc 0, fork 0, exit_mmap 0, mm_free 0, task_alloc, mm_alloc 1, fork 1, ");
  EXPECT_EQ(translator_.figures().incomplete_mms, 0);
}

TEST_F(RecordTranslator, PutsRecordsInTheOrderOfTime) {
  add(record_of(raw_exit_mmap, 200, 0xa0));
  fork(100, 0xa0, 0x70);
  EXPECT_EQ(told(), "task_alloc, mm_alloc 0, fork 0, exit_mmap 0, ");
}

TEST_F(RecordTranslator, TellsABirthOnce) {
  fork(100, 0xa0, 0x70);
  raw_record late = record_of(raw_exit_mmap, 200, 0xa0);
  late.born_ns = 90;
  add(late);
  EXPECT_EQ(told(), "task_alloc, mm_alloc 0, fork 0, exit_mmap 0, ");
}

// Else nobody could read the recording of a machine where something takes a new name every time.
TEST_F(RecordTranslator, KeepsOnlySoManyNamesApart) {
  for (std::size_t i = 0; i < most::recorded_comms + 10; ++i) {
    raw_record r = record_of(raw_exit_mmap, 100 + i, 0x1000 + 16 * i);
    std::strcpy(r.comm, std::to_string(i).c_str());
    add(r);
  }
  raw_record known = record_of(raw_exit_mmap, 1'000'000, 0x100);
  std::strcpy(known.comm, "3");
  add(known);
  told();
  EXPECT_EQ(words_.comms.size(), most::recorded_comms);
  EXPECT_EQ(words_.comms.text(events_.back().comm), "3");
  EXPECT_EQ(words_.comms.text(events_[events_.size() - 3].comm), most::further_comms);
}

TEST_F(RecordTranslator, TellsOfAnExecThatFailed) {
  raw_record only = record_of(raw_exit_mmap, 200, 0xa0);
  only.born_ns = 90;
  add(only);
  EXPECT_EQ(told(), "mm_alloc 0, exit_mmap 0, ");
}

TEST_F(RecordTranslator, DeducesTheEndThatALastDropLeaves) {
  fork(100, 0xa0, 0x70);
  add(record_of(raw_exit_mmap, 200, 0xa0));
  dead_drop(300, 0xa0, 2);  // somebody else has it still
  dead_drop(400, 0xa0, 1);
  fork(500, 0xa0, 0x71);
  EXPECT_EQ(told(), "task_alloc, mm_alloc 0, fork 0, exit_mmap 0, dead_drop 0, dead_drop 0, "
                    "mm_free 0, task_alloc, mm_alloc 1, fork 1, ");
  EXPECT_EQ(translator_.figures().deduced_frees, 1);
  EXPECT_EQ(events_[6].pid, 9);
  EXPECT_EQ(words_.routes.text(events_[6].route), deduced_route) << "so a replay does not count it";
}

TEST_F(RecordTranslator, DeducesNothingWhereTheEndIsTold) {
  fork(100, 0xa0, 0x70);
  add(record_of(raw_exit_mmap, 200, 0xa0));
  dead_drop(400, 0xa0, 1);
  add(record_of(raw_mm_free, 410, 0xa0));
  EXPECT_EQ(told(), "task_alloc, mm_alloc 0, fork 0, exit_mmap 0, dead_drop 0, mm_free 0, ");
  EXPECT_EQ(translator_.figures().deduced_frees, 0);
}

TEST_F(RecordTranslator, CountsAnEndThatWasLost) {
  fork(100, 0xa0, 0x70);
  fork(400, 0xa0, 0x71);
  told();
  EXPECT_EQ(translator_.figures().mms, 2);
  EXPECT_EQ(translator_.figures().incomplete_mms, 1);
}

TEST_F(RecordTranslator, KnowsWhoWasBornWhileProgramsWereBeingAttached) {
  translator late(words_, symbols_, {.start_ns = 150},
                  [this](const event& e, const circumstances&) { events_.push_back(e); });
  raw_record first = record_of(raw_fork, 100, 0xa0);
  first.task = 0x70;
  first.born_ns = 95;
  late.add(first, {});
  late.add(record_of(raw_exit_mmap, 200, 0xa0), {});
  late.ends_at(250);
  late.add(record_of(raw_mm_free, 300, 0xa0), {});
  late.flush(true);
  late.finish();
  EXPECT_EQ(told(), "exit_mmap 0, ");  // no event before, none after
  EXPECT_EQ(late.figures().incomplete_mms, 0);
}

// Programs are attached one after the other, so events are missing before the recording begins.
TEST_F(RecordTranslator, CountsNothingOutsideTheRecording) {
  const auto figures_of = [this](std::int64_t end_ns, auto tell) {
    translator one(words_, symbols_, {.start_ns = 1000}, [](const event&, const circumstances&) {});
    one.ends_at(end_ns);
    tell([&one](raw_kind kind, std::uint64_t time_ns, std::uint64_t mm, int count = -1) {
      raw_record r = record_of(kind, time_ns, mm);
      r.mm_count = count;
      if (kind == raw_fork) r.task = r.born_ns = time_ns;
      one.add(r, {});
    });
    one.flush(true);
    one.finish();
    const translation_figures& f = one.figures();
    return std::vector<std::int64_t>{f.mms, f.incomplete_mms, f.deduced_frees, f.refused};
  };
  using of = std::vector<std::int64_t>;
  const auto an_end_is_lost = [](std::uint64_t when) {
    return [=](auto tell) {
      tell(raw_fork, when, 0xa0);
      tell(raw_fork, when + 1, 0xa0);
    };
  };
  EXPECT_EQ(figures_of(9000, an_end_is_lost(2000)), (of{2, 1, 0, 0}));
  EXPECT_EQ(figures_of(9000, an_end_is_lost(100)), (of{0, 0, 0, 0}));
  EXPECT_EQ(figures_of(9000, an_end_is_lost(9100)), (of{0, 0, 0, 0}));
  EXPECT_EQ(figures_of(9000, an_end_is_lost(9000)), (of{1, 0, 0, 0}));  // it came later
  EXPECT_EQ(figures_of(9000, an_end_is_lost(999)), (of{1, 0, 0, 0}));   // the first one's, before

  const auto mappings_stay = [](std::uint64_t birth, std::uint64_t end) {
    return [=](auto tell) {
      tell(raw_fork, birth, 0xa0);
      tell(raw_mm_free, end, 0xa0);
    };
  };
  EXPECT_EQ(figures_of(9000, mappings_stay(2000, 3000)), (of{1, 1, 0, 0}));
  EXPECT_EQ(figures_of(9000, mappings_stay(100, 200)), (of{0, 0, 0, 0}));
  EXPECT_EQ(figures_of(9000, mappings_stay(100, 3000)), (of{1, 0, 0, 0}));  // lost before
  EXPECT_EQ(figures_of(9000, mappings_stay(2000, 9100)), (of{1, 0, 0, 0}));

  const auto let_go = [](std::uint64_t drop, std::uint64_t end) {
    return [=](auto tell) {
      tell(raw_fork, drop - 2, 0xa0);
      tell(raw_exit_mmap, drop - 1, 0xa0, 2);
      tell(raw_dead_drop, drop, 0xa0, 1);
      if (end != 0) tell(raw_mm_free, end, 0xa0);
    };
  };
  EXPECT_EQ(figures_of(9000, let_go(2000, 0)), (of{1, 0, 1, 0}));
  EXPECT_EQ(figures_of(9000, let_go(100, 0)), (of{0, 0, 0, 0}));
  EXPECT_EQ(figures_of(9000, let_go(9100, 0)), (of{0, 0, 0, 0}));
  EXPECT_EQ(figures_of(9000, let_go(8999, 9001)), (of{1, 0, 0, 0}));  // it came, a little later

  const auto twice = [](std::uint64_t when) {
    return [=](auto tell) {
      tell(raw_exit_mmap, when, 0xa0);
      tell(raw_exit_mmap, when + 1, 0xa0);
    };
  };
  EXPECT_EQ(figures_of(9000, twice(2000)), (of{1, 0, 0, 1}));
  EXPECT_EQ(figures_of(9000, twice(100)), (of{0, 0, 0, 0}));
}

// A worker that puts the last user's reference: the rest of its way is jumps.
TEST_F(RecordTranslator, TellsWhoEmptiedItFromWhoDropsItLater) {
  const auto drop_by = [this](std::uint64_t mm, int references, int pid) {
    std::vector<std::uint64_t> put{0x101, 0x201};
    std::vector<std::uint64_t> drop{0x301, 0x201};
    raw_record emptied = record_of(raw_exit_mmap, 100, mm);
    emptied.mm_count = references;
    translator_.add(emptied, put);
    raw_record end = record_of(raw_mm_free, 200, mm);
    end.pid = pid;
    translator_.add(end, drop);
  };
  drop_by(0xa0, 1, 7);
  drop_by(0xb0, 2, 7);  // somebody had it still, and handed it to the same worker
  drop_by(0xc0, 1, 8);
  told();
  ASSERT_EQ(events_.size(), 6U);
  EXPECT_EQ(holders_, (std::vector<std::string>{"owner's initial reference", "signal->oom_mm",
                                                "signal->oom_mm"}));
}

TEST_F(RecordTranslator, KnowsTheContextByThePreemptCount) {
  const auto context = [this](std::int64_t preempt_count, bool in_softirq, bool counts_softirqs) {
    translator one(words_, symbols_, {.counts_softirqs = counts_softirqs},
                   [this](const event& e, const circumstances&) { events_.push_back(e); });
    raw_record end = record_of(raw_mm_free, 100, 0xa0);
    end.number = preempt_count;
    const std::vector<std::uint64_t> stack{0x301, in_softirq ? 0x401U : 0x501U};
    one.add(end, stack);
    one.flush(true);
    return events_.back().context;
  };
  using enum sampled_context;
  EXPECT_EQ(context(-1, true, true), softirq);  // not read: by the stack
  EXPECT_EQ(context(-1, false, true), task);
  EXPECT_EQ(context(0x1, true, true), task);
  EXPECT_EQ(context(0x2, true, false), softirq);  // PREEMPT_RT does not count them
  EXPECT_EQ(context(0x101, false, true), softirq);
  EXPECT_EQ(context(0x200, false, true), task);  // softirqs are kept off, none is handled
  EXPECT_EQ(context(0x10101, false, true), hardirq);
  EXPECT_EQ(context(0x100001, false, true), hardirq);  // an NMI
}

TEST_F(RecordTranslator, TakesDisabledInterruptsForNoInterrupt) {
  const kernel_symbols since_7_3 = kernel_symbols::read(
      write("since_7_3", "ffffffff9fcdc028 D __preempt_count\n"
                         "ffffffff9fce0cb8 D local_interrupt_disable_state\n"));
  const auto context = [&](std::int64_t preempt_count, const kernel_symbols& kernel) {
    translator one(words_, symbols_, {.in_hardirq = kernel.hardirq_bits()},
                   [this](const event& e, const circumstances&) { events_.push_back(e); });
    raw_record end = record_of(raw_mm_free, 100, 0xa0);
    end.number = preempt_count;
    one.add(end, {});
    one.flush(true);
    return events_.back().context;
  };
  using enum sampled_context;
  EXPECT_EQ(context(0x10001, since_7_3), task);
  EXPECT_EQ(context(0x1000001, since_7_3), hardirq);
  EXPECT_EQ(context(0x10000001, since_7_3), hardirq);  // an NMI
  EXPECT_EQ(context(0x10001, symbols_), hardirq);      // before
}

TEST_F(RecordTranslator, TakesNoCountOfATaskForOneOfAnMm) {
  raw_record put = record_of(raw_rcu_put, 100, 0);
  put.task = 0x70;
  put.number = 1;  // so the task is freed, too
  add(put);
  EXPECT_EQ(told(), "rcu_put, task_free, ");
  for (const event& e : events_) EXPECT_EQ(e.mm_count, not_read);
}

TEST(RecordRoutes, AreReadFromStacks) {
  const auto of = [](std::vector<std::string_view> functions) { return route_of(functions); };
  EXPECT_EQ(of({"__mmdrop", "finish_task_switch", "schedule"}).name, "context-switch");
  // A task that exits closes files: the file is what counts.
  const route closed = of({"__mmdrop", "mem_release", "__fput", "task_work_run", "do_exit"});
  EXPECT_EQ(closed.name, "close /proc/PID/mem");
  EXPECT_EQ(closed.holder, "/proc/PID/mem");
  EXPECT_EQ(of({"__mmdrop", "do_exit", "do_group_exit"}).name, "do_exit (mmput)");
  EXPECT_EQ(of({"__mmdrop", "some_release", "process_one_work"}).name, "workqueue");
  EXPECT_EQ(of({"__mmdrop", "process_one_work", "worker_thread"}).holder, "signal->oom_mm");
  // What is jumped to leaves the function that called it, and what the compiler has put into it.
  EXPECT_EQ(of({"", "bpf_trace_run3", "kmem_cache_free", "process_one_work"}).holder,
            "signal->oom_mm");
  EXPECT_EQ(of({"__mmdrop", "some_release", "rcu_do_batch"}).holder, "");
  // The recorder's program has the name of the module before it.
  EXPECT_EQ(
      of({"xfs_exit", "bpf_trace_run3", "free_percpu", "__mmdrop", "process_one_work"}).holder,
      "signal->oom_mm");
  // Whoever borrows an mm gives back what it had before.
  EXPECT_EQ(of({"__mmdrop", "kthread_use_mm", "ffs_user_copy_worker", "process_one_work"}).holder,
            "lazy TLB");
  EXPECT_EQ(of({"free_percpu", "percpu_counter_destroy_many", "__mmdrop", "rcu_do_batch"}).holder,
            "lazy TLB");
  // What an interrupt came upon is not its doing.
  const route soft = of({"__mmdrop", "rcu_do_batch", "handle_softirqs", "do_exit"});
  EXPECT_EQ(soft.name, "rcu callback");
  EXPECT_EQ(soft.context, sampled_context::softirq);
  // But one that ends in the scheduler is.
  EXPECT_EQ(of({"__mmdrop", "finish_task_switch", "preempt_schedule_irq", "el1_interrupt"}).context,
            sampled_context::task);
  EXPECT_EQ(of({"", ""}).context, sampled_context::unknown);
}

}  // namespace
}  // namespace trefoil::lab
