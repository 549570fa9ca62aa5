// SPDX-License-Identifier: Apache-2.0
#include "machine/lock_checker.hpp"

#include <algorithm>
#include <string_view>

namespace trefoil::machine {

void lock_checker::acquire(held_locks& held, place where, mm::lock_class c) noexcept {
  if (!context::allows(level_of(flavour_, where), needed(c))) tell({rule::place, c, c, where});
  held.for_each([&](mm::lock_class outer) {
    if (outer >= c && c != mm::lock_class::other) tell({rule::order, c, outer, where});
  });
  held.push(c);
}

void lock_checker::tell(const report& r) noexcept {
  // acq_rel: who reads the count reads the reports; each has a place of its own
  const std::size_t n = count_.fetch_add(1, std::memory_order_acq_rel);
  if (n < most_kept) kept_[n] = r;
}

std::vector<lock_checker::report> lock_checker::reports() const {
  const auto kept = static_cast<std::ptrdiff_t>(std::min(count(), most_kept));
  return {kept_.begin(), kept_.begin() + kept};
}

namespace {

std::string_view name_of_place(place where) noexcept {
  switch (where) {
    case place::task: return "a task";
    case place::scheduler_tail: return "the scheduler's tail";
    case place::rcu_callback: return "an RCU callback";
    case place::softirq: return "a softirq";
    case place::hardirq: return "a hard interrupt";
  }
  return "?";
}

}  // namespace

std::string describe(const lock_checker::report& r) {
  std::string text(mm::name_of(r.taken));
  if (r.broken == lock_checker::rule::order) {
    text += " is taken under ";
    text += mm::name_of(r.held);
    return text + ", which comes after it: two CPUs can wait for each other";
  }
  text += " is taken in ";
  text += name_of_place(r.where);
  return text + (lock_checker::needed(r.taken) == context::process
                     ? ", where one may not sleep"
                     : ": what was interrupted may hold it, a deadlock");
}

}  // namespace trefoil::machine
