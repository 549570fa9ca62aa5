// SPDX-License-Identifier: Apache-2.0
// Lazy pins: a pin is seen by whoever drops the last counted reference, what its CPU does happens
// before the teardown, several pins are served in turn, and what a CPU misses the reclaimer finds.
#include <memory>
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
using slots_of = detail::access::lazy_slots<T>;

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

/// Whatever waits still is found by the reclaimer.
void poll_for_stragglers() {
  for (int looks = 0; looks < 2; ++looks) static_cast<void>(polled::poll());
}

/// A CPU borrows from a task that runs there and goes on holding when that exits.
template <class T, class Tier>
void run_lazily(lazy_pin<T>& cpu, ref<T, Tier> task) {
  cpu.borrow(task);
  task.drop();
  cpu->use();
  cpu.give_back();
}

/// One CPU, and the last user elsewhere.
template <class T>
program one_pin(std::string name) {
  return program_of("one pin against the last drop" + std::move(name), 2, [] {
    {
      pin<T> cpu;
      ref_to<T, 0> user = make<T>();
      spawn_with(ref_to<T, 0>(user),
                 [&cpu](ref_to<T, 0> task) { run_lazily(cpu, std::move(task)); });
      user->use();
      user.drop();
      execution::current()->join_all();
    }
    poll_for_stragglers();
  });
}

/// The reference under which it pinned goes to another thread, which drops it: that publishes the pin.
program handed_on() {
  using T = pinnable<polled>;
  return program_of("the reference that was pinned under is dropped by another", 2, [] {
    {
      pin<T> cpu;
      platform::atomic<void*> given{nullptr};
      ref_to<T, 0> user = make<T>();
      spawn([&given] {
        void* const taken = given.load(std::memory_order_acquire);
        if (taken != nullptr) ref_to<T, 0>::adopt(taken).drop();
      });
      cpu.borrow(user);
      void* const handed = std::move(user).detach();
      given.store(handed, std::memory_order_release);
      cpu->use();
      cpu.give_back();
      execution::current()->join_all();
      // Not taken in time: still ours.
      if (journal::now().verdict(0).empty()) ref_to<T, 0>::adopt(handed).drop();
    }
    poll_for_stragglers();
  });
}

/// Two CPUs pin; the last drop is the first one's, or a third thread's.
program two_pins(bool third) {
  using T = pinnable<polled>;
  program p =
      program_of(third ? "two pins against the last drop" : "two pins, the last drop is one's",
                 third ? 3 : 2, [third] {
                   {
                     pin<T> a;
                     pin<T> b;
                     ref_to<T, 1> user = make<T>().share<lazy_stage>();
                     const auto lazily = [](pin<T>& cpu, ref_to<T, 1> task) {
                       spawn_with(std::move(task),
                                  [&cpu](ref_to<T, 1> own) { run_lazily(cpu, std::move(own)); });
                     };
                     lazily(a, user);
                     if (third) {
                       lazily(b, user);
                       user.drop();
                     } else {
                       run_lazily(b, std::move(user));
                     }
                     execution::current()->join_all();
                   }
                   poll_for_stragglers();
                 });
  p.large = third;
  return p;
}

/// From one kernel thread's mm to another's without giving back between.
program borrows_another() {
  using T = pinnable<polled>;
  return program_of("a borrow of another gives the first back", 2, [] {
    {
      pin<T> cpu;
      ref_to<T, 1> first = make<T>().share<lazy_stage>();
      ref_to<T, 1> second = make<T>().share<lazy_stage>();
      cpu.borrow(first);
      spawn_drop(std::move(first));
      cpu->use();
      cpu.borrow(second);
      second.drop();
      cpu->use();
      cpu.give_back();
      execution::current()->join_all();
    }
    poll_for_stragglers();
  });
}

