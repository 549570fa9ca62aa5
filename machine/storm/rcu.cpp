// SPDX-License-Identifier: Apache-2.0
#include "machine/storm/rcu.hpp"

#include <csignal>
#include <cstddef>
#include <mutex>

namespace trefoil::machine {

namespace {

/// liburcu's thread for callbacks is no CPU: no interrupt may arrive on it. It starts with the mask of
/// whoever starts it.
void start_callback_thread() {
  static std::once_flag once;
  std::call_once(once, [] {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    static_cast<void>(urcu_memb_get_default_call_rcu_data());
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  });
}

}  // namespace

rcu::rcu(unsigned cpus) : cpus_(std::make_unique<per_cpu[]>(cpus)), count_(cpus) {
  start_callback_thread();
}
rcu::~rcu() { barrier(); }

void rcu::call(unsigned cpu, rcu_callback& c, rcu_callback::work run) noexcept {
  c.owner = this;
  c.cpu = cpu;
  c.run = run;
  c.called.store(true, std::memory_order_release);  // pairs with grace_period_over()
  urcu_memb_call_rcu(&c.head, grace_period_over);
}

void rcu::grace_period_over(rcu_head* head) noexcept {
  static_assert(offsetof(rcu_callback, head) == 0);
  auto& c = *reinterpret_cast<rcu_callback*>(head);
  static_cast<void>(c.called.load(std::memory_order_acquire));
  c.owner->cpus_[c.cpu].ripe.push(c.node);
}

void rcu::run_delivered(unsigned of_cpu, unsigned cpu) noexcept {
  deferred<platform>* oldest_first = nullptr;
  for (deferred<platform>* n = cpus_[of_cpu].ripe.take_if_any(); n != nullptr;) {
    deferred<platform>* const next = n->next.get();
    n->next.set(oldest_first);
    oldest_first = n;
    n = next;
  }
  if (oldest_first == nullptr) return;
  for (unsigned i = 0; i < count_; ++i) {
    // acquire: pairs with the releases of the sections that the grace periods have waited for
    static_cast<void>(cpus_[i].sections_ended.load(std::memory_order_acquire));
  }
  while (oldest_first != nullptr) {
    deferred<platform>* const next = oldest_first->next.get();
    auto& c = *reinterpret_cast<rcu_callback*>(reinterpret_cast<std::byte*>(oldest_first) -
                                               offsetof(rcu_callback, node));
    c.run(c, cpu);
    oldest_first = next;
  }
}

}  // namespace trefoil::machine
