// SPDX-License-Identifier: Apache-2.0
// A handler at every point of an operation. Where the storm hits at random, this goes through all
// instants before and after an access to data that a handler could share, one after the other: the
// platform's atomics and cells call the handler.
#include <array>
#include <atomic>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "../reclaim/watchdog.hpp"
#include "../unit/sanitized.hpp"
#include "stepping.hpp"
#include "trefoil/trefoil.hpp"

namespace {

namespace context = trefoil::context;

/// The interruption: comes at the `left`-th point that this thread passes, once.
struct interruption {
  static inline constinit thread_local int left = 0;
  using action = void (*)();
  static inline constinit thread_local action handler = nullptr;

  static void pass() {
    if (left > 0 && --left == 0) handler();
  }
};

struct stoppable : trefoil::threads {
  template <class T>
  using atomic = stepping::atomic<interruption, T>;
  template <class T>
  using cell = stepping::cell<interruption, T>;

  static context::state<stoppable>& state() noexcept {
    static constinit thread_local context::state<stoppable> here;
    return here;
  }
  static void report(trefoil::misuse, const void*) noexcept { misuses.fetch_add(1); }
  static void enter(trefoil::region) noexcept { interruption::pass(); }
  static void leave(trefoil::region) noexcept { interruption::pass(); }
  /// Shows when the worker has announced its sleep; it is reset before the worker runs anything.
  static void wait(std::atomic<std::uint32_t>& word, std::uint32_t expected) noexcept {
    if (is_test) return threads::wait(word, expected);
    asleep = true;
    asleep.notify_all();
    threads::wait(word, expected);
    asleep = false;
  }

  static inline std::atomic<int> misuses{0};
  static inline std::atomic<bool> asleep{false};
  static inline constinit thread_local bool is_test = false;
};

using P = stoppable;
using scope = context::basic_scope<P>;
using worker = trefoil::basic_worker<P>;
struct loop_tag;
using polled = trefoil::basic_polled<P, loop_tag>;

std::atomic<int> born{0};
std::atomic<int> gone{0};
std::atomic<int> wrong{0};

template <context::level Level, int Stage>
struct stage {
  static constexpr auto teardown = Level;
  stage() noexcept { born.fetch_add(1); }
  stage(const stage&) = delete;
  stage& operator=(const stage&) = delete;
  ~stage() {
    if (!context::allows(P::state().here(), Level) || std::exchange(alive, 0) != 1)
      wrong.fetch_add(1);
    gone.fetch_add(1);
  }
  int alive = 1;
};
/// Torn down where it was made, or it was deferred for no reason.
struct stays_here : stage<context::process, 0> {
  ~stays_here() {
    if (std::this_thread::get_id() != home) wrong.fetch_add(1);
  }
  std::thread::id home = std::this_thread::get_id();
};
using low = stage<context::any, 1>;
using light = stage<context::any, 0>;
using heavy = stage<context::process, 0>;

struct on_worker : trefoil::default_traits {
  using platform = P;
  using reclaimer = worker;
};
struct on_loop : on_worker {
  using reclaimer = polled;
};
struct on_table : on_worker {
  static constexpr bool findable = true;
};
using easy = trefoil::basic_staged<on_worker, light, low>;
using hard = trefoil::basic_staged<on_worker, heavy, low>;
using looped = trefoil::basic_staged<on_loop, heavy, low>;
using found = trefoil::basic_staged<on_table, light, low>;
struct link : stage<context::any, 2> {
  explicit link(trefoil::ref<trefoil::basic_staged<on_worker, link>>&& n) noexcept
      : next(std::move(n)) {}
  trefoil::ref<trefoil::basic_staged<on_worker, link>> next;
};
using chain = trefoil::basic_staged<on_worker, link>;
using local = trefoil::basic_staged<on_worker, stays_here>;
/// Its teardown postpones others, which must wait for its end and not for that of a handler.
struct holder : stage<context::process, 3> {
  explicit holder(trefoil::ref<local>&& a, trefoil::ref<local>&& b) noexcept
      : first(std::move(a)), second(std::move(b)) {}
  ~holder() {
    first.drop();
    auto in_between = trefoil::try_make<easy>();
    in_between.drop();
    second.drop();
  }
  trefoil::ref<local> first;
  trefoil::ref<local> second;
};
using holding = trefoil::basic_staged<on_worker, holder>;

/// No block was lost: with all objects gone, all of the memory goes.
template <class T>
std::size_t left_after_trim() {
  trefoil::trim<T>();
  return trefoil::pooled::source<P, sizeof(T), alignof(T)>::bytes_reserved();
}

/// What operations and handlers work on. Made anew for each interruption, out of reach of handlers.
struct fixture {
  trefoil::ref<easy, light> easy_a = trefoil::make<easy>();
  trefoil::ref<easy, low> easy_low = easy_a.share<low>();
  trefoil::ref<hard, heavy> hard_a = trefoil::make<hard>();
  trefoil::ref<hard, low> hard_low = hard_a.share<low>();
  trefoil::ref<looped, heavy> looped_a = trefoil::make<looped>();
  trefoil::ref<found, light> found_a = trefoil::make<found>();
  trefoil::ref<chain> chain_a =
      trefoil::make<chain>(trefoil::make<chain>(trefoil::make<chain>(nullptr)));
  trefoil::ref<holding> holder_a =
      trefoil::make<holding>(trefoil::make<local>(), trefoil::make<local>());
  trefoil::slot<trefoil::ref<found, light>> slot{trefoil::make<found>()};

