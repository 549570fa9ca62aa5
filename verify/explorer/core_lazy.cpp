// SPDX-License-Identifier: Apache-2.0
// Lazy pins: a pin is seen by whoever drops the last counted reference, what its CPU does happens
// before the teardown, several pins are served in turn, and what a CPU misses the reclaimer finds.
#include <string>
#include <utility>
#include <vector>

#include "verify/explorer/core_operations.hpp"

namespace trefoil::explorer {

namespace {

/// The page directory of an address space whose CPUs are lazy.
class lazy_stage : public stage<1, any> {
 public:
  static constexpr bool lazy_pins = true;
  using stage<1, any>::stage;
};

template <class Reclaimer>
using pinnable = basic_staged<traits<Reclaimer>, stage<0, any>, lazy_stage, stage<2, any>>;
/// Its last counted drop takes two operations at least, as no word shows the owner to be alone.
template <class Reclaimer>
using pinnable_wide =
    basic_staged<traits<Reclaimer, wide_counts>, stage<0, any>, lazy_stage, stage<2, any>>;

template <class T>
using pin = lazy_pin<T>;
template <class T>
using slots_of = detail::lazy_slots<T>;

/// A thread that is given a reference.
template <class Ref, class Body>
void spawn_with(Ref&& given, Body body) {
  spawn([pointer = std::forward<Ref>(given).detach(), body] {
    body(std::decay_t<Ref>::adopt(pointer));
  });
}

/// Drops it.
template <class Ref>
void spawn_drop(Ref&& given) {
  spawn_with(std::forward<Ref>(given), [](std::decay_t<Ref> r) { r.drop(); });
}

template <class T>
void use(const pin<T>& cpu) {
  if (!cpu) execution::current()->fail("nothing is pinned");
  cpu->use();
}

/// A CPU borrows from a task that runs there and goes on holding when that exits.
template <class T, class Tier>
void run_lazily(pin<T>& cpu, ref<T, Tier> task) {
  cpu.borrow(task);
  task.drop();
  use(cpu);
  cpu.give_back();
}

/// A program of one CPU, and others. Afterwards, whatever waits still is found by the reclaimer.
template <class T>
program with_cpu(std::string name, unsigned threads, void (*run)(pin<T>&)) {
  return program_of(std::move(name), threads, [run] {
    {
      pin<T> cpu;
      run(cpu);
      execution::current()->join_all();
    }
    for (int looks = 0; looks < 2; ++looks) static_cast<void>(polled::poll());
  });
}

using lazy = pinnable<polled>;
using lazy_user = ref_to<lazy, 0>;
using lazy_holder = ref_to<lazy, 1>;
lazy_holder make_holder() { return make<lazy>().share<lazy_stage>(); }

/// From what is pinned, a counted reference to what is inside, which goes last.
void share_inside(pin<lazy>& cpu) {
  ref_to<lazy, 2> bare = cpu.share<tier_at<lazy, 2>>();
  cpu.give_back();
  bare->use();
  bare.drop();
}

/// One CPU, and the last user elsewhere.
template <class T>
program one_pin(std::string name) {
  return with_cpu<T>("one pin against the last drop" + std::move(name), 2, [](pin<T>& cpu) {
    ref_to<T, 0> user = make<T>();
    spawn_with(ref_to<T, 0>(user), [&cpu](ref_to<T, 0> task) { run_lazily(cpu, std::move(task)); });
    user->use();
    user.drop();
  });
}

/// The reference under which it pinned goes to another thread, which drops it: that publishes the pin.
program handed_on() {
  return with_cpu<lazy>("the reference that was pinned under is dropped by another", 2,
                        [](pin<lazy>& cpu) {
                          platform::atomic<void*> given{nullptr};
                          bool taken = false;
                          spawn([&given, &taken] {
                            void* const got = given.load(std::memory_order_acquire);
                            if (got == nullptr) return;
                            taken = true;
                            lazy_user::adopt(got).drop();
                          });
                          lazy_user user = make<lazy>();
                          cpu.borrow(user);
                          void* const handed = std::move(user).detach();
                          given.store(handed, std::memory_order_release);
                          use(cpu);
                          cpu.give_back();
                          execution::current()->join_all();
                          if (!taken) lazy_user::adopt(handed).drop();
                        });
}

/// Two CPUs pin; the last drop is the first one's, or a third thread's.
template <bool Third>
program two_pins() {
  program p = with_cpu<lazy>(
      Third ? "two pins against the last drop" : "two pins, the last drop is one's", Third ? 3 : 2,
      [](pin<lazy>& a) {
        pin<lazy> b;
        lazy_holder user = make_holder();
        const auto lazily = [](pin<lazy>& cpu, lazy_holder task) {
          spawn_with(std::move(task), [&cpu](lazy_holder own) { run_lazily(cpu, std::move(own)); });
        };
        lazily(a, user);
        if constexpr (Third) {
          lazily(b, user);
          user.drop();
        } else {
          run_lazily(b, std::move(user));
        }
        execution::current()->join_all();
      });
  p.large = Third;
  return p;
}

/// From one kernel thread's mm to another's without giving back between.
void borrows_another(pin<lazy>& cpu) {
  lazy_holder first = make_holder();
  lazy_holder second = make_holder();
  cpu.borrow(first);
  spawn_drop(std::move(first));
  use(cpu);
  run_lazily(cpu, std::move(second));
}

/// Given back, and borrowed again under another reference: the slot says so again.
void borrows_again(pin<lazy>& cpu) {
  lazy_holder user = make_holder();
  spawn_drop(lazy_holder(user));
  cpu.borrow(user);
  use(cpu);
  cpu.give_back();
  run_lazily(cpu, std::move(user));
}

/// Pinned and shared by one of two holders: the other is not alone, whatever the count says.
void pinned_while_others_drop(pin<lazy>& cpu) {
  lazy_user user = make<lazy>();
  spawn_drop(lazy_user(user));
  cpu.borrow(user);
  user.drop();
  share_inside(cpu);
}

/// Pinned, and its reference dropped, while the teardown of the tier outside is under way: whoever
/// did that is not alone with the rest, though the count says so.
void pinned_during_cascade(pin<lazy>& cpu) {
  lazy_user user = make<lazy>();
  lazy_holder holder = user.share<lazy_stage>();
  spawn_drop(std::move(user));
  cpu.borrow(holder);
  holder.drop();
  share_inside(cpu);
}

void shares_inside(pin<lazy>& cpu) {
  lazy_user user = make<lazy>();
  cpu.borrow(user);
  spawn_drop(std::move(user));
  share_inside(cpu);
}

/// To what may be gone.
void promotes(pin<lazy>& cpu) {
  lazy_user user = make<lazy>();
  cpu.borrow(user);
  spawn_drop(std::move(user));
  lazy_holder counted = cpu.promote<lazy_stage>();
  cpu.give_back();
  if (counted) counted->use();
  counted.drop();
}

/// The errand looks at the inbox from which its CPU takes.
void poll_against_return(pin<lazy>& cpu) {
  lazy_holder user = make_holder();
  cpu.borrow(user);
  user.drop();  // to the inbox
  spawn([] { static_cast<void>(polled::poll()); });
  use(cpu);
  cpu.give_back();
}

/// An object comes to an inbox while the errand is at work, for another one's sake, that has gone: it
/// is found all the same.
void errand_against_drop(pin<lazy>& cpu) {
  lazy_holder first = make_holder();
  lazy_holder second = make_holder();
  cpu.borrow(first);
  first.drop();  // the errand is on its way
  cpu.give_back();
  auto* const missing = slots_of<lazy>::take();
  slots_of<lazy>::pin(*missing, detail::access::pinned(*second.address()));
  spawn([] { static_cast<void>(polled::poll()); });
  second.drop();
  execution::current()->join_all();
  missing->pinned.store(nullptr, std::memory_order_release);
  slots_of<lazy>::give_up(*missing);
}

/// The slot of a CPU that comes up is constructed when the errand finds it.
void cpu_comes_up(pin<lazy>& cpu) {
  lazy_holder user = make_holder();
  cpu.borrow(user);
  user.drop();
  spawn([] { static_cast<void>(polled::poll()); });
  const pin<lazy> another;
  execution::current()->join_all();
}

/// A CPU that comes up takes the slot of one that went down.
void slot_changes_hands(pin<lazy>&) {
  lazy_holder user = make_holder();
  const auto up_and_down = [](lazy_holder task) {
    pin<lazy> cpu;
    cpu.borrow(task);
    task.drop();
    use(cpu);
  };
  spawn_with(lazy_holder(user), up_and_down);
  up_and_down(std::move(user));
}

/// In an interrupt of the CPU that pins, at any of its steps.
void dropped_in_interrupt(pin<lazy>& cpu) {
  lazy_holder user = make_holder();
  cpu.borrow(user);
  void* const given = std::move(user).detach();
  execution::current()->spawn(
      [given] {
        const scope here(any);
        lazy_holder::adopt(given).drop();
      },
      false, execution::current()->running());
  use(cpu);
  cpu.give_back();
}

// ---- the worker looks, and nobody polls ------------------------------------------------------------

using looked_after = pinnable<worker>;

void expect_nothing_stranded() {
  execution::current()->until_idle();
  if (!journal::now().verdict().empty()) execution::current()->fail("an object is stranded");
}

/// Who helps the worker leaves it an errand that is to run again.
program helped() {
  return program_of("a helper takes the errand from the worker", 2, [] {
    ref_to<looked_after, 1> user = make<looked_after>().share<lazy_stage>();
    auto* const missing = slots_of<looked_after>::take();
    execution::current()->until_idle();
    slots_of<looked_after>::pin(*missing, detail::access::pinned(*user.address()));
    user.drop();
    static_cast<void>(worker::help());
    missing->pinned.store(nullptr, std::memory_order_release);
    expect_nothing_stranded();
  });
}

/// The worker alone sees to it that nothing stays where its CPU has missed it.
program idle_cpu() {
  return program_of("an idle CPU strands nothing", 3, [] {
    pin<looked_after> cpu;
    ref_to<looked_after, 1> user = make<looked_after>().share<lazy_stage>();
    execution::current()->until_idle();
    cpu.borrow(user);
    spawn_drop(std::move(user));
    use(cpu);
    cpu.give_back();
    execution::current()->join_all();
    expect_nothing_stranded();
  });
}

const registered lazy_programs("lazy", []() -> std::vector<program> {
  const auto two = [](const char* name, void (*run)(pin<lazy>&)) {
    return with_cpu<lazy>(name, 2, run);
  };
  return {
      one_pin<lazy>(""),
      one_pin<pinnable_wide<polled>>(", wide counts"),
      handed_on(),
      two_pins<false>(),
      two_pins<true>(),
      two("a borrow of another gives the first back", borrows_another),
      two("given back, and borrowed again", borrows_again),
      two("pinned while others drop", pinned_while_others_drop),
      two("pinned while the tier outside is torn down", pinned_during_cascade),
      two("a pin shares what is inside it", shares_inside),
      two("a pin promotes against the last drop", promotes),
      two("the reclaimer looks while the CPU gives back", poll_against_return),
      two("the reclaimer looks while another comes", errand_against_drop),
      two("a slot goes from one CPU to another", slot_changes_hands),
      two("the last drop in an interrupt of the CPU that pins", dropped_in_interrupt),
      two("the reclaimer looks while a CPU comes up", cpu_comes_up),
      helped(),
      idle_cpu(),
  };
});

}  // namespace

}  // namespace trefoil::explorer
