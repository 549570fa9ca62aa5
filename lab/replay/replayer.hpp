// SPDX-License-Identifier: Apache-2.0
// Turns events into what tasks and CPUs do, in several worlds at once: one for each design. The
// first world has the design of the kernel that was recorded; it alone is asked what it predicts.
//
// An event says what happened to the recorded kernel; here the same holders take and give back real
// references, and the mechanism decides what is torn down and where. No figure is kept here.
#ifndef TREFOIL_LAB_REPLAY_REPLAYER_HPP
#define TREFOIL_LAB_REPLAY_REPLAYER_HPP

#include "lab/recording/event.hpp"
#include "lab/recording/names.hpp"
#include "lab/replay/lookahead.hpp"
#include "lab/replay/story.hpp"
#include "lab/replay/truth.hpp"
#include "lab/replay/world.hpp"

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace trefoil::lab {

// What a recording did not tell, or told against what came before: handled, and counted.
struct oddities {
  std::int64_t born_before_mms = 0;  // named without a birth
  std::int64_t born_before_tasks = 0;
  std::int64_t outliving_mms = 0;  // left at the end of a segment
  std::int64_t outliving_tasks = 0;
  std::int64_t unseen_users = 0;      // a last user that no task is known to be
  std::int64_t unseen_returns = 0;    // a CPU has no dead one any more, and did not give it back
  std::int64_t unknown_returns = 0;   // a CPU gives back what it was not known to have
  std::int64_t lost_task_frees = 0;   // dropped at rcu_put instead
  std::int64_t too_many_holders = 0;  // more are known at exit_mmap than mm_count has
  std::int64_t strangers = 0;         // holders known from mm_count alone

  friend bool operator==(const oddities&, const oddities&) = default;
};

// A user's references, one for each world, in their order.
using user_refs = std::vector<machine::user_ref>;

class replayer {
 public:
  // `worlds` has the recorded design first and outlives this.
  replayer(std::vector<world*> worlds, const lookahead& ahead, const names& words,
           machine::flavour kernel);

  void play(const event& e, std::int64_t row);

  // Who is left at the end of a segment outlives it and is forgotten; the clock stands at `end_ns`
  // and jumps to `next_begin_ns`.
  void end_segment(std::int64_t end_ns, std::int64_t next_begin_ns);

  const truth_figures& truth_so_far() const noexcept { return truth_.figures(); }
  const lab::oddities& oddities() const noexcept { return odd_; }
  std::int64_t processes_ended() const noexcept { return processes_ended_; }

 private:
  template <class F>
  void each(F&& f) {
    for (world* const w : worlds_) f(*w);
  }
  // The same, with the reference of each world.
  template <class References, class F>
  void each(References& references, F&& f) {
    auto at = references.begin();
    for (world* const w : worlds_) f(*w, *at++);
  }
  template <class F>
  user_refs from_each(F&& f) {
    user_refs references;
    references.reserve(worlds_.size());
    for (world* const w : worlds_) references.push_back(f(*w));
    return references;
  }

  void mm_alloc(const event& e);
  void task_alloc(const event& e);
  void fork(const event& e);
  void prep_exec(const event& e);
  void exec(const event& e);
  void task_exit(const event& e);
  void exit_mm(const event& e);
  void files_free(const event& e);
  void exit_mmap(const event& e);
  void mm_free(const event& e);
  void dead_borrow(const event& e);
  void dead_drop(const event& e);
  void context_switch(const event& e);
  void sighand_free(const event& e);
  void rcu_put(const event& e);
  void task_free(const event& e);
  void oom(const event& e);
  void mark_victim(task_story& task);

  // Those whom an event names, born before the recording if need be.
  mm_story& the_mm(mm_id id);
  task_story& the_task(task_id id, std::int32_t pid);
  group_story& join_group(task_story& task, sighand_id id);
  cpu_story& the_cpu(std::uint16_t number);
  task_story* current(const event& e);
  void has_pid(task_story& task, std::int32_t pid);
  void make_room();

  // Users.
  static machine::user_ref user_of(const world& w, const mm_story& mm);
  bool has_users(const mm_story& mm) const;
  machine::user_ref take_or_share(world& w, mm_story& mm) const;
  void used_up(mm_story& mm);
  void attach(task_story& task, mm_story& mm);
  void leave(task_story& task);  // task->mm is no longer its mm
  void put(std::uint16_t cpu, user_refs references);
  void put_old(mm_story& old, std::uint16_t cpu, user_refs references);
  void switch_program(task_story& task, mm_story& next, mm_story* dying, user_refs& last);
  void do_exit_mm(task_story& task, std::uint16_t cpu);
  void finish_leaving(mm_story& mm, std::uint16_t cpu);
  user_refs last_users(mm_story& mm, const event& e);
  // True: one of them is a CPU that is giving it back at this moment.
  bool meet_strangers(mm_story& mm, const event& e, const user_refs& users);

  // CPUs.
  void borrow(mm_story& mm, std::uint16_t cpu, const user_refs& from);
  void give_back(std::uint16_t cpu, std::int32_t pid,
                 machine::place where = machine::place::scheduler_tail);
  void find_lazy_cpus(mm_story& mm, std::uint16_t exiting_on);
  void turn_out_lazy(mm_story& mm, std::uint16_t cpu);
  void given_back_unseen(std::uint16_t cpu);

  void free_task(task_story& task, const event& e, machine::place where);
  void born_dead(mm_id id, std::uint16_t cpu);
  void forget(mm_story& mm, const event& e, bool as_predicted);
  std::string_view still_held_by(const mm_story& mm) const;
  machine::place place_of(const event& e, bool rcu) const;

  // Whether what happens between the two calls is the end of `mm` in the recorded design's world; if
  // so, it is a prediction.
  struct teardowns_so_far {
    std::int64_t ended;
    std::int64_t handed_over;
  };
  teardowns_so_far before_a_drop() const;
  void after_a_drop(const teardowns_so_far& before, mm_story* mm, last_drop how);
  bool only_strangers_hold(const mm_story& mm) const;

  std::vector<world*> worlds_;
  const lookahead& ahead_;
  const names& words_;
  lab::truth truth_;
  lab::oddities odd_;
  std::int64_t processes_ended_ = 0;
  std::int64_t now_ns_ = 0;
  std::int64_t row_ = 0;
  const machine::flavour flavour_;
  bool switches_recorded_ = false;

  slots<mm_id, mm_story> mms_;
  slots<task_id, task_story> tasks_;
  slots<sighand_id, group_story> groups_;
  std::vector<cpu_story> cpus_;
  std::unordered_map<std::int32_t, slot_number> by_pid_;
};

}  // namespace trefoil::lab

#endif