  // The handler's own. Those are last references.
  trefoil::ref<easy, light> handler_easy = trefoil::make<easy>();
  trefoil::ref<hard, heavy> handler_hard = trefoil::make<hard>();
  trefoil::ref<looped, heavy> handler_looped = trefoil::make<looped>();
  trefoil::ref<chain> handler_chain = trefoil::make<chain>(trefoil::make<chain>(nullptr));
  // And this one keeps something that the operation may be about to give up.
  trefoil::ref<easy, low> handler_low = easy_a.share<low>();
  trefoil::ref<hard, low> handler_hard_low = hard_a.share<low>();
};
fixture* now = nullptr;

struct named {
  const char* name;
  std::function<void(fixture&)> does;
};

const std::vector<named>& operations() {
  static const std::vector<named> all{
      {"make", [](fixture&) { auto r = trefoil::make<easy>(); }},
      {"make one that defers", [](fixture&) { auto r = trefoil::make<hard>(); }},
      {"many",
       [](fixture&) {
         std::array<trefoil::ref<easy, light>, 12> some;
         for (auto& r : some) r = trefoil::make<easy>();
       }},
      {"more than a thread keeps for itself",
       [](fixture&) {
         // A stock is 65. (Under ThreadSanitizer, which takes much longer, one refill.)
         std::vector<trefoil::ref<easy, light>> some(test::under_thread_sanitizer ? 34 : 70);
         for (auto& r : some) r = trefoil::make<easy>();
       }},
      {"copy", [](fixture& f) { auto copy = f.easy_a; }},
      {"share", [](fixture& f) { auto other = f.easy_a.share<low>(); }},
      {"promote",
       [](fixture& f) {
         if (!f.easy_low.promote<light>()) wrong.fetch_add(1);
       }},
      {"demote", [](fixture& f) { f.easy_low = std::move(f.easy_a).demote<low>(); }},
      {"drop, not the last", [](fixture& f) { f.easy_a.drop(); }},
      {"drop, the last but for the handler's",
       [](fixture& f) {
         f.easy_low.drop();
         f.easy_a.drop();
       }},
      {"drop at any",
       [](fixture& f) {
         const scope here(context::any);
         f.easy_a.drop();
       }},
      {"drop that defers",
       [](fixture& f) {
         const scope here(context::atomic);
         f.hard_a.drop();
       }},
      {"drop that defers to the loop",
       [](fixture& f) {
         const scope here(context::any);
         f.looped_a.drop();
       }},
      {"drop of what drops others", [](fixture& f) { f.holder_a.drop(); }},
      {"drop of a chain", [](fixture& f) { f.chain_a.drop(); }},
      {"drop of a chain at any",
       [](fixture& f) {
         const scope here(context::any);
         f.chain_a.drop();
       }},
      {"drop into a list",
       [](fixture& f) {
         trefoil::basic_deferred_list<P> later;
         f.hard_a.drop_into(later);
         f.chain_a.drop_into(later);
         later.run();
       }},
      {"help",
       [](fixture& f) {
         f.hard_a.drop(context::in_any);
         static_cast<void>(worker::help());
       }},
      {"help when there is nothing to do", [](fixture&) { static_cast<void>(worker::help()); }},
      {"poll",
       [](fixture& f) {
         f.looped_a.drop(context::in_any);
         static_cast<void>(polled::poll());
       }},
      {"poll at atomic",
       [](fixture& f) {
         const scope here(context::atomic);
         f.looped_a.drop();
         static_cast<void>(polled::poll());
       }},
      {"flush",
       [](fixture& f) {
         f.hard_a.drop(context::in_any);
         worker::flush();
       }},
      {"trim", [](fixture&) { static_cast<void>(trefoil::trim<easy>()); }},
      {"find",
       [](fixture& f) {
         auto r = trefoil::try_acquire<light>(f.found_a.address());
         if (!r) wrong.fetch_add(1);
       }},
      {"load from a slot",
       [](fixture& f) {
         if (!f.slot.load()) wrong.fetch_add(1);
       }},
      {"store in a slot", [](fixture& f) { f.slot.store(std::move(f.found_a)); }},
      {"scopes",
       [](fixture&) {
         const scope outer(context::atomic);
         const scope inner(context::any);
       }},
  };
  return all;
}

const std::vector<named>& handlers() {
  static const std::vector<named> all{
      {"drops the last of what may go at once", [](fixture& f) { f.handler_easy.drop(); }},
      {"drops the last of what has to be deferred", [](fixture& f) { f.handler_hard.drop(); }},
      {"drops the last of what the loop runs", [](fixture& f) { f.handler_looped.drop(); }},
      {"drops a chain", [](fixture& f) { f.handler_chain.drop(); }},
      {"drops what may now be the last",
       [](fixture& f) {
         f.handler_low.drop();
         f.handler_hard_low.drop();
       }},
      {"promotes and drops",
       [](fixture& f) {
         auto e = f.handler_low.promote<light>();
         auto h = f.handler_hard_low.promote<heavy>();
         f.handler_low.drop();
         if (trefoil::try_make<easy>()) wrong.fetch_add(1);  // there is no memory at `any`
       }},
      {"uses the slot",
       [](fixture& f) {
         auto r = f.slot.load();
         if (!r) wrong.fetch_add(1);
         f.slot.store(std::move(r));
       }},
  };
  return all;
}

const named* current_handler = nullptr;

void handle() {
  const scope here(context::any);
  current_handler->does(*now);
}

class every_point : public testing::TestWithParam<std::size_t> {};

TEST_P(every_point, is_a_good_one) {
  const named& operation = operations()[GetParam()];
  interruption::handler = &handle;
  P::is_test = true;
  int points = 0;
  for (const named& handler : handlers()) {
    current_handler = &handler;
    for (int at = 1;; ++at) {
      SCOPED_TRACE(std::string(operation.name) + "; the handler " + handler.name + ", at point " +
                   std::to_string(at));
      bool interrupted = false;
      {
        fixture f;
        now = &f;
        P::asleep.wait(false);  // nobody but this thread is at anything
        interruption::left = at;
        operation.does(f);
        interrupted = interruption::left == 0;
        interruption::left = 0;
        now = nullptr;
      }
      // Whatever was deferred is on its way: nothing more is pushed here, nobody flushes.
      while (worker::counters().pending != 0) std::this_thread::yield();
      while (polled::poll() != 0) {}
      ASSERT_EQ(polled::counters().pending, 0U);
      ASSERT_EQ(wrong.load(), 0);
      ASSERT_EQ(P::misuses.load(), 0);
      ASSERT_TRUE(P::state().at_rest());
      worker::flush();  // `pending` goes down before the teardown
      ASSERT_EQ(born.load(), gone.load());
      if (!interrupted) break;
      ++points;
    }
  }
  EXPECT_GT(points, static_cast<int>(handlers().size()));
  EXPECT_EQ(left_after_trim<easy>(), 0U);
  EXPECT_EQ(left_after_trim<hard>(), 0U);
  EXPECT_EQ(left_after_trim<looped>(), 0U);
  EXPECT_EQ(left_after_trim<chain>(), 0U);
  EXPECT_EQ(left_after_trim<local>(), 0U);
  EXPECT_EQ(left_after_trim<holding>(), 0U);
}

INSTANTIATE_TEST_SUITE_P(signals, every_point, testing::Range(std::size_t{0}, operations().size()),
                         [](const auto& operation) {
                           std::string name = operations()[operation.param].name;
                           for (char& c : name) {
                             if (std::isalpha(static_cast<unsigned char>(c)) == 0) c = '_';
                           }
                           return name;
                         });

}  // namespace
