// SPDX-License-Identifier: Apache-2.0
// Counts per CPU: the kill against adds in every lane, by atomics and in restartable sections; nothing
// counted twice or not at all; once it is confirmed nobody new; what holders did is seen by the teardown.
#include <string>
#include <utility>
#include <vector>

#include "trefoil/kill.hpp"
#include "verify/explorer/core_operations.hpp"

namespace trefoil::explorer {

namespace {

/// What requests hold while they run.
template <std::size_t Number>
class per_cpu_stage : public stage<Number, any> {
 public:
  static constexpr bool per_cpu_count = true;
  using stage<Number, any>::stage;
};

template <class Counts>
using queue_with = basic_staged<traits<polled, Counts>, per_cpu_stage<0>, stage<1, any>>;
using queue = queue_with<default_counts>;
using in_use = tier_at<queue, 0>;
using bare = tier_at<queue, 1>;

/// With a tier outside the one that is counted per CPU.
using owned = basic_staged<traits<polled>, stage<0, any>, per_cpu_stage<1>>;
using owned_in_use = tier_at<owned, 1>;

template <class Ref, class Body>
void spawn_with(Ref&& given, Body body) {
  spawn([pointer = std::forward<Ref>(given).detach(), body] {
    body(std::decay_t<Ref>::adopt(pointer));
  });
}

constexpr const char* ways[] = {"by atomics: ", "in sections: "};

/// A program, in both ways; the main thread begins.
void both_ways(std::vector<program>& all, const std::string& name, unsigned threads, void (*run)(),
               bool large_in_sections = false) {
  for (const bool sections : {false, true}) {
    all.push_back(program_of(ways[sections ? 1 : 0] + name, threads, [run, sections] {
      if (sections) cpu_sections::turn_on();
      run();
      execution::current()->join_all();
      static_cast<void>(polled::poll());
    }));
    all.back().large = sections && large_in_sections;
  }
}

template <class T>
void copy_and_drop(ref<T, tier_at<T, 0>> held) {
  ref<T, tier_at<T, 0>> copy = held;
  held.drop();
  copy->use();
}

template <class T>
void kill_and_drop(ref<T, tier_at<T, 0>> held) {
  static_cast<void>(kill(held));
  held->use();
  held.drop();
}

template <class T>
void copy_against_kill() {
  auto first = make<T>();
  spawn_with(ref_to<T, 0>(first), copy_and_drop<T>);
  kill_and_drop<T>(std::move(first));
}

/// Taken on one CPU, dropped on another.
void drop_against_kill() {
  auto first = make<queue>();
  spawn_with(ref_to<queue, 0>(first), [](ref_to<queue, 0> r) { r.drop(); });
  kill_and_drop<queue>(std::move(first));
}

void two_lanes_against_kill() {
  auto first = make<queue>();
  spawn_with(ref_to<queue, 0>(first), [](ref_to<queue, 0> r) { r.drop(); });
  spawn_with(ref_to<queue, 0>(first), [](ref_to<queue, 0> r) { r.drop(); });
  kill_and_drop<queue>(std::move(first));
}

void two_kills() {
  auto first = make<queue>();
  spawn_with(ref_to<queue, 0>(first), kill_and_drop<queue>);
  kill_and_drop<queue>(std::move(first));
}

void promote_against_kill() {
  auto first = make<queue>();
  spawn_with(first.share<bare>(), [](ref_to<queue, 1> r) {
    ref_to<queue, 0> request = r.promote<in_use>();
    r.drop();
    if (request) request->use();
  });
  kill_and_drop<queue>(std::move(first));
}

/// Once it is confirmed, nobody gets in; and whoever has got in is waited for.
struct confirmation {
  static platform::atomic<bool>& of_this_execution() {
    static constinit platform::atomic<bool> confirmed{false};
    return confirmed;
  }
  static void now(in_use& tier) noexcept {
    tier.use();  // it is alive; others may be at work
    of_this_execution().store(true, std::memory_order_relaxed);
  }
};
void enter(ref_to<queue, 1> r) {
  const bool confirmed = confirmation::of_this_execution().load(std::memory_order_relaxed);
  ref_to<queue, 0> request = promote_live<in_use>(r);
  r.drop();
  if (!request) return;
  request->use();
  if (confirmed) execution::current()->fail("entered after the confirmation");
}
void promote_live_against_kill() {
  auto first = make<queue>();
  spawn_with(first.share<bare>(), enter);
  static_cast<void>(kill(first, confirmation::now));
  first.drop();
}

/// Killed where there is no time to wait, confirmed by who polls.
void kill_in_a_handler() {
  auto first = make<queue>();
  spawn_with(ref_to<queue, 0>(first), copy_and_drop<queue>);
  spawn([] { static_cast<void>(polled::poll()); });
  const scope here(any);
  static_cast<void>(kill(first));
  first.drop();
}

/// The handler interrupts a section that adds to the same cell.
void drop_in_interrupt() {
  auto first = make<queue>();
  void* const given = ref_to<queue, 0>(first).detach();
  execution::current()->spawn(
      [given] {
        const scope here(any);
        ref_to<queue, 0>::adopt(given).drop();
      },
      false, execution::current()->running());
  copy_and_drop<queue>(first);
  kill_and_drop<queue>(std::move(first));
}

/// After the kill, with none left: holders of the tier outside begin anew, two at a time.
void from_zero() {
  auto user = make<owned>();
  static_cast<void>(kill<owned_in_use>(user));
  const auto share_and_drop = [](ref_to<owned, 0> r) {
    ref_to<owned, 1> held = r.share<owned_in_use>();
    r.drop();
    held->use();
  };
  spawn_with(ref_to<owned, 0>(user), share_and_drop);
  share_and_drop(std::move(user));
}

void share_against_kill() {
  auto user = make<owned>();
  spawn_with(ref_to<owned, 0>(user), [](ref_to<owned, 0> r) {
    ref_to<owned, 1> held = std::move(r).demote<owned_in_use>();
    held->use();
  });
  static_cast<void>(kill<owned_in_use>(user));
  user.drop();
}

/// A constructor hands out a reference before the tier counts per CPU.
class generous : public stage<0, any> {
 public:
  using object = basic_staged<traits<polled>, generous, per_cpu_stage<1>>;
  explicit generous(per_cpu_stage<1>& inner) : stage<0, any>(inner) {
    spawn_with(ref_from_tier<object>(inner), [](ref_to<object, 1> r) {
      ref_to<object, 1> copy = r;
      r.drop();
      copy->use();
    });
  }
};
void handed_out_early() {
  auto user = make<generous::object>();
  static_cast<void>(kill<per_cpu_stage<1>>(user));
  user.drop();
}

/// It hands out a lower one, and whoever has that asks for more: he finds the tier constructed or not at all.
template <bool Live>
class hasty : public per_cpu_stage<0> {
 public:
  using object = basic_staged<traits<polled>, hasty, stage<1, any>>;
  explicit hasty(stage<1, any>& inner) : per_cpu_stage<0>(inner) {
    spawn_with(ref_from_tier<object>(inner), [](ref_to<object, 1> r) {
      ref_to<object, 0> request = Live ? promote_live<hasty>(r) : r.template promote<hasty>();
      r.drop();
      if (request) request->look_at_end();
    });
    built_.set(1);
  }
  void look_at_end() const {
    if (built_.get() != 1) execution::current()->fail("half built");
  }

