// SPDX-License-Identifier: Apache-2.0
/// @file
/// Threads that make, copy, promote, defer and release in a loop while timers interrupt them at
/// random instants, and the handlers do the same at level `any`.
#pragma once

#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <mutex>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "../reclaim/support.hpp"
#include "../reclaim/watchdog.hpp"

#if !defined(sigev_notify_thread_id)
#define sigev_notify_thread_id _sigev_un._tid  // before glibc 2.38
#endif

namespace storm {

namespace context = trefoil::context;

/// Interrupts the thread that makes it, again and again.
class interval_timer {
 public:
  explicit interval_timer(long nanoseconds) {
    sigevent event{};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = SIGUSR1;
    event.sigev_notify_thread_id = gettid();
    made_ = timer_create(CLOCK_MONOTONIC, &event, &timer_) == 0;
    const itimerspec every{{0, nanoseconds}, {0, nanoseconds}};
    started_ = made_ && timer_settime(timer_, 0, &every, nullptr) == 0;
  }
  ~interval_timer() {
    if (made_) timer_delete(timer_);
  }
  interval_timer(const interval_timer&) = delete;
  interval_timer& operator=(const interval_timer&) = delete;
  [[nodiscard]] bool works() const { return started_; }

 private:
  timer_t timer_{};
  bool made_ = false;
  bool started_ = false;
};

/// Timers that only tick with the scheduler would need minutes.
inline bool timers_are_fine() {
  timespec resolution{};
  return clock_getres(CLOCK_MONOTONIC, &resolution) == 0 && resolution.tv_sec == 0 &&
         resolution.tv_nsec < 100'000;
}

/// What lived and what went wrong, over all threads. Handlers add to it: atomics only.
struct totals {
  std::atomic<long> born{0};
  std::atomic<long> gone{0};
  std::atomic<long> wrong{0};
  std::atomic<long> signals{0};
  std::atomic<long> in_pool{0};
  std::atomic<long> in_reclaimer{0};
  std::atomic<long> in_teardown{0};
  std::atomic<long> last_in_handler{0};
  std::atomic<long> deferred_in_handler{0};
};
inline totals all;

template <class P, context::level Level, int Stage>
struct stage {
  static constexpr auto teardown = Level;
  stage() noexcept { all.born.fetch_add(1, std::memory_order_relaxed); }
  stage(const stage&) = delete;
  stage& operator=(const stage&) = delete;
  ~stage() {
    all.gone.fetch_add(1, std::memory_order_relaxed);
    if (!context::allows(P::state().here(), Level) || std::exchange(alive, 0) != 1) {
      all.wrong.fetch_add(1, std::memory_order_relaxed);
    }
  }
  int alive = 1;
};

/// The outer tier looks at the inner one in its teardown: that must be there still.
template <class P, context::level Level, class Inner>
struct outer_stage : stage<P, Level, 0> {
  explicit outer_stage(Inner& i) noexcept : inner(&i) {}
  ~outer_stage() {
    if (inner->alive != 1) all.wrong.fetch_add(1, std::memory_order_relaxed);
  }
  Inner* inner;
};

/// All that one kind of platform and traits is put through.
template <class Traits, class PolledTraits, class FindableTraits>
class workshop {
  using P = typename Traits::platform;
  using worker = typename Traits::reclaimer;
  using polled = typename PolledTraits::reclaimer;
  using scope = context::basic_scope<P>;

  using inner = stage<P, context::any, 1>;
  using light = outer_stage<P, context::any, inner>;      // legal in a handler
  using heavy = outer_stage<P, context::process, inner>;  // has to be deferred there
  using easy = trefoil::basic_staged<Traits, light, inner>;
  using hard = trefoil::basic_staged<Traits, heavy, inner>;
  using loop = trefoil::basic_staged<PolledTraits, heavy, inner>;
  using found = trefoil::basic_staged<FindableTraits, light, inner>;

  /// Holds the next of its kind: their end is postponed to the end of the first.
  struct link : stage<P, context::any, 2> {
    explicit link(trefoil::ref<trefoil::basic_staged<Traits, link>>&& n) noexcept
        : next(std::move(n)) {}
    trefoil::ref<trefoil::basic_staged<Traits, link>> next;
  };
  using chain = trefoil::basic_staged<Traits, link>;

