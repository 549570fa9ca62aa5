// SPDX-License-Identifier: Apache-2.0
// What the recorder makes of the kernel's records: each kind of event, and tables of open files.
#include "tests/lab/record_translation.hpp"

#include <gtest/gtest.h>

namespace trefoil::lab {
namespace {

class RecordEvents : public translation {
 protected:
  static raw_record of_task(raw_kind kind, std::uint64_t time_ns, std::uint64_t task) {
    raw_record r = record_of(kind, time_ns, 0);
    r.task = task;
    return r;
  }

  // Looked at as the recorder does: now and then, and at the end.
  void look_while(std::uint64_t records, std::uint64_t apart_ns) {
    for (std::uint64_t i = 0; i < records; ++i) {
      raw_record put = of_task(raw_rcu_put, (i + 1) * apart_ns, 0x1000 + i);
      put.subject = static_cast<__s32>(i);
      add(put);
      if (i % 1000 == 0) translator_.flush();
    }
  }
};

TEST_F(RecordEvents, AreAllThereHoweverOftenItLooks) {
  look_while(20'000, 100'000);  // 2 s
  EXPECT_LT(translator_.pending(), 2000U);
  told();
  ASSERT_EQ(events_.size(), 20'000U);
  for (std::size_t i = 0; i < events_.size(); ++i) {
    ASSERT_EQ(events_[i].subject, static_cast<std::int32_t>(i));
  }
}

TEST_F(RecordEvents, WaitForThoseOfOtherCpus) {
  add(record_of(raw_exit_mmap, 1'040'000'000, 0xa0));
  translator_.flush();
  EXPECT_TRUE(events_.empty());
  fork(1'000'000'000, 0xa0, 0x70);
  EXPECT_EQ(told(), "task_alloc, mm_alloc 0, fork 0, exit_mmap 0, ");
}

TEST_F(RecordEvents, OfABirthComeAfterTheEndOfWhoHadTheAddress) {
  fork(100, 0xa0, 0x70);
  add(record_of(raw_exit_mmap, 200, 0xa0));
  add(record_of(raw_mm_free, 300, 0xa0));
  raw_record next = record_of(raw_fork, 400, 0xa0);
  next.task = 0x71;
  next.born_ns = 250;  // a note that was out of date
  add(next);
  EXPECT_EQ(
      told(),
      "task_alloc, mm_alloc 0, fork 0, exit_mmap 0, mm_free 0, task_alloc, mm_alloc 1, fork 1, ");
  EXPECT_EQ(translator_.figures().incomplete_mms, 0);
}

TEST_F(RecordEvents, OfBirthsSayHow) {
  fork(100, 0xa0, 0x70);
  raw_record exec = record_of(raw_prep_exec, 200, 0xb0);
  exec.born_ns = 150;
  add(exec);
  told();
  ASSERT_EQ(events_.size(), 5U);
  ASSERT_TRUE(events_[1].route && events_[3].route);
  EXPECT_EQ(words_.routes.text(events_[1].route), "fork");
  EXPECT_EQ(words_.routes.text(events_[3].route), "exec");
  EXPECT_EQ(events_[3].context, sampled_context::task);
}

TEST_F(RecordEvents, OfATaskThatExitsAreOneOfEachKind) {
  for (const raw_kind kind : {raw_task_exit, raw_exit_mm}) {
    for (const std::uint64_t when : {100U, 110U}) {
      raw_record twice = of_task(kind, when, 0x70);
      twice.mm = 0xa0;
      add(twice);
    }
  }
  EXPECT_EQ(told(), "task_exit 0, exit_mm 0, ");
  EXPECT_EQ(translator_.figures().refused, 0);
}

TEST_F(RecordEvents, ThatContradictAreCounted) {
  add(of_task(raw_rcu_put, 100, 0x70));
  add(of_task(raw_rcu_put, 110, 0x70));
  EXPECT_EQ(told(), "rcu_put, ");
  EXPECT_EQ(translator_.figures().refused, 1);
}

TEST_F(RecordEvents, OfTheLastReferenceToATaskAreTwo) {
  for (int references = 1; references <= 3; ++references) {
    raw_record put = of_task(raw_rcu_put, 100 * static_cast<std::uint64_t>(references),
                             static_cast<std::uint64_t>(references));
    put.number = references;
    put.subject = 7;
    add(put);
  }
  EXPECT_EQ(told(), "rcu_put, task_free, rcu_put, rcu_put, ");
  EXPECT_EQ(events_[0].context, sampled_context::softirq);
  EXPECT_EQ(events_[0].subject, 7);
  ASSERT_TRUE(events_[1].route);
  EXPECT_EQ(words_.routes.text(events_[1].route), "rcu callback");
  EXPECT_EQ(events_[1].subject, not_read);
}

// The OOM reaper may have it longer than its parent.
TEST_F(RecordEvents, OfAVictimEndWhenItsMmGoes) {
  raw_record marked = of_task(raw_oom, 100, 0x70);
  marked.subject = 7;
  add(marked);
  raw_record put = of_task(raw_rcu_put, 200, 0x70);
  put.number = 1;
  add(put);
  raw_record end = of_task(raw_task_free, 300, 0x70);
  end.number = 0x100;
  add(end);
  add(of_task(raw_task_exit, 400, 0x71));
  add(of_task(raw_task_free, 500, 0x71));  // whom nobody has marked
  EXPECT_EQ(told(), "oom, rcu_put, task_free, task_exit, ");
  EXPECT_EQ(events_[0].subject, not_read);
  EXPECT_EQ(events_[2].time_ns, 300);
  EXPECT_EQ(events_[2].context, sampled_context::softirq);
}

TEST_F(RecordEvents, OfAVictimEndAtTheLastPutWhereNothingElseTells) {
  translator one(words_, symbols_, {.tells_victims = false},
                 [this](const event& e, const circumstances&) { events_.push_back(e); });
  one.add(of_task(raw_oom, 100, 0x70), {});
  raw_record put = of_task(raw_rcu_put, 200, 0x70);
  put.number = 1;
  one.add(put, {});
  one.flush(true);
  ASSERT_EQ(events_.size(), 3U);
  EXPECT_EQ(events_.back().kind, event_kind::task_free);
}

TEST_F(RecordEvents, KnowKindsOfTasks) {
  const auto who = [this](const char* comm, __u8 flags, int pid) {
    translator one(words_, symbols_, {},
                   [this](const event& e, const circumstances&) { events_.push_back(e); });
    raw_record end = record_of(raw_exit_mmap, 100, 0xa0);
    std::strcpy(end.comm, comm);
    end.who = flags;
    end.pid = pid;
    one.add(end, {});
    one.flush(true);
    return events_.back().who;
  };
  EXPECT_EQ(who("sh", 0, 7), actor::user);
  EXPECT_EQ(who("sh", raw_is_exiting, 7), actor::user_exiting);
  EXPECT_EQ(who("kworker/0:1", 0, 7), actor::user);  // a name that anybody may have
  EXPECT_EQ(who("kworker/0:1", raw_is_kthread, 7), actor::kworker);
  EXPECT_EQ(who("ksoftirqd/0", raw_is_kthread, 7), actor::ksoftirqd);
  EXPECT_EQ(who("rcu_sched", raw_is_kthread, 7), actor::rcu_kthread);
  EXPECT_EQ(who("kswapd0", raw_is_kthread, 7), actor::kthread);
  EXPECT_EQ(who("swapper/0", raw_is_kthread, 0), actor::idle);
}

// A return address lies behind the call, perhaps in the next function already.
TEST_F(RecordEvents, KnowWhoCallsAtTheEndOfAFunction) {
  const std::vector<std::uint64_t> put{0x200, 0x201};  // the end of mmput_async_fn
  translator_.add(record_of(raw_exit_mmap, 100, 0xa0), put);
  told();
  ASSERT_TRUE(events_.front().route);
  EXPECT_EQ(words_.routes.text(events_.front().route), "workqueue (mmput)");
}

TEST_F(RecordEvents, CountOnceWhatIsLetGoAndNeverFreed) {
  translator rt(words_, symbols_, {.frees_mms_in_switch = false},
                [](const event&, const circumstances&) {});
  for (const std::uint64_t when : {100U, 200U}) {
    raw_record birth = record_of(raw_fork, when, 0xa0);
    birth.task = birth.born_ns = when;
    rt.add(birth, {});
    raw_record drop = record_of(raw_dead_drop, when + 50, 0xa0);
    drop.mm_count = 1;
    if (when == 100) rt.add(drop, {});
  }
  rt.flush(true);
  rt.finish();
  EXPECT_EQ(rt.figures().incomplete_mms, 1);
}

// --- files ---

TEST_F(RecordEvents, OfFilesAreNotDeducedWhereTheyAreSeen) {
  for (const bool derives : {true, false}) {
    events_.clear();
    translator one(words_, symbols_, {.derives_files = derives},
                   [this](const event& e, const circumstances&) { events_.push_back(e); });
    raw_record exit = of_task(raw_task_exit, 100, 0x70);
    exit.other = 0xf0;
    exit.number = 1;
    exit.subject = 0;
    one.add(exit, {});
    one.add(of_task(raw_gone, 200, 0x70), {});
    one.flush(true);
    EXPECT_EQ(events_.size(), derives ? 2U : 1U);
  }
}

// Files and signal handlers that nobody was seen to let go of.
TEST_F(RecordEvents, GiveAnotherIdToWhatAForkHasMade) {
  for (const std::uint64_t when : {100U, 200U}) {
    raw_record birth = record_of(raw_fork, when, 0xa0 + when);
    birth.task = birth.born_ns = when;
    birth.other = 0xf0;
    birth.fourth = 0x50;
    add(birth);
    raw_record exit = of_task(raw_task_exit, when + 10, when);
    exit.other = 0xf0;
    exit.fourth = 0x50;
    exit.number = 2;
    exit.subject = 0;
    add(exit);
  }
  told();
  std::vector<event> exits;
  for (const event& e : events_) {
    if (e.kind == event_kind::task_exit) exits.push_back(e);
  }
  ASSERT_EQ(exits.size(), 2U);
  EXPECT_NE(exits[0].files, exits[1].files);
  EXPECT_NE(exits[0].sighand, exits[1].sighand);
}

TEST(RecordFiles, EndThoughOneWhoLeftWasNotSeen) {
  files_users all;
  all.exits(1, 0xf0, 3, false);  // whose leaving is lost
  all.exits(2, 0xf0, 2, false);
  const files_id last = all.exits(3, 0xf0, 2, true);
  EXPECT_FALSE(all.gone(2));
  EXPECT_EQ(all.gone(3), last);
}

TEST(RecordFiles, EndWithTheirLastUser) {
  files_users all;
  const files_id shared = all.exits(1, 0xf0, 2, false);
  EXPECT_EQ(all.exits(2, 0xf0, 2, true), shared);
  EXPECT_FALSE(all.gone(1));
  EXPECT_EQ(all.gone(2), shared);
  EXPECT_FALSE(all.gone(2));
}

TEST(RecordFiles, StayWithAnotherProcess) {
  files_users all;
  const files_id shared = all.exits(1, 0xf0, 2, true);
  EXPECT_FALSE(all.gone(1));
  EXPECT_EQ(all.exits(2, 0xf0, 1, true), shared);
  EXPECT_EQ(all.gone(2), shared);
  EXPECT_NE(all.exits(3, 0xf0, 1, true), shared);
}

// Threads that end one after the other: each leaves nobody on the way.
TEST(RecordFiles, KeepTheirIdWhileThreadsLeaveThem) {
  files_users all;
  const files_id shared = all.exits(1, 0xf0, 3, false);
  EXPECT_FALSE(all.gone(1));
  EXPECT_EQ(all.exits(2, 0xf0, 2, false), shared);
  EXPECT_FALSE(all.gone(2));
  EXPECT_EQ(all.exits(3, 0xf0, 1, true), shared);
  EXPECT_EQ(all.gone(3), shared);
}

TEST(RecordFiles, HaveAnotherIdWhereAnAddressIsUsedAgain) {
  files_users all;
  const files_id first = all.exits(1, 0xf0, 2, false);  // whose last user was never seen
  EXPECT_FALSE(all.gone(1));
  all.born(0xf0);
  EXPECT_NE(all.exits(2, 0xf0, 1, true), first);
}

}  // namespace
}  // namespace trefoil::lab