/// Given back, and borrowed again under another reference: the slot says so again.
program borrows_again() {
  using T = pinnable<polled>;
  return program_of("given back, and borrowed again", 2, [] {
    {
      pin<T> cpu;
      ref_to<T, 1> user = make<T>().share<lazy_stage>();
      spawn_drop(ref_to<T, 1>(user));
      cpu.borrow(user);
      cpu->use();
      cpu.give_back();
      cpu.borrow(user);
      user.drop();
      cpu->use();
      cpu.give_back();
      execution::current()->join_all();
    }
    poll_for_stragglers();
  });
}

/// Pinned and shared by one of two holders: the other is not alone, whatever the count says.
program pinned_while_others_drop() {
  using T = pinnable<polled>;
  return program_of("pinned while others drop", 2, [] {
    {
      pin<T> cpu;
      ref_to<T, 0> user = make<T>();
      spawn_drop(ref_to<T, 0>(user));
      cpu.borrow(user);
      user.drop();
      ref_to<T, 2> bare = cpu.template share<tier_at<T, 2>>();
      cpu.give_back();
      bare->use();
      bare.drop();
      execution::current()->join_all();
    }
    poll_for_stragglers();
  });
}

/// Pinned, and its reference dropped, while the teardown of the tier outside is under way: whoever
/// did that is not alone with the rest, though the count says so.
program pinned_during_cascade() {
  using T = pinnable<polled>;
  return program_of("pinned while the tier outside is torn down", 2, [] {
    {
      pin<T> cpu;
      ref_to<T, 0> user = make<T>();
      ref_to<T, 1> lazy = user.template share<lazy_stage>();
      spawn_drop(std::move(user));
      cpu.borrow(lazy);
      lazy.drop();
      ref_to<T, 2> bare = cpu.template share<tier_at<T, 2>>();
      cpu.give_back();
      bare->use();
      bare.drop();
      execution::current()->join_all();
    }
    poll_for_stragglers();
  });
}

/// From what is pinned, a counted reference to what is inside; and to what may be gone.
program shares_inside() {
  using T = pinnable<polled>;
  return program_of("a pin shares what is inside it", 2, [] {
    {
      pin<T> cpu;
      ref_to<T, 0> user = make<T>();
      cpu.borrow(user);
      spawn_drop(std::move(user));
      ref_to<T, 2> bare = cpu.template share<tier_at<T, 2>>();
      cpu.give_back();
      bare->use();
      bare.drop();
      execution::current()->join_all();
    }
    poll_for_stragglers();
  });
}

program promotes() {
  using T = pinnable<polled>;
  return program_of("a pin promotes against the last drop", 2, [] {
    {
      pin<T> cpu;
      ref_to<T, 0> user = make<T>();
      cpu.borrow(user);
      spawn_drop(std::move(user));
      ref_to<T, 1> counted = cpu.template promote<lazy_stage>();
      cpu.give_back();
      if (counted) counted->use();
      counted.drop();
      execution::current()->join_all();
    }
    poll_for_stragglers();
  });
}

/// The errand looks at the inbox from which its CPU takes.
program poll_against_return() {
  using T = pinnable<polled>;
  return program_of("the reclaimer looks while the CPU gives back", 2, [] {
    {
      pin<T> cpu;
      ref_to<T, 1> user = make<T>().share<lazy_stage>();
      cpu.borrow(user);
      user.drop();  // to the inbox
      spawn([] { static_cast<void>(polled::poll()); });
      cpu->use();
      cpu.give_back();
      execution::current()->join_all();
    }
    poll_for_stragglers();
  });
}

/// An object comes to an inbox while the errand is at work, for another one's sake, that has gone: it
/// is found all the same.
program errand_against_drop() {
  using T = pinnable<polled>;
  return program_of("the reclaimer looks while another comes", 2, [] {
    {
      pin<T> cpu;
      ref_to<T, 1> first = make<T>().share<lazy_stage>();
      ref_to<T, 1> second = make<T>().share<lazy_stage>();
      cpu.borrow(first);
      first.drop();  // the errand is on its way
      cpu.give_back();
      auto* const missing = slots_of<T>::take();
      slots_of<T>::pin(*missing, detail::access::pinned(*second.address()));
      spawn([] { static_cast<void>(polled::poll()); });
      second.drop();
      execution::current()->join_all();
      missing->pinned.store(nullptr, std::memory_order_release);
      slots_of<T>::give_up(*missing);
    }
    poll_for_stragglers();
  });
}