  /// A reference on its way between a thread and the handlers that interrupt it.
  template <class Ref>
  class mailbox {
   public:
    ~mailbox() { take().drop(); }
    /// Returns what was in it.
    Ref put(Ref r) noexcept { return Ref::adopt(at_.exchange(std::move(r).detach())); }
    Ref take() noexcept { return Ref::adopt(at_.exchange(nullptr)); }

   private:
    std::atomic<void*> at_{nullptr};
  };

  /// What a thread and its handlers work on.
  struct bench {
    const trefoil::ref<easy, light> easy_anchor = trefoil::make<easy>();
    const trefoil::ref<hard, heavy> hard_anchor = trefoil::make<hard>();
    const trefoil::ref<hard> hard_bare = hard_anchor.template share<inner>();
    mailbox<trefoil::ref<easy, light>> easy_mail;
    mailbox<trefoil::ref<hard, heavy>> hard_mail;
    mailbox<trefoil::ref<hard>> bare_mail;
    mailbox<trefoil::ref<loop, heavy>> loop_mail;
    mailbox<trefoil::ref<chain>> chain_mail;
  };

 public:
  /// Returns after that many signals.
  static void run(long signals, unsigned threads, bool async) {
    install();
    std::vector<std::thread> crowd;
    std::vector<pthread_t> ids(threads);
    std::atomic<unsigned> ready{0};
    const bool by_timer = async && timers_are_fine();
    for (unsigned t = 0; t < threads; ++t) {
      crowd.emplace_back([&, t] {
        ids[t] = pthread_self();
        bench mine;
        // A handler's first look at a thread-local must find it there: no timer before this.
        bench_ = &mine;
        {
          const interval_timer timer(by_timer ? 17'000 + 6'100 * static_cast<long>(t) : 0);
          if (!timer.works()) all.wrong.fetch_add(1);
          ready.fetch_add(1);
          std::minstd_rand random(t + 1);
          while (all.signals.load(std::memory_order_relaxed) < signals) work(mine, random);
        }
        silence();
        bench_ = nullptr;
        if (!P::state().at_rest()) all.wrong.fetch_add(1);
      });
    }
    if (!by_timer) {
      while (ready.load() != threads) std::this_thread::yield();
      while (all.signals.load() < signals) {
        for (const pthread_t id : ids) pthread_kill(id, SIGUSR1);
        std::this_thread::yield();
      }
    }
    for (std::thread& t : crowd) t.join();
    place.clear();
    while (polled::poll() != 0) {}
    EXPECT_TRUE(worker::flush());
    EXPECT_EQ(all.wrong.load(), 0);
    EXPECT_EQ(all.born.load(), all.gone.load());
    EXPECT_GE(all.signals.load(), signals);
    EXPECT_GT(all.last_in_handler.load(), 0);
    EXPECT_GT(all.deferred_in_handler.load(), 0);
    EXPECT_EQ(worker::counters().pending, 0U);
    EXPECT_EQ(polled::counters().pending, 0U);
    EXPECT_GT(worker::counters().run, 0U);
    EXPECT_GT(polled::counters().run, 0U);
    // No block was lost either: those of the threads came back at their ends.
    EXPECT_EQ(left_after_trim<easy>(), 0U);
    EXPECT_EQ(left_after_trim<hard>(), 0U);
    EXPECT_EQ(left_after_trim<loop>(), 0U);
    EXPECT_EQ(left_after_trim<chain>(), 0U);
  }

 private:
  static void install() {
    struct sigaction action {};
    action.sa_handler = &on_signal;
    action.sa_flags = SA_RESTART;
    ASSERT_EQ(sigaction(SIGUSR1, &action, nullptr), 0);
  }

  /// No signal comes after this, not even one that was on its way.
  static void silence() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
  }

  static void on_signal(int) {
    const scope here(context::any);
    all.signals.fetch_add(1, std::memory_order_relaxed);
    if (P::state().inside_teardown()) all.in_teardown.fetch_add(1, std::memory_order_relaxed);
    bench* const b = bench_;
    if constexpr (requires { P::interrupted(); }) {
      const auto where = P::interrupted();
      if (where.in_pool) all.in_pool.fetch_add(1, std::memory_order_relaxed);
      if (where.in_reclaimer) all.in_reclaimer.fetch_add(1, std::memory_order_relaxed);
      if (b != nullptr) handle(*b);
      P::resume(where);
    } else {
      if (b != nullptr) handle(*b);
    }
  }

