// SPDX-License-Identifier: Apache-2.0
// A replay on several threads: the same figures as on one, and one error when one of them fails.
#include "lab/replay/crews.hpp"
#include "lab/replay/replay.hpp"
#include "lab/tsv/import.hpp"
#include "tests/lab/text.hpp"

#include <csignal>
#include <filesystem>
#include <set>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace trefoil::lab {
namespace {

using hand = std::vector<const machine::design*>;

std::vector<const machine::design*> all_designs() {
  std::vector<const machine::design*> all;
  for (const machine::design& d : machine::designs) all.push_back(&d);
  return all;
}

class ReplayCrews : public files {
 protected:
  std::string sample(const std::string& name, std::int64_t rounds = 1) const {
    import_tsv(TREFOIL_SAMPLES "/" + name + ".tsv.gz", path(name), {{}, rounds, {}});
    return path(name);
  }
  static crews crews_on(const std::vector<std::string>& recordings) {
    crews all;
    for (const std::string& one : recordings) {
      all.push_back(std::make_unique<crew>(one, hand{&machine::recorded_design}, crew_orders{}));
    }
    return all;
  }
  // An event in the middle is none.
  static void spoil(const std::string& recording) {
    sqlite3* file = nullptr;
    sqlite3_open(recording.c_str(), &file);
    const char* const change =
        "UPDATE event SET kind = 99 WHERE event = (SELECT MAX(event) / 2 FROM event)";
    EXPECT_EQ(sqlite3_exec(file, change, nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(file);
    sqlite3_close(file);
  }
};

// ---- who gets which design -----------------------------------------------------------------------

TEST(DealtOut, EachDesignOnceAndTheRecordedOneFirstInEachHand) {
  const hand all = all_designs();
  for (std::size_t hands = 1; hands <= 2 * all.size(); ++hands) {
    const auto dealt = dealt_out(all, hands);
    EXPECT_EQ(dealt.size(), std::min(hands, all.size() - 1));
    std::multiset<const machine::design*> others;
    std::size_t least = all.size();
    std::size_t most = 0;
    for (const hand& one : dealt) {
      ASSERT_GE(one.size(), 2U);
      EXPECT_EQ(one.front(), &machine::recorded_design);
      others.insert(one.begin() + 1, one.end());
      least = std::min(least, one.size());
      most = std::max(most, one.size());
    }
    EXPECT_LE(most - least, 1U);
    EXPECT_EQ(others, std::multiset<const machine::design*>(all.begin() + 1, all.end()));
  }
}

TEST(DealtOut, TheRecordedOneAloneIsOneHand) {
  const hand only{&machine::recorded_design};
  for (const std::size_t hands : {0U, 1U, 7U})
    EXPECT_EQ(dealt_out(only, hands), std::vector<hand>(1, only));
}

// ---- the same figures ----------------------------------------------------------------------------

TEST_F(ReplayCrews, SeveralTellWhatOneTells) {
  for (const char* const name : {"lua-build", "oom", "preempt-rt", "threads"}) {
    const std::string recording = sample(name, name == std::string("lua-build") ? 2 : 1);
    replay_options options;
    options.threads = 1;
    const replay_result one = replay(recording, options);
    EXPECT_EQ(one.threads, 1U);
    for (const std::size_t threads : {2U, 64U}) {
      options.threads = threads;
      const replay_result several = replay(recording, options);
      EXPECT_EQ(several.threads, std::min(threads, machine::designs.size() - 1));
      EXPECT_EQ(several.worlds, one.worlds);
      EXPECT_EQ(several.events, one.events);
      EXPECT_EQ(several.duration_ns, one.duration_ns);
      EXPECT_EQ(several.processes_ended, one.processes_ended);
      EXPECT_EQ(several.truth, one.truth);
      EXPECT_EQ(several.oddities, one.oddities);
      EXPECT_EQ(several.left_over, 0);
      ASSERT_EQ(several.designs.size(), one.designs.size());
      for (std::size_t i = 0; i < one.designs.size(); ++i) {
        design_figures expected = one.designs[i];
        design_figures told = several.designs[i];
        EXPECT_EQ(told.atomic_teardown_ns.count, expected.atomic_teardown_ns.count);
        told.atomic_teardown_ns = expected.atomic_teardown_ns = {};  // by a real clock
        EXPECT_EQ(told, expected) << name << ", " << told.design->id << ", " << threads;
      }
    }
  }
}

TEST_F(ReplayCrews, OnlyAsManyAsThereAreDesigns) {
  replay_options options;
  options.threads = 8;
  options.designs = {machine::find_design("reversed")};
  EXPECT_EQ(replay(sample("threads"), options).threads, 1U);
  options.designs = {&machine::recorded_design};
  EXPECT_EQ(replay(sample("threads"), options).threads, 1U);
  options.designs.clear();
  options.threads = 0;
  EXPECT_EQ(
      replay(sample("threads"), options).threads,
      std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, machine::designs.size() - 1));
}

// ---- ends before the end -------------------------------------------------------------------------

TEST_F(ReplayCrews, OneThatFailsStopsTheOthersAndIsHeard) {
  const std::string good = sample("fork", 5);
  const std::string bad = sample("oom");
  spoil(bad);
  const std::string why = error_of([&] { crews_on({bad}).front()->play({}); });
  ASSERT_NE(why.find("unknown event 99"), std::string::npos) << why;
  for (const auto& recordings : {std::vector{good, good, bad}, std::vector{bad, good, good}}) {
    const crews all = crews_on(recordings);
    EXPECT_EQ(error_of([&] { play_at_once(all, {}); }), why);
    for (const auto& one : all) EXPECT_LT(one->player().processes_ended(), 5 * 1900);
  }
}

TEST_F(ReplayCrews, WhoAsksForAStopIsObeyedByAll) {
  const crews all = crews_on({sample("fork", 5), path("fork"), path("fork")});
  const std::thread::id caller = std::this_thread::get_id();
  EXPECT_EQ(error_of([&] {
              play_at_once(all, [&](double done) {
                EXPECT_EQ(std::this_thread::get_id(), caller);
                return done < 0.05;
              });
            }),
            path("fork") + ": interrupted");
  for (const auto& one : all) EXPECT_LT(one->player().processes_ended(), 5 * 1900);
}

TEST_F(ReplayCrews, TheStopIsHeardAfterTheFirstCrewHasEnded) {
  const crews all = crews_on({sample("threads"), sample("fork", 15)});
  bool first_has_ended = false;
  EXPECT_EQ(error_of([&] {
              play_at_once(all, [&](double done) {
                first_has_ended = done == 1;
                return !first_has_ended;
              });
            }),
            path("fork") + ": interrupted");
  EXPECT_TRUE(first_has_ended);
}

TEST_F(ReplayCrews, WhatTheCallerThrowsComesBack) {
  const crews all = crews_on({sample("fork", 5), path("fork")});
  EXPECT_THROW(play_at_once(all, [](double) -> bool { throw std::length_error("enough"); }),
               std::length_error);
}

// ---- threads -------------------------------------------------------------------------------------

// A handler of the process's is not to run on them.
TEST_F(ReplayCrews, SignalsAreLeftToTheCaller) {
  static thread_local bool is_caller = false;
  static std::atomic<int> here{0};
  static std::atomic<int> elsewhere{0};
  is_caller = true;
  struct sigaction before {};
  struct sigaction note {};
  note.sa_handler = [](int) { ++(is_caller ? here : elsewhere); };
  ::sigaction(SIGUSR1, &note, &before);
  sigset_t usr1;
  sigset_t mask;
  sigemptyset(&usr1);
  sigaddset(&usr1, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, nullptr, &mask);
  const crews all = crews_on({sample("fork", 4), path("fork")});
  play_at_once(all, [&](double) {
    pthread_sigmask(SIG_BLOCK, &usr1, nullptr);  // any other thread that would, now is to take it
    return ::kill(::getpid(), SIGUSR1) == 0;
  });
  pthread_sigmask(SIG_SETMASK, &mask, nullptr);
  ::sigaction(SIGUSR1, &before, nullptr);
  EXPECT_EQ(here, 1);  // pending until then
  EXPECT_EQ(elsewhere, 0);
}

TEST_F(ReplayCrews, WithoutThreadsTheyPlayInTurn) {
  const std::string recording = sample("oom");
  std::filesystem::permissions(std::filesystem::path(recording).parent_path(),
                               std::filesystem::perms(0755));
  std::filesystem::permissions(recording, std::filesystem::perms(0644));
  const pid_t child = ::fork();
  if (child == 0) {
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_NPROC, &none);
    if (::geteuid() == 0 && ::setuid(65534) != 0) ::_exit(1);  // root may have any number
    try {
      std::thread([] {}).join();
      ::_exit(77);
    } catch (const std::system_error&) {}
    try {
      replay_options options;
      options.threads = 3;
      const replay_result r = replay(recording, options);
      ::_exit(r.threads == 3 && r.designs.size() == machine::designs.size() &&
                      r.designs.back().atomic_operations_per_process > 0
                  ? 0
                  : 2);
    } catch (...) { ::_exit(3); }
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
    GTEST_SKIP() << "threads cannot be denied here";
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace trefoil::lab
