// SPDX-License-Identifier: Apache-2.0
// An execution's waiting threads: who sleeps or spins, and what lets them go on.
#include <algorithm>
#include <array>

#include "verify/explorer/execution.hpp"
#include "verify/explorer/thread.hpp"

namespace trefoil::explorer {

void execution::wait(location& word, std::uint64_t expected) {
  step({.location = word.number, .sleepers = word.number}, "wait", word.address);
  tick();
  touch(word);
  if (word.stores.back().value != expected) return;  // the kernel sees the newest
  thread& self = *threads_[running_];
  self.waits_on = &word;
  self.state = doing::sleeps;
  step({}, "is woken", word.address);
}

void execution::wait_in_time(location& word, std::uint64_t expected) {
  thread& self = *threads_[running_];
  self.wakes_in_time = times_to_wake_ != 0;
  wait(word, expected);
  self.wakes_in_time = false;
}

void execution::let_time_pass() {
  for (unsigned i = 0; i < threads_.size(); ++i) {
    thread& t = *threads_[i];
    if (t.state != doing::sleeps || !t.wakes_in_time) continue;
    --times_to_wake_;
    t.state = doing::steps;
    t.waits_on = nullptr;
    for (const auto& other : threads_) t.known.join(other->known);
    search_.join_all(i);
    return;
  }
}

void execution::wake(const void* word, bool all) {
  const auto known = std::find_if(locations_.rbegin(), locations_.rend(),
                                  [&](const auto& l) { return l->address == word; });
  if (known == locations_.rend()) return;  // nobody has ever waited there
  const location* const waited_on = known->get();
  step({.sleepers = waited_on->number}, all ? "wake_all" : "wake_one", word);
  tick();
  std::array<unsigned, most_threads> sleepers{};
  unsigned count = 0;
  for (unsigned i = 0; i < threads_.size(); ++i) {
    thread& t = *threads_[i];
    if (t.state == doing::sleeps && t.waits_on == waited_on) sleepers[count++] = i;
  }
  if (count == 0) return;
  const unsigned first = all ? 0 : search_.choose_value(count);
  const unsigned end = all ? count : first + 1;
  for (unsigned i = first; i < end; ++i) {
    threads_[sleepers[i]]->state = doing::steps;
    threads_[sleepers[i]]->waits_on = nullptr;
    search_.released(sleepers[i]);
  }
}

void execution::relax() {
  // The turn saw the newest of everything, and nobody has stored since it began: the next one would
  // be the same.
  thread& self = *threads_[running_];
  if (!self.read_stale && self.stores_before == stores_) self.state = doing::spins;
  step({}, "relax", nullptr);
  self.read_stale = false;
  self.stores_before = stores_;
}

void execution::join_all() {
  threads_[running_]->state = doing::joins;
  let_joiners_go();
  step({}, "has joined all", nullptr);
  thread& self = *threads_[running_];
  for (const auto& t : threads_) {
    if (t->state == doing::ended) self.known.join(t->known);
  }
}

void execution::let_joiners_go() {
  const auto to_wait_for = [](const auto& t) {
    return !t->daemon && t->state != doing::ended && t->state != doing::joins;
  };
  if (std::any_of(threads_.begin(), threads_.end(), to_wait_for)) return;
  for (unsigned i = 0; i < threads_.size(); ++i) {
    if (threads_[i]->state != doing::joins) continue;
    threads_[i]->state = doing::steps;
    search_.join_all(i);
  }
}

void execution::until_idle() {
  threads_[running_]->state = doing::idles;
  step({}, "all others are idle", nullptr);
}

void execution::let_idlers_go() {
  for (unsigned i = 0; i < threads_.size(); ++i) {
    if (threads_[i]->state != doing::idles) continue;
    threads_[i]->state = doing::steps;
    search_.join_all(i);
  }
}

void execution::learn_all() {
  knowledge& mine = threads_[running_]->known;
  for (const auto& t : threads_) mine.join(t->known);
}

}  // namespace trefoil::explorer
