// SPDX-License-Identifier: Apache-2.0
#include "lab/recording/census.hpp"

#include <algorithm>
#include <numeric>

namespace trefoil::lab {

namespace {

// What has happened to an object. The last three bits depend on its kind.
enum : std::uint8_t {
  seen = 1,
  born = 2,
  freed = 4,
  emptied = 8,    // mm: exit_mmap
  let_go = 16,    // mm: the last reference has been seen to go
  exited = 8,     // task: task_exit
  left_mm = 16,   // task: exit_mm
  rcu_done = 32,  // task: rcu_put
};

// Ids that are handed out in order fill their pages. Those that are not, in a file that was made to harm,
// must not take hundreds of bytes each.
constexpr std::size_t most_pages(std::size_t known) { return 4096 + known / 8; }

}  // namespace

std::int64_t census::events() const noexcept {
  return std::accumulate(events_.begin(), events_.end(), std::int64_t{0});
}

bool census::refuse(const kind_of_object& kind, std::uint32_t number, const char* what) {
  problem_ = kind.letter + std::to_string(number) + ' ' + what;
  return false;
}

bool census::name(kind_of_object& kind, std::uint32_t number) {
  if (number < kind.floor) return refuse(kind, number, "belongs to an earlier segment");
  kind.top = std::max(kind.top, std::int64_t{number} + 1);
  std::uint8_t& state = kind.lives[number];
  if (!(state & seen)) {
    ++kind.known;
    if (kind.lives.pages() > most_pages(kind.known)) {
      return refuse(kind, number, "is too far from the others: ids count up");
    }
  }
  if (state & freed) ++named_after_free_;
  state |= seen;
  return true;
}

bool census::birth(kind_of_object& kind, std::uint32_t number) {
  if (number >= kind.floor && kind.lives[number] != 0) {
    return refuse(kind, number, "is allocated again: id reused");
  }
  if (!name(kind, number)) return false;
  kind.lives[number] |= born;
  return true;
}

bool census::mark(kind_of_object& kind, std::uint32_t number, std::uint8_t once, const char* what) {
  if (number >= kind.floor && (kind.lives[number] & once)) return refuse(kind, number, what);
  if (!name(kind, number)) return false;
  kind.lives[number] |= once;
  return true;
}

bool census::observe(const event& e) {
  if (!lives(e)) return false;
  ++events_[static_cast<std::size_t>(e.kind)];
  return true;
}

bool census::lives(const event& e) {
  const std::uint32_t mm = e.mm.value();
  const std::uint32_t task = e.task.value();
  switch (e.kind) {
    case event_kind::mm_alloc: return birth(mm_, mm);
    case event_kind::task_alloc: return birth(task_, task);
    case event_kind::fork: return (!e.mm || name(mm_, mm)) && name(task_, task);
    case event_kind::prep_exec: return name(mm_, mm) && (!e.old_mm || name(mm_, e.old_mm.value()));
    case event_kind::exec:
    case event_kind::dead_borrow: return name(mm_, mm) && name(task_, task);
    case event_kind::task_exit:
      return (!e.mm || name(mm_, mm)) && mark(task_, task, exited, "exits twice") &&
             (!e.files || name(files_, e.files.value())) &&
             (!e.sighand || name(sighand_, e.sighand.value()));
    case event_kind::exit_mm:
      return name(mm_, mm) && mark(task_, task, left_mm, "gives its mm up twice");
    case event_kind::files_free: return mark(files_, e.files.value(), freed, "is freed twice");
    case event_kind::exit_mmap:
      if (!mark(mm_, mm, emptied, "loses its mappings twice")) return false;
      if (e.mm_count == 1) mm_.lives[mm] |= let_go;
      return true;
    case event_kind::mm_free: return mark(mm_, mm, freed, "is freed twice");
    case event_kind::dead_drop:
      if (!name(mm_, mm) || !name(task_, task)) return false;
      if (e.mm_count == 1) mm_.lives[mm] |= let_go;
      return true;
    case event_kind::context_switch:
      return (!e.mm || name(mm_, mm)) && (!e.prev_mm || name(mm_, e.prev_mm.value())) &&
             (!e.next_mm || name(mm_, e.next_mm.value())) && name(task_, task);
    case event_kind::sighand_free:
      return mark(sighand_, e.sighand.value(), freed, "is freed twice");
    case event_kind::rcu_put: return mark(task_, task, rcu_done, "has two rcu_puts");
    case event_kind::task_free: return mark(task_, task, freed, "is freed twice");
    case event_kind::oom: return name(task_, task);
  }
  return true;
}

void census::close(kind_of_object& kind) {
  kind.lives.for_each([&](std::uint8_t state) {
    ++kind.total.seen;
    if (!(state & born)) ++kind.total.born_before;
    if (!(state & freed)) ++kind.total.outliving;
  });
  kind.lives.clear();
  kind.known = 0;
  kind.floor = kind.top;
}

void census::end_segment() {
  mm_.lives.for_each([&](std::uint8_t state) {
    if ((state & emptied) && !(state & freed)) ++dead_at_end_;
    if ((state & let_go) && !(state & freed)) ++missing_mm_frees_;
  });
  task_.lives.for_each([&](std::uint8_t state) {
    if ((state & rcu_done) && !(state & freed)) ++missing_task_frees_;
  });
  for (kind_of_object* kind : {&mm_, &task_, &files_, &sighand_}) close(*kind);
}

}  // namespace trefoil::lab
