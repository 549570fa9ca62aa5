// SPDX-License-Identifier: Apache-2.0
// The replayer: CPUs that borrow page directories (lazy TLB), as far as a recording shows them.
#include "lab/replay/replayer.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace trefoil::lab {

using machine::holder;
using machine::user_ref;

void replayer::borrow(mm_story& mm, std::uint16_t cpu, const user_refs& from) {
  each(from, [&](world& w, const user_ref& user) { w.host.borrow(cpu, user); });
  the_cpu(cpu).borrowed = mm.id;
}

// CPUs that gave it back while it was alive, which is not recorded, turn out not to have it: the
// recording shows no more of them. Where it ends in the middle of things, the CPU on which the last
// user exits has it.
void replayer::find_lazy_cpus(mm_story& mm, std::uint16_t exiting_on) {
  if (switches_recorded_) return;
  const std::vector<std::uint16_t>& seen = ahead_.returns_of(mm.id);
  for (std::uint16_t i = 0; i < static_cast<std::uint16_t>(cpus_.size()); ++i) {
    if (cpus_[i].borrowed != mm.id) continue;
    if (std::find(seen.begin(), seen.end(), i) != seen.end()) continue;
    if (i == exiting_on && !ahead_.sees_end_of(mm.id)) continue;
    given_back_unseen(i);
  }
}

// One of those that only mm_count told of is this CPU.
void replayer::turn_out_lazy(mm_story& mm, std::uint16_t cpu) {
  if (mm.strangers == 0) return;
  given_back_unseen(cpu);
  --mm.strangers;
  --odd_.strangers;
  if (mm.ending) truth_.withdraw(mm);  // it was thought to have let go unseen
  each([&](world& w) {
    std::vector<machine::held>& strangers = w.mms[mm.slot].strangers;
    w.host.turn_lazy(cpu, strangers.back());
    strangers.pop_back();
  });
  the_cpu(cpu).borrowed = mm.id;
}

void replayer::give_back(std::uint16_t cpu, std::int32_t pid, machine::place where) {
  cpu_story& c = the_cpu(cpu);
  if (!c.borrowed) return;
  mm_story* const mm = mms_.find(c.borrowed);
  const teardowns_so_far before = before_a_drop();
  each([&](world& w) { w.host.give_back(cpu, where); });
  after_a_drop(before, mm, {.pid = pid, .cpu = cpu, .where = where, .whose = holder::lazy_cpu});
  c.just_returned = std::exchange(c.borrowed, {});
}

// The CPU is seen without it.
void replayer::given_back_unseen(std::uint16_t cpu) {
  cpu_story& c = the_cpu(cpu);
  if (!c.borrowed) return;
  // Returns of the living are not recorded; those of the dead should have been.
  const mm_story* const mm = mms_.find(c.borrowed);
  if (mm == nullptr || mm->mappings_gone) ++odd_.unseen_returns;
  each([&](world& w) { w.host.give_back(cpu); });
  c.borrowed = {};
}

// Dead since before the recording.
void replayer::born_dead(mm_id id, std::uint16_t cpu) {
  mm_story& mm = the_mm(id);
  used_up(mm);
  given_back_unseen(cpu);
  user_refs users = from_each([&](world& w) { return std::move(w.mms[mm.slot].other_user); });
  borrow(mm, cpu, users);
  put(cpu, std::move(users));
}

void replayer::dead_borrow(const event& e) {
  // From one kernel task to the next: no count changes. It may tell of a CPU that we did not know of.
  if (the_cpu(e.cpu).borrowed == e.mm) return;
  if (mm_story* const mm = mms_.find(e.mm)) {
    if (mm->mappings_gone) turn_out_lazy(*mm, e.cpu);
  } else {
    born_dead(e.mm, e.cpu);
  }
}

void replayer::dead_drop(const event& e) {
  cpu_story& cpu = the_cpu(e.cpu);
  const bool told_by_a_switch = cpu.just_returned == e.mm;
  cpu.just_returned = {};
  mm_story* const story = mms_.find(e.mm);
  if (story != nullptr && !story->mappings_gone) {
    story->returning = {row_, now_ns_, e.subject, e.cpu};
  }
  if (told_by_a_switch) return;
  if (cpu.borrowed != e.mm) {
    ++odd_.unknown_returns;
    given_back_unseen(e.cpu);
    if (story == nullptr) {
      born_dead(e.mm, e.cpu);
    } else if (story->mappings_gone) {
      turn_out_lazy(*story, e.cpu);
    }
  }
  if (cpu.borrowed == e.mm) {
    give_back(e.cpu, e.subject);
    cpu.just_returned = {};
  }
}

void replayer::context_switch(const event& e) {
  switches_recorded_ = true;
  cpu_story& cpu = the_cpu(e.cpu);
  cpu.just_returned = {};
  const bool from_kernel = !e.prev_mm;
  if (from_kernel && cpu.borrowed != e.mm) {
    given_back_unseen(e.cpu);
    // It was borrowed before the recording began, or when nobody looked.
    mm_story* const mm = e.mm ? &the_mm(e.mm) : nullptr;
    if (mm != nullptr && has_users(*mm)) {
      each([&](world& w) { w.host.borrow(e.cpu, user_of(w, *mm)); });
      cpu.borrowed = mm->id;
    }
  }
  if (!from_kernel) given_back_unseen(e.cpu);
  if (from_kernel && e.next_mm) {
    give_back(e.cpu, e.subject);
  } else if (!from_kernel && !e.next_mm) {
    mm_story& mm = the_mm(e.prev_mm);
    if (!has_users(mm)) return;
    each([&](world& w) { w.host.borrow(e.cpu, user_of(w, mm)); });
    cpu.borrowed = mm.id;
  }
}

}  // namespace trefoil::lab
