// SPDX-License-Identifier: Apache-2.0
// A task that exits, and who asks meanwhile whether he may look at it. (exit_mm, ptrace_may_access)
#include "machine/access.hpp"
#include "verify/explorer/mm_world.hpp"

namespace trefoil::explorer {

namespace {

using machine::kept;
using box = mm_machine<>;
using task = machine::basic_task<box::platform>;

/// Whoever asks about a program that must not be looked at. It is there from the first to the last
/// moment: a yes is wrong, and says that he found nothing that he could have asked.
void must_be_denied(machine::verdict v) {
  if (v.answer == machine::access::failed_open) execution::current()->fail("it fails open");
  if (v.answer != machine::access::denied) execution::current()->fail("it is allowed");
}

using exit_of = void (*)(task&, kept);
void in_order(task& who, kept stand_in) { who.give_up_mm(stand_in); }
/// A fault: between the two there is nothing.
void cleared_first(task& who, kept stand_in) {
  who.leaving = who.mm.exchange({});
  const auto before =
      who.exit_mm.publish(machine::basic_held<box::platform>(who.leaving, stand_in));
}

using question = void (*)(const task&);
void ask_once(const task& target) { must_be_denied(machine::ask(target)); }
/// What stands in for mm stays: who has been referred to it once finds it again.
void ask_twice(const task& target) {
  const machine::verdict first = machine::ask(target);
  const machine::verdict second = machine::ask(target);
  must_be_denied(first);
  must_be_denied(second);
  if (first.whom == machine::asked::exit_mm && second.whom != machine::asked::exit_mm)
    execution::current()->fail("mm is back");
}
/// A fault: exit_mm is published after the first look, mm cleared before the second.
void ask_exit_mm_first(const task& target) {
  if (target.exit_mm.load_identity()) return;
  if (!target.mm.load<box::identity>()) execution::current()->fail("it fails open");
}

struct scene {
  kept stand_in;
  question asks = &ask_once;
  exit_of exit = &in_order;
  bool has_exec_state = false;
};

program exit_while_asked(const char* name, const scene& s, bool right) {
  return mm_program<>("exit_mm: " + std::string(name), 2, right ? 0 : 1, [s](box& m) {
    task who;
    box::user_ref space = m.new_space();
    space.at<box::identity>().set_dumpability(mm::dumpable::no);
    who.mm.store(std::move(space));
    if (s.has_exec_state) {
      who.exec.store(make<mm::exec_state<box::platform>>(m.root(), mm::dumpable::no));
    }
    spawn([&who, asks = s.asks] { asks(who); });
    s.exit(who, s.stand_in);
    who.leaving.drop();  // mmput
    execution::current()->join_all();
  });
}

const registered mm_access("mm", []() -> std::vector<program> {
  return {
      exit_while_asked("keeps the identity", {kept::identity}, true),
      exit_while_asked("keeps the page directory", {kept::page_directory}, true),
      exit_while_asked("an exec state beside it",
                       {.stand_in = kept::nothing, .has_exec_state = true}, true),
      large(exit_while_asked("asked twice", {kept::identity, &ask_twice}, true)),
      exit_while_asked("known broken: keeps nothing (two counts)", {kept::nothing}, false),
      exit_while_asked("known broken: mm is cleared first",
                       {.stand_in = kept::identity, .exit = &cleared_first}, false),
      exit_while_asked("known broken: exit_mm is asked first", {kept::identity, &ask_exit_mm_first},
                       false),
  };
});

}  // namespace

}  // namespace trefoil::explorer