/// The slot of a CPU that comes up is constructed when the errand finds it.
program cpu_comes_up() {
  using T = pinnable<polled>;
  return program_of("the reclaimer looks while a CPU comes up", 2, [] {
    {
      pin<T> cpu;
      ref_to<T, 1> user = make<T>().share<lazy_stage>();
      cpu.borrow(user);
      user.drop();
      spawn([] { static_cast<void>(polled::poll()); });
      const pin<T> another;
      execution::current()->join_all();
    }
    poll_for_stragglers();
  });
}

/// A CPU that comes up takes the slot of one that went down.
program slot_changes_hands() {
  using T = pinnable<polled>;
  return program_of("a slot goes from one CPU to another", 2, [] {
    {
      ref_to<T, 1> user = make<T>().share<lazy_stage>();
      spawn_with(ref_to<T, 1>(user), [](ref_to<T, 1> task) {
        pin<T> cpu;
        cpu.borrow(task);
        task.drop();
        cpu->use();
      });
      {
        pin<T> cpu;
        cpu.borrow(user);
        user.drop();
        cpu->use();
      }
      execution::current()->join_all();
    }
    poll_for_stragglers();
  });
}

/// In an interrupt of the CPU that pins, at any of its steps.
program dropped_in_interrupt() {
  using T = pinnable<polled>;
  return program_of("the last drop in an interrupt of the CPU that pins", 2, [] {
    {
      pin<T> cpu;
      ref_to<T, 1> user = make<T>().share<lazy_stage>();
      cpu.borrow(user);
      void* const given = std::move(user).detach();
      execution::current()->spawn(
          [given] {
            const scope here(any);
            ref_to<T, 1>::adopt(given).drop();
          },
          false, execution::current()->running());
      cpu->use();
      cpu.give_back();
      execution::current()->join_all();
    }
    poll_for_stragglers();
  });
}

/// Who helps the worker leaves it an errand that is to run again.
program helped() {
  using T = pinnable<worker>;
  return program_of("a helper takes the errand from the worker", 2, [] {
    ref_to<T, 1> user = make<T>().share<lazy_stage>();
    auto* const missing = slots_of<T>::take();
    execution::current()->until_idle();
    slots_of<T>::pin(*missing, detail::access::pinned(*user.address()));
    user.drop();
    static_cast<void>(worker::help());
    missing->pinned.store(nullptr, std::memory_order_release);
    execution::current()->until_idle();
    if (!journal::now().verdict().empty()) execution::current()->fail("an object is stranded");
  });
}

/// The worker alone sees to it that nothing stays where its CPU has missed it.
program idle_cpu() {
  using T = pinnable<worker>;
  program p = program_of("an idle CPU strands nothing", 3, [] {
    pin<T> cpu;
    ref_to<T, 1> user = make<T>().share<lazy_stage>();
    execution::current()->until_idle();
    cpu.borrow(user);
    spawn_drop(std::move(user));
    cpu->use();
    cpu.give_back();
    execution::current()->join_all();
    execution::current()->until_idle();
    if (!journal::now().verdict().empty()) execution::current()->fail("an object is stranded");
  });
  return p;
}

const registered lazy_programs("lazy", []() -> std::vector<program> {
  return {
      one_pin<pinnable<polled>>(""),
      one_pin<pinnable_wide<polled>>(", wide counts"),
      handed_on(),
      two_pins(false),
      two_pins(true),
      borrows_another(),
      borrows_again(),
      pinned_while_others_drop(),
      pinned_during_cascade(),
      shares_inside(),
      promotes(),
      poll_against_return(),
      errand_against_drop(),
      slot_changes_hands(),
      dropped_in_interrupt(),
      cpu_comes_up(),
      helped(),
      idle_cpu(),
  };
});

}  // namespace

}  // namespace trefoil::explorer
