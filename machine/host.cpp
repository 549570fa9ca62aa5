// SPDX-License-Identifier: Apache-2.0
#include "machine/host.hpp"

#include <new>
#include <utility>

#include "machine/shape.hpp"
#include "trefoil/make.hpp"

namespace trefoil::machine {

host::host(const design& lifetimes, flavour kernel, mm::frame_allocator<platform>& frames,
           unsigned cpus)
    : design_(lifetimes),
      flavour_(kernel),
      ledger_(kernel),
      kernel_(frames, ledger_),
      init_user_ns_(make<mm::user_namespace<platform>>(kernel_, 0U)),
      checker_(kernel) {
  make_cpus(cpus);
}

host::~host() = default;

void host::make_cpus(unsigned number) {
  while (cpus_.size() < number)
    cpus_.push_back(std::make_unique<machine::cpu>(ledger_, errands_, design_.lazy_slots));
}

void host::check_locks() noexcept {
  for (const std::unique_ptr<machine::cpu>& c : cpus_) c->as_processor().checker = &checker_;
}

void host::run_deferred(unsigned cpu, deferred<platform>& node, holder whose, place where) {
  detail::worker_tally.begun_one();
  const auto teardown = [&node] {
    context::state<platform>& here = platform::state();
    here.begin_teardown();
    node.run.get()(node);
    here.end_teardown();
  };
  run(cpu, where, whose, teardown, context::process, true);
}

user_ref host::try_create(unsigned cpu, std::uint64_t number, namespace_ref owner) {
  user_ref made;
  run(cpu, place::task, holder::user, [&] {
    if (!owner) owner = init_user_ns_;
    made = try_make<address_space>(kernel_, std::move(owner), number);
    if (made && !populate(*made)) made.drop();
  });
  return made;
}

user_ref host::create(unsigned cpu, std::uint64_t number) {
  user_ref made = try_create(cpu, number);
  if (!made) throw std::bad_alloc();
  return made;
}

namespace_ref host::create_user_namespace(unsigned cpu, std::uint32_t owner_uid) {
  namespace_ref made;
  run(cpu, place::task, holder::user,
      [&] { made = make<mm::user_namespace<platform>>(kernel_, owner_uid); });
  return made;
}

user_ref host::copy(unsigned cpu, const user_ref& of, std::uint64_t number) {
  user_ref made;
  run(cpu, place::task, holder::user, [&] { made = mm::fork(of, number); });
  return made;
}

void host::fork(const task& parent, task& child, user_ref space) {
  if (design_.has_exec_state) {
    exec_ref inherited;
    counted([&] { inherited = parent.exec.load(); });
    if (!inherited) inherited = new_exec_state(space);
    child.exec.store(std::move(inherited));
  }
  child.mm.store(std::move(space));
}

/// Of the program in that address space; none: of a kernel thread.
exec_ref host::new_exec_state(const user_ref& of) {
  exec_ref made;
  counted([&] {
    made = of ? make<mm::exec_state<platform>>(of.at<identity>().user_ns(),
                                               of.at<identity>().dumpability())
              : make<mm::exec_state<platform>>(init_user_ns_, mm::dumpable::user);
  });
  return made;
}

user_ref host::share(const user_ref& space) {
  user_ref another;
  counted([&] { another = space; });
  return another;
}

user_ref host::adopt(task& who, user_ref space) {
  if (design_.has_exec_state && who.exec.empty()) who.exec.store(new_exec_state(space));
  return who.mm.exchange(std::move(space));
}

user_ref host::exec(task& who, user_ref space) {
  if (design_.has_exec_state) {
    exec_ref made = new_exec_state(space);
    counted([&] { who.exec.store(std::move(made)); });
  }
  return who.mm.exchange(std::move(space));
}

void host::exit_mm(unsigned cpu, task& who) {
  run(cpu, place::task, holder::user, [&] { who.give_up_mm(design_.keeps_of(holder::exit_mm)); });
  borrow(cpu, who.leaving);
}

void host::mmput(unsigned cpu, user_ref space, place where) {
  if (space) ++drops_[static_cast<std::size_t>(holder::user)];
  run(cpu, where, holder::user, [&] { space.drop(); });
}

void host::mmput_async(unsigned cpu, user_ref space, place where) {
  if (space) ++drops_[static_cast<std::size_t>(holder::user)];
  run(
      cpu, where, holder::user, [&] { space.drop(); }, context::any);
}

void host::free_task(unsigned cpu, task& who, place where) {
  if (who.leaving || !who.mm.empty()) {  // its exit was not seen
    run(cpu, place::task, holder::user, [&] {
      who.leaving.drop();
      who.mm.clear();
    });
  }
  held stand_in = who.exit_mm.take_unshared();
  drop(cpu, stand_in, holder::exit_mm, where);
  if (!who.exec.empty()) {
    run(cpu, where, holder::exit_mm, [&] { who.exec.take_unshared().drop(); });
  }
}

held host::hold(holder whose, const user_ref& space) {
  held made;
  counted([&] { made = held(space, design_.keeps_of(whose)); });
  return made;
}

held host::hold(holder whose, const slot<user_ref>& space) {
  held made;
  counted([&] { made = held(space, design_.keeps_of(whose)); });
  return made;
}

void host::drop(unsigned cpu, held& slot, holder whose, place where) {
  if (!slot) return;
  ++drops_[static_cast<std::size_t>(whose)];
  run(
      cpu, where, whose, [&] { slot.drop(); }, assumed_by(whose));
}

void host::borrow(unsigned cpu, const user_ref& from) {
  run(cpu, place::scheduler_tail, holder::lazy_cpu, [&] { at(cpu).lazy.borrow(from); });
}

void host::give_back(unsigned cpu, place where) { give_back_of(cpu, cpu, where); }

void host::give_back_of(unsigned dead, unsigned cpu, place where) {
  lazy_tlb& lazy = at(dead).lazy;
  if (!lazy) return;
  ++drops_[static_cast<std::size_t>(holder::lazy_cpu)];
  run(
      cpu, where, holder::lazy_cpu, [&] { lazy.give_back(); }, assumed_by(holder::lazy_cpu));
}

void host::turn_lazy(unsigned cpu, held& slot) {
  run(cpu, place::scheduler_tail, holder::lazy_cpu, [&] { at(cpu).lazy.adopt(slot.turn_lazy()); });
}

void host::run_errands(unsigned cpu) {
  run(cpu, place::task, holder::lazy_cpu, [&] { run_chain<platform>(errands_.take_if_any()); });
}

}  // namespace trefoil::machine
