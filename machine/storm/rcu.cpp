// SPDX-License-Identifier: Apache-2.0
#include "machine/storm/rcu.hpp"

#include <chrono>
#include <csignal>
#include <cstddef>
#include <utility>

#include "machine/storm/thread_for.hpp"

namespace trefoil::machine {

namespace {

/// As long as liburcu's thread gathers: callbacks come in crowds, and one grace period does for many.
constexpr std::chrono::milliseconds gathers{10};

rcu_callback& of(deferred<platform>& node) noexcept {
  return reinterpret_cast<rcu_callback&>(
      *(reinterpret_cast<std::byte*>(&node) - offsetof(rcu_callback, node)));
}

deferred<platform>* oldest_first(deferred<platform>* newest_first) noexcept {
  deferred<platform>* turned = nullptr;
  while (newest_first != nullptr) {
    deferred<platform>* const next = newest_first->next.get();
    newest_first->next.set(turned);
    turned = std::exchange(newest_first, next);
  }
  return turned;
}

}  // namespace

rcu::rcu(unsigned cpus) : cpus_(std::make_unique<per_cpu[]>(cpus)), count_(cpus) {
  // It is no CPU: no interrupt may arrive on it. It starts with the mask of whoever starts it.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    waiter_ = thread_for("RCU", [this] { wait_for_grace_periods(); });
  } catch (...) {
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

rcu::~rcu() {
  barrier();
  ending_.store(true, std::memory_order_relaxed);
  rouse();
  waiter_.join();
}

void rcu::call(unsigned cpu, rcu_callback& c, rcu_callback::work run) noexcept {
  c.cpu = cpu;
  c.run = run;
  asked_.fetch_add(1, std::memory_order_relaxed);  // before it can be delivered: barrier() compares
  if (waiting_.push(c.node)) rouse();
}

void rcu::rouse() noexcept {
  rouses_.fetch_add(1, std::memory_order_release);  // pairs with the acquire of who waits
  rouses_.notify_one();
}

void rcu::wait_for_grace_periods() noexcept {
  for (;;) {
    const std::uint32_t before = rouses_.load(std::memory_order_acquire);
    if (waiting_.empty()) {
      if (ending_.load(std::memory_order_relaxed)) return;
      if (waiting_.mark_asleep()) rouses_.wait(before, std::memory_order_acquire);
      continue;
    }
    std::this_thread::sleep_for(gathers);
    deferred<platform>* n = oldest_first(waiting_.take_all());
    urcu_memb_synchronize_rcu();
    std::uint64_t some = 0;
    while (n != nullptr) {
      deferred<platform>* const next = n->next.get();
      cpus_[of(*n).cpu].ripe.push(*n);  // it may be gone from here on
      ++some;
      n = next;
    }
    delivered_.fetch_add(some, std::memory_order_release);  // pairs with barrier()
    delivered_.notify_all();
  }
}

void rcu::barrier() noexcept {
  const std::uint64_t asked = asked_.load(std::memory_order_relaxed);
  for (;;) {
    const std::uint64_t delivered = delivered_.load(std::memory_order_acquire);
    if (delivered >= asked) return;
    delivered_.wait(delivered, std::memory_order_acquire);
  }
}

void rcu::run_delivered(unsigned of_cpu, unsigned cpu) noexcept {
  deferred<platform>* n = oldest_first(cpus_[of_cpu].ripe.take_if_any());
  if (n == nullptr) return;
  for (unsigned i = 0; i < count_; ++i) {
    // acquire: pairs with the releases of the sections that the grace periods have waited for
    static_cast<void>(cpus_[i].sections_ended.load(std::memory_order_acquire));
  }
  while (n != nullptr) {
    deferred<platform>* const next = n->next.get();
    rcu_callback& c = of(*n);
    c.run(c, cpu);
    n = next;
  }
}

}  // namespace trefoil::machine
