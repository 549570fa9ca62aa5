// SPDX-License-Identifier: Apache-2.0
// The explorer's own soundness: small programs of which is known what they may do.
#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "verify/explorer/execution.hpp"
#include "verify/explorer/platform.hpp"
#include "verify/explorer/program.hpp"

namespace trefoil::explorer {

namespace {

using order = std::memory_order;
constexpr order relaxed = std::memory_order_relaxed;
constexpr order acquire = std::memory_order_acquire;
constexpr order release = std::memory_order_release;
constexpr order acq_rel = std::memory_order_acq_rel;
constexpr order seq_cst = std::memory_order_seq_cst;

unsigned spawn(std::function<void()> f) { return execution::current()->spawn(std::move(f)); }

/// Locations and results; anew in each execution.
struct board {
  atomic<int> x{0};
  atomic<int> y{0};
  atomic<int> z{0};
  cell<int> data{0};
  int r[4] = {-1, -1, -1, -1};
};
board& fresh() {
  static std::optional<board> here;
  static std::uint64_t of = 0;
  if (of != execution::current()->number()) {
    of = execution::current()->number();
    here.emplace();
  }
  return *here;
}
board* last = nullptr;

/// `seen`: the outcome in question. It is reached, and reported as a violation, or never.
program outcome_of(std::string name, unsigned threads, bool reached, std::function<void(board&)> a,
                   std::vector<std::function<void(board&)>> others,
                   std::function<bool(const board&)> seen) {
  program p;
  p.name = std::move(name);
  p.threads = threads;
  p.expected = reached ? 1 : 0;
  p.main = [a = std::move(a), others = std::move(others)] {
    board& b = fresh();
    last = &b;
    for (const auto& f : others) spawn([&b, f] { f(b); });
    a(b);
  };
  p.at_end = [seen = std::move(seen)] {
    return seen(*last) ? std::string("the outcome in question") : std::string();
  };
  return p;
}

program message_passing(const char* name, order to, order from, bool reached) {
  return outcome_of(
      name, 2, reached,
      [to](board& b) {
        b.x.store(1, relaxed);
        b.y.store(1, to);
      },
      {[from](board& b) {
        b.r[0] = b.y.load(from);
        b.r[1] = b.x.load(relaxed);
      }},
      [](const board& b) { return b.r[0] == 1 && b.r[1] == 0; });
}

program store_buffering(const char* name, order o, bool reached) {
  const order from = o == seq_cst ? seq_cst : acquire;
  return outcome_of(
      name, 2, reached,
      [o, from](board& b) {
        b.x.store(1, o);
        b.r[0] = b.y.load(from);
      },
      {[o, from](board& b) {
        b.y.store(1, o);
        b.r[1] = b.x.load(from);
      }},
      [](const board& b) { return b.r[0] == 0 && b.r[1] == 0; });
}

program iriw(const char* name, order to, order from, bool reached) {
  return outcome_of(
      name, 4, reached, [to](board& b) { b.x.store(1, to); },
      {[to](board& b) { b.y.store(1, to); },
       [from](board& b) {
         b.r[0] = b.x.load(from);
         b.r[1] = b.y.load(from);
       },
       [from](board& b) {
         b.r[2] = b.y.load(from);
         b.r[3] = b.x.load(from);
       }},
      [](const board& b) { return b.r[0] == 1 && b.r[1] == 0 && b.r[2] == 1 && b.r[3] == 0; });
}

program load_buffering() {
  return outcome_of(
      "litmus: load buffering, relaxed (not modelled: never seen)", 2, false,
      [](board& b) {
        b.r[0] = b.x.load(relaxed);
        b.y.store(1, relaxed);
      },
      {[](board& b) {
        b.r[1] = b.y.load(relaxed);
        b.x.store(1, relaxed);
      }},
      [](const board& b) { return b.r[0] == 1 && b.r[1] == 1; });
}

program coherence() {
  return outcome_of(
      "litmus: two reads of one location do not go back", 2, false,
      [](board& b) {
        b.x.store(1, relaxed);
        b.x.store(2, relaxed);
      },
      {[](board& b) {
        b.r[0] = b.x.load(relaxed);
        b.r[1] = b.x.load(relaxed);
      }},
      [](const board& b) { return b.r[1] < b.r[0]; });
}

// The same value twice: who reads the first knows less, though both were there when he came.
program same_value_twice(const char* name, order first, bool reached) {
  return outcome_of(
      name, 2, reached,
      [first](board& b) {
        if (first == release) b.y.store(1, relaxed);
        b.x.store(1, first);
        if (first != release) b.y.store(1, relaxed);
        b.x.store(1, release);
        b.z.store(1, relaxed);
      },
      {[](board& b) {
        b.r[0] = b.z.load(relaxed);
        b.r[1] = b.x.load(acquire);
        b.r[2] = b.y.load(relaxed);
      }},
      [](const board& b) { return b.r[0] == 1 && b.r[1] == 1 && b.r[2] == 0; });
}

program release_sequence(const char* name, order rmw, bool plain, bool reached) {
  return outcome_of(
      name, 3, reached,
      [](board& b) {
        b.data.set(1);
        b.x.store(1, release);
      },
      {[rmw, plain](board& b) {
         if (plain) {
           if (b.x.load(relaxed) == 1) b.x.store(2, rmw);
         } else {
           int one = 1;
           b.x.compare_exchange_strong(one, 2, rmw, relaxed);
         }
       },
       [](board& b) {
         if (b.x.load(acquire) == 2) b.r[0] = b.data.get();  // a race, unless 2 hands on
       }},
      [](const board&) { return false; });
}

/// Two holders write and drop; the last one tears down what both wrote.
program counted_drop(const char* name, order decrement, order last_look, bool violates) {
  program p;
  p.name = name;
  p.threads = 2;
  p.expected = violates ? 1 : 0;
  p.main = [decrement, last_look] {
    board& b = fresh();
    b.x.store(2, relaxed);
    const auto drop = [&b, decrement, last_look] {
      static_cast<void>(b.data.get());
      if (b.x.fetch_sub(1, decrement) != 1) return;
      if (last_look != relaxed) static_cast<void>(b.x.load(last_look));
      b.data.set(0);  // the teardown
    };
    spawn(drop);
    drop();
  };
  return p;
}

/// A known-broken upgrade from weak to strong: counts first, looks afterwards, and undoes it. A
/// second upgrade sees the first one's speculative count, and a third thread the undone one.
program speculative_upgrade(unsigned threads, thoroughness how, std::uint64_t violations) {
  program p;
  p.name = "known broken: speculative upgrade, " + std::to_string(threads) + " threads" +
           (how == thoroughness::every ? ", every interleaving" : "");
  p.threads = threads;
  p.expected = violations;
  p.how = how;
  p.main = [threads] {
    board& b = fresh();
    last = &b;
    b.r[0] = 0;  // times destroyed
    b.x.store(1, relaxed);
    const auto put = [&b] {
      if (b.x.fetch_sub(1, acq_rel) == 1) ++b.r[0];
    };
    const auto upgrade = [&b, put] {
      if (b.x.fetch_add(1, acq_rel) == 0) {
        b.x.fetch_sub(1, acq_rel);  // undone: it was dead. Whoever came meanwhile does not know.
        return;
      }
      put();
    };
    for (unsigned i = 1; i < threads; ++i) spawn(upgrade);
    put();
  };
  p.at_end = [] {
    return last->r[0] == 1 ? std::string() : "destroyed " + std::to_string(last->r[0]) + " times";
  };
  return p;
}

program lost_wake_up(bool broken) {
  program p;
  p.name = broken ? "known broken: sleep without a look at the word" : "sleep and wake";
  p.threads = 2;
  p.expected = broken ? 1 : 0;
  p.main = [broken] {
    static constinit atomic<std::uint32_t> word{0};
    static constinit atomic<int> work{0};
    spawn([broken] {
      work.store(1, release);
      if (!broken) word.store(1, release);
      execution::current()->wake(&word, false);
    });
    while (work.load(acquire) == 0) execution::current()->wait(word.state(), 0);
  };
  return p;
}

program interrupt_between_steps() {
  program p;
  p.name = "an interrupt comes between any two steps";
  p.threads = 2;
  p.expected = 1;
  p.main = [] {
    board& b = fresh();
    last = &b;
    b.r[0] = 0;
    execution::current()->spawn([&b] { b.r[1] = b.x.load(relaxed); }, false,
                                execution::current()->running());
    for (int i = 1; i <= 3; ++i) b.x.store(i, relaxed);
  };
  p.at_end = [] { return last->r[1] == 2 ? std::string("it saw the second of three") : ""; };
  return p;
}

std::vector<program> litmus_programs() {
  return {
      message_passing("litmus: message passing, relaxed", relaxed, relaxed, true),
      message_passing("litmus: message passing, release without acquire", release, relaxed, true),
      message_passing("litmus: message passing, acquire without release", relaxed, acquire, true),
      message_passing("litmus: message passing, release and acquire", release, acquire, false),
      store_buffering("litmus: store buffering, release and acquire", release, true),
      store_buffering("litmus: store buffering, seq_cst", seq_cst, false),
      iriw("litmus: IRIW, release and acquire", release, acquire, true),
      iriw("litmus: IRIW, seq_cst", seq_cst, seq_cst, false),
      load_buffering(),
      coherence(),
      same_value_twice("litmus: a value stored twice, handed on the second time", relaxed, true),
      same_value_twice("litmus: a value stored twice, handed on both times", release, false),
      release_sequence("litmus: release sequence through a read-modify-write", relaxed, false,
                       false),
      release_sequence("litmus: a relaxed store ends a release sequence", relaxed, true, true),
      counted_drop("drop: decrement acq_rel", acq_rel, relaxed, false),
      counted_drop("drop: decrement release, the last one looks with acquire", release, acquire,
                   false),
      counted_drop("drop: decrement relaxed", relaxed, acquire, true),
      counted_drop("drop: decrement release, no acquire", release, relaxed, true),
      speculative_upgrade(2, thoroughness::reduced, 0),
      speculative_upgrade(2, thoroughness::every, 0),
      speculative_upgrade(3, thoroughness::reduced, 1),
      speculative_upgrade(3, thoroughness::every, 2),
      lost_wake_up(false),
      lost_wake_up(true),
      interrupt_between_steps(),
  };
}

const registered litmus("litmus", &litmus_programs);

}  // namespace

}  // namespace trefoil::explorer
