// SPDX-License-Identifier: Apache-2.0
// Who keeps what of an address space, and where they let go.
#include <iterator>
#include <memory>
#include <utility>

#include "machine/access.hpp"
#include "machine/storm/workload.hpp"
#include "trefoil/make.hpp"

namespace trefoil::machine {

namespace {

/// user_events: what it keeps goes in an RCU callback; an identity there and then. Linux needs a worker
/// behind every callback, since mmdrop() is not legal there. (trace_events_user.c,
/// user_event_mm_destroy)
class event_contents {
 public:
  static constexpr auto teardown = context::any;
  // NOLINTNEXTLINE(bugprone-exception-escape): a variant without a value throws; this one has one
  explicit event_contents(held what) noexcept : kept(std::move(what)) {}
  held kept;
  rcu_callback freed;
};
using event_registration = basic_staged<platform::namespace_traits, event_contents>;
using event_ref = ref<event_registration>;

/// Each keeps an address space, or a page directory, that has nobody else.
constexpr std::size_t most_in_flight = 256;

}  // namespace

/// /proc/PID/mem and /proc/PID/maps of somebody else, as far as one may look. (proc_mem_open)
void workload::open_proc(unsigned cpu, task_contents& me) {
  const file_kind kind = me.life.one_in(2) ? file_kind::proc_mem : file_kind::proc_maps;
  file opened{kind, {}};
  {
    const auto section = machine_.read_lock(cpu);
    const task_contents* const other = pids_.find(me.life.below(pid_table::size));
    if (other == nullptr || ask(other->mms).answer != access::allowed) return;
    opened.kept = machine_.hold(holder::proc_handle, other->mms.mm);
  }
  if (!opened.kept) return;
  ++figures_.files_opened;
  me.group().files().add(std::move(opened));
}

/// Files that keep the address space of who opens them.
void workload::open_own(task_contents& me) {
  static constexpr file_kind kinds[]{file_kind::userfaultfd, file_kind::umem,
                                     file_kind::kvm,         file_kind::vhost,
                                     file_kind::notifier,    file_kind::interval_notifier};
  file opened{kinds[me.life.below(std::size(kinds))],
              machine_.hold(holder::struct_only, me.mms.mm)};
  if (opened.kind == file_kind::notifier) {
    opened.shadow = std::make_unique<shadow_tables>();
    if (!opened.shadow->subscribe(me.mms.mm.load<identity>())) ++figures_.notifier_faults;
  }
  if (opened.kind == file_kind::interval_notifier) {
    opened.mirror = std::make_unique<mirrored_word>();
    if (!opened.mirror->insert(me.mms.mm.load<identity>(), some_page(me.life), mm::page_size))
      ++figures_.notifier_faults;
  }
  if (opened.kind == file_kind::umem) {
    opened.pinned_pages = 1 + me.life.below(16);
    opened.kept.share_identity()->account_pinned(opened.pinned_pages);
  }
  ++figures_.files_opened;
  me.group().files().add(std::move(opened));
}

void workload::use_file(unsigned cpu, task_contents& me) {
  held kept;  // one's own while it is used: another thread may close the file
  file_kind kind{};
  me.group().files().look_at(me.life.below(1U << 16), [&](file& f) {
    kind = f.kind;
    kept = f.kept;
    if (f.mirror != nullptr) use_mirror(cpu, f);
  });
  if (!kept) return;
  switch (kind) {
    case file_kind::proc_maps: read_maps(cpu, kept); break;
    case file_kind::proc_mem:
    case file_kind::userfaultfd: read_from(cpu, kept, me.life); break;
    case file_kind::umem:
    case file_kind::notifier:
    case file_kind::interval_notifier: break;
    case file_kind::kvm:
      // Is it still the same one? An address that is used again must not pass for it.
      if (const user_ref mine = me.mms.mm.load(); kept.share_identity() == mine.share<identity>())
        use_memory(*mine, me.life);
      break;
    case file_kind::vhost:
      // NOLINTNEXTLINE(bugprone-exception-escape): the same of the move of what is captured
      machine_.queue_work([this, kept, seed = me.life.below(1U << 30)](unsigned there) mutable {
        work_for(there, kept, chance(seed));
        machine_.drop(there, kept, holder::struct_only, place::task);
      });
      break;
  }
  machine_.drop(cpu, kept, holder_of(kind), place::task);
}

/// Promotes, does it, and lets go; the last user may have been anybody meanwhile.
template <class F>
void workload::as_user(unsigned cpu, const held& kept, F&& f) {
  user_ref user = kept.promote();
  if (!user) {
    ++figures_.reads_too_late;
    return;
  }
  std::forward<F>(f)(user);
  machine_.mmput(cpu, std::move(user));
}

/// What the device has is what was there when it looked, or it was told.
void workload::use_mirror(unsigned cpu, file& f) {
  const std::uint64_t address = f.mirror->start();
  check_contents(address, f.mirror->word().value_or(0));
  as_user(cpu, f.kept, [&](const user_ref& user) { f.mirror->mirror(*user, address); });
}

/// (mem_rw)
void workload::read_from(unsigned cpu, const held& kept, chance& random) {
  as_user(cpu, kept, [&](const user_ref& user) {
    ++figures_.reads_of_others;
    for (unsigned i = 0; i < 8; ++i) look_somewhere(*user, random);
  });
}

/// The mappings themselves are in order, one beside the other. (m_start, show_map)
void workload::read_maps(unsigned cpu, const held& kept) {
  as_user(cpu, kept, [&](const user_ref& user) {
    ++figures_.maps_read;
    std::uint64_t end = 0;
    bool sound = true;
    user->for_each_vma([&](const mm::vma& v) {
      sound = sound && v.start >= end && v.start < v.end;
      end = v.end;
    });
    if (!sound) ++figures_.layout_faults;
  });
}

/// A kernel thread works in somebody's address space. It takes a reference of its own to the page
/// directory, even if its CPU has the same one borrowed: the two are not the same thing.
/// (kthread_use_mm, kthread_unuse_mm)
void workload::work_for(unsigned cpu, const held& kept, chance random) {
  held active;
  as_user(cpu, kept, [&](const user_ref& user) {
    ++figures_.kthread_uses;
    active = held(user.share<page_directory>());
    use_memory(*user, random);
  });
  machine_.drop(cpu, active, holder::lazy_cpu, place::task);
}

void workload::close_one(unsigned cpu, task_contents& me) {
  file f;
  if (me.group().files().take(me.life.below(1U << 16), f)) close(cpu, f);
}

void workload::close(unsigned cpu, file& f) {
  if (f.shadow != nullptr) {
    f.shadow->unsubscribe();
    figures_.notified += f.shadow->told();
    if (!f.shadow->sound()) ++figures_.notifier_faults;
  }
  if (f.mirror != nullptr) {
    f.mirror->remove();
    if (f.mirror->was_stale()) ++figures_.notifier_faults;
  }
  if (f.pinned_pages != 0) f.kept.share_identity()->account_pinned(-f.pinned_pages);
  machine_.drop(cpu, f.kept, holder_of(f.kind), place::task);
}

/// By a socket, to nobody in particular: who opened it may be long gone when it is closed.
void workload::pass_file(task_contents& me) {
  file f;
  if (in_flight_.count() < most_in_flight && me.group().files().take(me.life.below(1U << 16), f))
    in_flight_.add(std::move(f));
  if (me.life.one_in(2) && in_flight_.take(me.life.below(1U << 16), f))
    me.group().files().add(std::move(f));
}

void workload::close_in_flight(unsigned cpu) {
  for (file f; in_flight_.take(0, f);) close(cpu, f);
}

void workload::give_to_device(unsigned cpu, task_contents& me) {
  ++figures_.fences;
  user_ref user;
  if (me.life.one_in(2)) user = me.mms.mm.load();
  machine_.submit(cpu, make<fence>(machine_.hold(holder::struct_only, me.mms.mm), std::move(user)));
}

void workload::register_event(unsigned cpu, task_contents& me) {
  event_ref made = make<event_registration>(machine_.hold(holder::struct_only, me.mms.mm));
  ++figures_.events;
  rcu_callback& freed = made->freed;
  freed.whose = this;
  freed.about = std::move(made).detach();
  machine_.call_rcu(cpu, freed, [](rcu_callback& c, unsigned here) noexcept {
    storm_machine& machine = static_cast<workload*>(c.whose)->machine_;
    event_ref mine = event_ref::adopt(c.about);
    // What it was registered for may want to be told: a user for a moment, who may be the last.
    if (user_ref user = mine->kept.promote()) machine.mmput_async(here, std::move(user));
    machine.drop(here, mine->kept, holder::struct_only, place::rcu_callback);
    machine.run_at(here, place::rcu_callback, [&] { mine.drop(); });
  });
}

}  // namespace trefoil::machine
