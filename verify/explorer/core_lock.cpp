// SPDX-License-Identifier: Apache-2.0
// The short lock: one is inside, nobody sleeps for ever, who comes in sees what was done before.
#include <string>
#include <vector>

#include "trefoil/memory/short_lock.hpp"
#include "verify/explorer/core_memory.hpp"

namespace trefoil::explorer {

namespace {

template <class P>
struct guarded {
  short_lock<P> lock;
  cell<int> inside{0};

  void enter_and_leave() {
    lock.lock();
    visit();
  }
  void enter_at(context::level here) {
    const level_scope<P> scope(here);
    if (lock.lock_at(here)) visit();
  }
  void try_to_enter() {
    if (lock.try_lock()) visit();
  }
  void visit() {
    const int before = inside.get();
    inside.set(before + 1);
    lock.unlock();
  }
};

/// Each increments; nobody sleeps for ever, and who comes in sees what was done before.
template <class P>
program lock_of(unsigned threads, unsigned times, const char* how, context::level second) {
  return program_on_memory("a short lock: " + std::to_string(threads) + " threads, " +
                               std::to_string(times) + " times each, " + how,
                           threads, [threads, times, second] {
                             guarded<P> g;
                             for (unsigned i = 1; i < threads; ++i) {
                               spawn([&g, times, second] {
                                 for (unsigned t = 0; t < times; ++t) {
                                   if (second == process) g.enter_and_leave();
                                   if (second == atomic_level) g.enter_at(atomic_level);
                                   if (second == any) g.try_to_enter();
                                 }
                               });
                             }
                             for (unsigned t = 0; t < times; ++t) g.enter_at(process);
                             execution::current()->join_all();
                             g.lock.lock();
                             const int entered = g.inside.get();
                             g.lock.unlock();
                             const auto most = static_cast<int>(threads * times);
                             must(entered <= most, "somebody was inside more than once");
                             if (second == process || P::lock_turns != 0)
                               must(entered == most, "somebody's visit is lost");
                           });
}

const registered locks("memory", []() -> std::vector<program> {
  return {
      lock_of<patient>(2, 2, "one turn", process),
      lock_of<hasty>(2, 2, "no turn", process),
      lock_of<hasty>(3, 1, "no turn", process),
      lock_of<patient>(2, 2, "one turn, beside level atomic", atomic_level),
      lock_of<hasty>(3, 1, "no turn, beside level atomic", atomic_level),
      lock_of<hasty>(3, 1, "beside who tries", any),
  };
});

}  // namespace

}  // namespace trefoil::explorer