  /// At level `any`, in the middle of anything.
  static void handle(bench& b) noexcept {
    {
      auto copy = b.easy_anchor;
      const auto low = copy.template share<inner>();
      const auto high = low.template promote<light>();
      if (!high || high->alive != 1) all.wrong.fetch_add(1);
      const auto user = b.hard_bare.template promote<heavy>();
      if (!user || user->inner->alive != 1) all.wrong.fetch_add(1);
      auto down = std::move(copy).template demote<inner>();
    }
    if (auto last = b.easy_mail.take()) {
      last.drop();  // inline, into the pool
      all.last_in_handler.fetch_add(1, std::memory_order_relaxed);
    }
    if (auto last = b.hard_mail.take()) {
      if (all.signals.load(std::memory_order_relaxed) % 2 == 0) {
        auto bare = std::move(last).template demote<inner>();
      } else {
        last.drop();
      }
      all.deferred_in_handler.fetch_add(1, std::memory_order_relaxed);
    }
    b.bare_mail.take().drop();
    b.loop_mail.take().drop();
    b.chain_mail.take().drop();
    if (auto f = place.template load<inner>()) {
      const auto whole = f.template promote<light>();
      if (f->alive != 1) all.wrong.fetch_add(1);
    }
    if (trefoil::try_make<easy>()) all.wrong.fetch_add(1);  // there is no memory at `any`
  }

  template <class T>
  static std::size_t left_after_trim() {
    trefoil::trim<T>();
    return trefoil::pooled::source<P, sizeof(T), alignof(T)>::bytes_reserved();
  }

  static trefoil::ref<chain> make_chain(int n) {
    trefoil::ref<chain> first;
    for (int i = 0; i < n; ++i) first = trefoil::make<chain>(std::move(first));
    return first;
  }

  static void work(bench& b, std::minstd_rand& random) {
    if (P::state().here() != context::process) all.wrong.fetch_add(1);
    switch (random() % 16) {
      case 0: b.easy_mail.put(trefoil::make<easy>()).drop(); break;
      case 1: b.hard_mail.put(trefoil::make<hard>()).drop(); break;
      case 2: {
        auto r = trefoil::make<hard>();
        b.bare_mail.put(r.template share<inner>()).drop();
        break;
      }
      case 3: b.loop_mail.put(trefoil::make<loop>()).drop(); break;
      case 4: b.chain_mail.put(make_chain(3)).drop(); break;
      case 5: place.store(trefoil::make<found>()); break;
      case 6: {
        auto r = trefoil::make<hard>();
        const scope here(context::atomic);
        r.drop();
        break;
      }
      case 7: {
        auto r = trefoil::make<loop>();
        r.drop(context::in_any);
        break;
      }
      case 8: static_cast<void>(polled::poll()); break;
      case 9: static_cast<void>(worker::help(8)); break;
      case 10: {
        trefoil::basic_deferred_list<P> later;
        trefoil::make<hard>().drop_into(later);
        make_chain(2).drop_into(later);
        break;
      }
      case 11: {
        std::array<trefoil::ref<easy, light>, 40> many;  // through the thread's list and back
        for (auto& r : many) r = trefoil::make<easy>();
        break;
      }
      case 12: {
        const scope here(context::any);
        auto r = b.easy_mail.take();
        auto h = b.hard_mail.take();
        break;
      }
      case 13: {
        if (const auto f = place.load()) {
          if (f->alive != 1) all.wrong.fetch_add(1);
        }
        break;
      }
      case 14:
        if (random() % 64 == 0) static_cast<void>(trefoil::trim<easy>());
        break;
      default:
        if (random() % 64 == 0) static_cast<void>(worker::flush());
        between();
        break;
    }
  }

  /// ThreadSanitizer delivers signals at calls that it knows, this one among them.
  static void between() {
    static std::mutex mutex;
    const std::lock_guard guard(mutex);
  }

  static inline thread_local bench* bench_ = nullptr;
  static inline trefoil::slot<trefoil::ref<found, light>> place;
};

}  // namespace storm