 private:
  cell<int> built_{};
};
template <bool Live>
void asked_for_early() {
  auto user = make<typename hasty<Live>::object>();
  static_cast<void>(kill(user));
  user.drop();
}

const registered per_cpu_programs("per-cpu", []() -> std::vector<program> {
  std::vector<program> all;
  both_ways(all, "a copy and a drop against the kill", 2, copy_against_kill<queue>);
  both_ways(all, "the same, wide counts", 2, copy_against_kill<queue_with<wide_counts>>);
  both_ways(all, "a drop on another CPU against the kill", 2, drop_against_kill);
  both_ways(all, "drops on two other CPUs against the kill", 3, two_lanes_against_kill);
  both_ways(all, "two kills", 2, two_kills);
  both_ways(all, "a promote against the kill and the last drop", 2, promote_against_kill);
  both_ways(all, "promote_live against the kill and its confirmation", 2,
            promote_live_against_kill);
  both_ways(all, "a kill at level any", 3, kill_in_a_handler);
  both_ways(all, "a drop in an interrupt of a CPU that counts", 2, drop_in_interrupt);
  both_ways(all, "shares begin anew from zero", 2, from_zero);
  both_ways(all, "a demote to it against the kill", 2, share_against_kill);
  both_ways(all, "a reference from a constructor", 2, handed_out_early);
  both_ways(all, "a promote by a constructor's reference", 2, asked_for_early<false>);
  both_ways(all, "promote_live by a constructor's reference", 2, asked_for_early<true>);
  return all;
});

}  // namespace

}  // namespace trefoil::explorer
