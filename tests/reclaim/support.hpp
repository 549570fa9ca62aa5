// SPDX-License-Identifier: Apache-2.0
/// @file
/// What the tests of reclaimers and pool share.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <latch>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "trefoil/trefoil.hpp"

namespace test {

using trefoil::misuse;
namespace context = trefoil::context;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = false;
#endif

/// Sanitizers cost a factor of ten or so, and find with a tenth of the rounds what they can find.
constexpr int rounds(int n) { return sanitized ? n / 10 : n; }

/// An ordinary process, but one of many: each Tag has a worker, counters and thread states of its
/// own, so that a test starts from zeros and can count exactly. Misuses are counted, not printed.
template <class Tag>
struct own_threads : trefoil::threads {
  static context::state<own_threads>& state() noexcept {
    static constinit thread_local context::state<own_threads> here;
    return here;
  }
  static void report(misuse kind, const void*) noexcept {
    reports[static_cast<std::size_t>(kind)].fetch_add(1, std::memory_order_relaxed);
  }
  static std::uint64_t reported(misuse kind) noexcept {
    return reports[static_cast<std::size_t>(kind)].load(std::memory_order_relaxed);
  }
  static std::uint64_t reported_at_all() noexcept {
    std::uint64_t sum = 0;
    for (const auto& count : reports) sum += count.load(std::memory_order_relaxed);
    return sum;
  }

 private:
  static inline constinit std::array<std::atomic<std::uint64_t>, trefoil::misuse_kinds> reports{};
};

template <class P>
using scope = context::basic_scope<P>;

template <class P, class Reclaimer = trefoil::basic_worker<P>>
struct traits_on : trefoil::default_traits {
  using platform = P;
  using reclaimer = Reclaimer;
};

/// One teardown, as the tier's destructor saw it.
struct teardown_seen {
  int object;
  int stage;
  context::level level;
  std::thread::id thread;
};

/// Teardowns in the order in which they happened.
class journal {
 public:
  void add(int object, int stage, context::level level) {
    const std::lock_guard guard(mutex_);
    seen_.push_back({object, stage, level, std::this_thread::get_id()});
  }
  [[nodiscard]] std::vector<teardown_seen> entries() const {
    const std::lock_guard guard(mutex_);
    return seen_;
  }
  [[nodiscard]] std::size_t size() const { return entries().size(); }
  /// The objects alone, for tests of order.
  [[nodiscard]] std::vector<int> objects() const {
    std::vector<int> result;
    for (const teardown_seen& t : entries()) result.push_back(t.object);
    return result;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<teardown_seen> seen_;
};

/// A tier that writes its teardown down.
template <class P, int Stage, context::level Level>
struct noted {
  static constexpr auto teardown = Level;
  noted(int id, journal& j) noexcept : object(id), log(&j) {}
  noted(const noted&) = delete;
  noted& operator=(const noted&) = delete;
  ~noted() { log->add(object, Stage, P::state().here()); }

  int object;
  journal* log;
};

/// make<T>, every tier with the same two arguments.
template <class T>
struct noting;
template <class Traits, class... Tiers>
struct noting<trefoil::basic_staged<Traits, Tiers...>> {
  static auto make(int id, journal& log) {
    return trefoil::make<trefoil::basic_staged<Traits, Tiers...>>(trefoil::with<Tiers>(id, log)...);
  }
};
template <class T>
auto make_noted(int id, journal& log) {
  return noting<T>::make(id, log);
}

/// A tier whose teardown does what the test says.
template <context::level Level, int Stage = 0>
struct acting {
  static constexpr auto teardown = Level;
  acting() noexcept = default;
  explicit acting(std::function<void()> f) : act(std::move(f)) {}
  acting(const acting&) = delete;
  acting& operator=(const acting&) = delete;
  ~acting() {
    if (act) act();
  }

  std::function<void()> act;
};

/// An object of one tier that does what the test says.
template <class P, context::level Level, class Reclaimer = trefoil::basic_worker<P>>
using action = trefoil::basic_staged<traits_on<P, Reclaimer>, acting<Level>>;

/// Gives a reference back as a place of that level does.
template <class P, class Ref>
void drop_at(context::level level, Ref r) {
  const scope<P> here(level);
  r.drop();
}

/// Keeps the worker of P inside a teardown, so that what is deferred meanwhile stays pending.
template <class P>
class held_worker {
 public:
  held_worker() {
    drop_at<P>(context::atomic, trefoil::make<action<P, context::process>>([this] {
                 began_.count_down();
                 go_.wait();
               }));
    began_.wait();
  }
  held_worker(const held_worker&) = delete;
  held_worker& operator=(const held_worker&) = delete;
  /// Lets it go, and waits for it: the worker uses the latches until then.
  ~held_worker() {
    release();
    trefoil::basic_worker<P>::flush();
  }
  void release() {
    if (!std::exchange(released_, true)) go_.count_down();
  }

 private:
  bool released_ = false;
  std::latch began_{1};
  std::latch go_{1};
};

}  // namespace test
