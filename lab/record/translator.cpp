// SPDX-License-Identifier: Apache-2.0
#include "lab/record/translator.hpp"

#include "lab/recording/most.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

namespace trefoil::lab {

namespace {

// Nothing that comes later is older than this, but for births.
constexpr std::int64_t settled_ns = 50'000'000;

}  // namespace

translator::translator(names& words, const kernel_symbols& symbols,
                       const translator_options& options, sink to)
    : words_(&words), symbols_(&symbols), options_(options), sink_(std::move(to)) {}

// The kernel's notes of births may be out of date: told from another CPU, or of an earlier tenant.
void translator::add_birth(const raw_record& record) {
  tenancy& there = tenancies_[record.mm];
  // Whom nobody ever had is told of at its end, but this one has been told of.
  if (there.lives && record.kind == raw_exit_mmap) return;
  if (const auto drop = last_drop_ns_.find(record.mm); drop != last_drop_ns_.end()) {
    untold_.insert(*drop);
    last_drop_ns_.erase(drop);
  }
  there.lives = true;
  auto born_ns = static_cast<std::int64_t>(record.born_ns);
  if (there.freed_ns >= born_ns) born_ns = static_cast<std::int64_t>(record.time_ns);
  pending_.push_back({born_ns, part::birth, record, {}});
}

void translator::add(const raw_record& record, std::span<const std::uint64_t> stack) {
  const auto time_ns = static_cast<std::int64_t>(record.time_ns);
  if (record.kind == raw_dead_drop && record.mm_count == 1) last_drop_ns_[record.mm] = time_ns;
  if (record.kind == raw_mm_free) {
    last_drop_ns_.erase(record.mm);
    tenancies_[record.mm] = {false, time_ns};
  }
  if (record.born_ns != 0) add_birth(record);
  pending_.push_back({time_ns, part::itself, record, {stack.begin(), stack.end()}});
}

void translator::flush(bool at_end) {
  std::stable_sort(pending_.begin(), pending_.end(),
                   [](const item& a, const item& b) { return a.time_ns < b.time_ns; });
  auto end = pending_.end();
  if (!at_end && !pending_.empty()) {
    end = std::partition_point(pending_.begin(), pending_.end(),
                               [final = pending_.back().time_ns - settled_ns](const item& one) {
                                 return one.time_ns <= final;
                               });
  }
  std::for_each(pending_.begin(), end, [&](const item& one) { translate(one); });
  pending_.erase(pending_.begin(), end);
}

void translator::finish() {
  census_.end_segment();
  figures_.mms = census_.mms().seen;
  figures_.incomplete_mms += census_.missing_mm_frees() - ends_just_after_;
}

// --- one record ---

actor translator::who_is(const raw_record& r, std::string_view comm) const {
  if (r.pid == 0) return actor::idle;
  if ((r.who & raw_is_kthread) == 0) {
    return (r.who & raw_is_exiting) != 0 ? actor::user_exiting : actor::user;
  }
  if (comm.starts_with("kworker/")) return actor::kworker;
  if (comm.starts_with("ksoftirqd/")) return actor::ksoftirqd;
  return comm.starts_with("rcu") ? actor::rcu_kthread : actor::kthread;
}

event translator::begin(const raw_record& r) const {
  event e;
  const std::string_view comm(r.comm, ::strnlen(r.comm, sizeof r.comm));
  e.comm = words_->comms.intern(comm, most::recorded_comms, most::further_comms);
  e.who = who_is(r, comm);
  e.cpu = r.cpu;
  e.pid = r.pid;
  e.mm_users = r.mm_users;
  e.mm_count = r.mm_count;
  e.subject = r.subject;
  return e;
}

void translator::emit(const event& e, const circumstances& around) {
  if (outside_) return;
  if (!census_.observe(e)) {
    ++figures_.refused;
    return;
  }
  sink_(e, around);
}

live_objects<mm_id, translator::mm_facts>::entry& translator::mm_at(std::uint64_t address) {
  auto& mm = mms_.at(address);
  mm.facts.inside = mm.facts.inside || !outside_;
  return mm;
}

void translator::lets_go(mm_facts& mm) const {
  mm.let_go = true;
  mm.end_due = mm.end_due || !outside_;
}

void translator::translate(const item& one) {
  const raw_record& r = one.record;
  event e = begin(r);
  outside_ = one.time_ns < options_.start_ns || one.time_ns > end_ns_;
  e.time_ns = last_ns_ = std::max({last_ns_, one.time_ns - options_.start_ns});
  if (one.which == part::birth) return birth(one, e);
  switch (r.kind) {
    case raw_task_alloc: return new_task(r.task, e);
    case raw_fork: return fork(r, e);
    case raw_prep_exec: {
      e.kind = event_kind::prep_exec;
      e.mm = mm_at(r.mm).id;
      if (r.other != 0) e.old_mm = mm_at(r.other).id;
      circumstances around;
      around.page_table_bytes = r.number;
      return emit(e, around);
    }
    case raw_exec:
      if (r.mm == 0) return;
      e.kind = event_kind::exec;
      e.mm = mm_at(r.mm).id;
      e.task = tasks_.at(r.task).id;
      return emit(e);
    case raw_task_exit: return task_exit(r, e);
    case raw_exit_mm: {
      auto& task = tasks_.at(r.task);
      if (std::exchange(task.facts.left_mm, true)) return;
      e.kind = event_kind::exit_mm;
      e.mm = mm_at(r.mm).id;
      e.task = task.id;
      circumstances around;
      around.page_table_bytes = r.number;
      return emit(e, around);
    }
    case raw_gone: return gone(r, e);
    case raw_exit_mmap: return exit_mmap(one, e);
    case raw_mm_free: return mm_free(one, e);
    case raw_dead_borrow:
      e.kind = event_kind::dead_borrow;
      e.mm = mm_at(r.mm).id;
      e.task = tasks_.at(r.task).id;
      return emit(e);
    case raw_dead_drop: return dead_drop(r, e);
    case raw_rcu_put: return rcu_put(r, e);
    case raw_oom: return oom(r, e);
    case raw_task_free: return victim_free(one, e);
    case raw_files_free:
      e.kind = event_kind::files_free;
      e.files = files_.freed(r.other);
      return emit(e);
    case raw_sighand_free:
      e.kind = event_kind::sighand_free;
      e.sighand = sighands_.at(r.fourth).id;
      sighands_.gone(r.fourth);
      return emit(e);
    default:
      if (!outside_) ++figures_.refused;
  }
}

// --- births ---

void translator::new_task(std::uint64_t address, event e) {
  e.kind = event_kind::task_alloc;
  e.task = tasks_.born(address).id;
  e.mm_users = e.mm_count = e.subject = not_read;
  emit(e);
}

void translator::birth(const item& one, event& e) {
  const raw_record& r = one.record;
  e.cpu = r.born_cpu;
  e.mm_users = e.mm_count = e.subject = not_read;
  if (r.kind == raw_fork) new_task(r.task, e);
  if (const auto* const before = mms_.find(r.mm);
      before != nullptr && before->facts.inside && !before->facts.let_go && !outside_) {
    ++figures_.incomplete_mms;  // another one's end was lost
  }
  auto& mm = mms_.born(r.mm);
  mm.facts.inside = mm.facts.born = !outside_;
  e.kind = event_kind::mm_alloc;
  e.mm = mm.id;
  e.context = sampled_context::task;
  e.route = words_->routes.intern(r.kind == raw_fork ? "fork" : "exec");
  emit(e);
}

void translator::fork(const raw_record& r, event& e) {
  if (r.born_ns == 0) new_task(r.task, e);
  if (r.other != 0) files_.born(r.other);
  if (r.fourth != 0) sighands_.gone(r.fourth);
  e.kind = event_kind::fork;
  if (r.mm != 0) e.mm = mm_at(r.mm).id;
  e.task = tasks_.at(r.task).id;
  emit(e);
}

}  // namespace trefoil::lab
