// SPDX-License-Identifier: Apache-2.0
// Threads do at random what can be done with references, at random levels, over objects they share.
// In the end nothing lives, and every stage of every object was torn down once and in order.
#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "support.hpp"
#include "watchdog.hpp"

namespace {

using namespace test;

/// The life of one object, kept beyond its end.
struct life {
  std::atomic<int> stages_gone{0};
};

struct totals {
  std::atomic<int> wrong{0};  // a stage twice, or out of order, or at a level too low
  std::atomic<int> live_stages{0};
};

template <class P, int Stage, context::level Level, trefoil::placement Where>
struct counted_stage {
  static constexpr auto teardown = Level;
  static constexpr auto placement = Where;
  counted_stage(life& l, totals& t) noexcept : mine(&l), all(&t) {
    all->live_stages.fetch_add(1, std::memory_order_relaxed);
    payload.fill(reinterpret_cast<std::uintptr_t>(mine) + Stage);
  }
  counted_stage(const counted_stage&) = delete;
  counted_stage& operator=(const counted_stage&) = delete;
  ~counted_stage() {
    const bool in_order = mine->stages_gone.fetch_add(1, std::memory_order_relaxed) == Stage;
    const bool allowed = context::allows(P::state().here(), Level);
    if (!in_order || !allowed || !intact()) all->wrong.fetch_add(1);
    payload.fill(0);
    all->live_stages.fetch_sub(1, std::memory_order_relaxed);
  }
  [[nodiscard]] bool intact() const {
    for (const std::uintptr_t word : payload) {
      if (word != reinterpret_cast<std::uintptr_t>(mine) + Stage) return false;
    }
    return true;
  }

  life* mine;
  totals* all;
  std::array<std::uintptr_t, 4>
      payload{};  // read by holders, so that a stage that went early shows
};

template <class Traits, context::level L0, context::level L1, context::level L2,
          trefoil::placement Outer = trefoil::placement::inside>
struct kind {
  using P = typename Traits::platform;
  using t0 = counted_stage<P, 0, L0, Outer>;
  using t1 = counted_stage<P, 1, L1, trefoil::placement::inside>;
  using t2 = counted_stage<P, 2, L2, trefoil::placement::inside>;
  using type = trefoil::basic_staged<Traits, t0, t1, t2>;
};

/// What one thread does.
template <class Kind>
class player {
  using P = typename Kind::P;
  using T = typename Kind::type;
  using t0 = typename Kind::t0;
  using t1 = typename Kind::t1;
  using t2 = typename Kind::t2;
  using outer = trefoil::ref<T, t0>;
  using middle = trefoil::ref<T, t1>;
  using bare = trefoil::ref<T, t2>;
  static constexpr std::size_t places = 8;

 public:
  struct shared {
    totals all;
    std::array<trefoil::slot<outer>, places> outers;
    std::array<trefoil::slot<bare>, places> bares;
    std::vector<life> lives;
    std::array<std::atomic<T*>, places> addresses{};  // of findable objects, mostly stale
    std::atomic<std::size_t> born{0};
    explicit shared(std::size_t most) : lives(most) {}
  };

  player(shared& common, unsigned seed) : common_(common), random_(seed) {}

  void play(int moves) {
    for (int i = 0; i < moves; ++i) {
      const scope<P> here(static_cast<context::level>(pick(3)));
      move();
      if (later_.size() > 3) later_.run();
    }
    finish();
  }

  void finish() {
    const scope<P> here(static_cast<context::level>(pick(3)));
    for (auto& r : outers_) r.drop();
    for (auto& r : middles_) r.drop();
    for (auto& r : bares_) r.drop();
    later_.run();
  }

 private:
  std::size_t pick(std::size_t n) { return static_cast<std::size_t>(random_()) % n; }
  outer& any_outer() { return outers_[pick(places)]; }
  middle& any_middle() { return middles_[pick(places)]; }
  bare& any_bare() { return bares_[pick(places)]; }

  void move() {
    switch (pick(21)) {
      case 0:
      case 1: give_birth(); break;
      case 2: any_outer() = any_outer(); break;
      case 3: any_middle() = any_middle(); break;
      case 4: any_bare() = any_bare(); break;
      case 5: any_middle() = any_outer().template share<t1>(); break;
      case 6: any_bare() = any_outer().template share<t2>(); break;
      case 7: any_bare() = any_middle().template share<t2>(); break;
      case 8: any_outer() = any_middle().template promote<t0>(); break;
      case 9: any_outer() = any_bare().template promote<t0>(); break;
      case 10: any_middle() = any_bare().template promote<t1>(); break;
      case 11: any_middle() = std::move(any_outer()).template demote<t1>(); break;
      case 12: any_bare() = std::move(any_outer()).template demote<t2>(); break;
      case 13: any_bare() = std::move(any_middle()).template demote<t2>(); break;
      case 14: any_outer().drop(); break;
      case 15: pick(2) == 0 ? any_middle().drop() : any_bare().drop(context::in_any); break;
      case 16: drop_some_into(); break;
      case 17: exchange(); break;
      case 18: load(); break;
      case 19: find(); break;
      default: look(); break;
    }
  }

  void give_birth() {
    if (P::state().here() != context::process) return;
    const std::size_t i = common_.born.fetch_add(1, std::memory_order_relaxed);
    if (i >= common_.lives.size()) return;
    life& l = common_.lives[i];
    totals& t = common_.all;
    outer& r = any_outer();
    r = trefoil::make<T>(trefoil::with<t0>(l, t), trefoil::with<t1>(l, t), trefoil::with<t2>(l, t));
    common_.addresses[pick(places)].store(r.address());
  }

  void drop_some_into() {
    switch (pick(3)) {
      case 0: any_outer().drop_into(later_); break;
      case 1: any_middle().drop_into(later_); break;
      default: any_bare().drop_into(later_); break;
    }
  }

  /// A slot of objects that are not findable has a lock, which `any` may not take.
  static bool slots_allowed() { return trefoil::findable<T> || P::state().here() != context::any; }

  void exchange() {
    if (!slots_allowed()) return;
    if (pick(2) == 0) {
      any_outer() = common_.outers[pick(places)].exchange(any_outer());
    } else {
      common_.bares[pick(places)].store(std::move(any_bare()));
    }
  }

  void load() {
    if (!slots_allowed()) return;
    switch (pick(3)) {
      case 0: any_outer() = common_.outers[pick(places)].load(); break;
      case 1: any_middle() = common_.outers[pick(places)].template load<t1>(); break;
      default: any_bare() = common_.bares[pick(places)].load(); break;
    }
  }

  void find() {
    if constexpr (trefoil::findable<T>) {
      T* const at = common_.addresses[pick(places)].load();
      switch (pick(3)) {
        case 0: any_outer() = trefoil::try_acquire<t0>(at); break;
        case 1: any_middle() = trefoil::try_acquire<t1>(at); break;
        default: any_bare() = trefoil::try_acquire<t2>(at); break;
      }
    }
  }

  /// Whoever holds a reference may read its tier and those inside it.
  void look() {
    bool well = true;
    if (const outer& r = any_outer()) {
      well = well && r->intact() && r.template at<t1>().intact() && r.template at<t2>().intact();
    }
    if (const middle& r = any_middle()) well = well && r->intact() && r.template at<t2>().intact();
    if (const bare& r = any_bare()) well = well && r->intact();
    if (!well) common_.all.wrong.fetch_add(1);
  }

  shared& common_;
  std::minstd_rand random_;
  std::array<outer, places> outers_;
  std::array<middle, places> middles_;
  std::array<bare, places> bares_;
  trefoil::basic_deferred_list<P> later_;
};

constexpr auto any = context::any;
constexpr auto atomic = context::atomic;
constexpr auto process = context::process;

template <class Tag>
struct wide_traits : traits_on<own_threads<Tag>> {
  using counts = trefoil::wide_counts;
};
template <class Tag>
struct padded_traits : traits_on<own_threads<Tag>> {
  using counts = trefoil::padded_counts;
};
template <class Tag>
struct findable_traits : traits_on<own_threads<Tag>> {
  static constexpr bool findable = true;
};
template <class Tag>
struct findable_wide_traits : wide_traits<Tag> {
  static constexpr bool findable = true;
};

struct a;
struct b;
struct c;
struct d;
struct e;
struct f;
struct g;

using kinds = testing::Types<
    kind<traits_on<own_threads<a>>, process, atomic, any>,                               //
    kind<traits_on<own_threads<b>>, any, any, any>,                                      //
    kind<traits_on<own_threads<c>>, any, process, atomic, trefoil::placement::outside>,  //
    kind<wide_traits<d>, process, atomic, any>,                                          //
    kind<padded_traits<e>, atomic, any, process>,                                        //
    kind<findable_traits<f>, process, atomic, any>,                                      //
    kind<findable_wide_traits<g>, process, any, atomic, trefoil::placement::outside>>;

template <class Kind>
class stress : public testing::Test {};
TYPED_TEST_SUITE(stress, kinds);

TYPED_TEST(stress, nothing_lives_and_every_stage_went_once_in_order) {
  using P = typename TypeParam::P;
  using the_player = player<TypeParam>;
  constexpr unsigned threads = 4;
  const int moves = rounds(1'000'000);
  auto common = std::make_unique<typename the_player::shared>(200'000);
  {
    std::vector<std::thread> crowd;
    for (unsigned t = 0; t < threads; ++t) {
      crowd.emplace_back([&, t] { the_player(*common, 17 * t + 1).play(moves); });
    }
    for (std::thread& t : crowd) t.join();
  }
  {
    const scope<P> here(atomic);
    for (auto& s : common->outers) s.clear();
    for (auto& s : common->bares) s.clear();
  }
  ASSERT_TRUE(trefoil::basic_worker<P>::flush());
  EXPECT_EQ(common->all.wrong.load(), 0);
  EXPECT_EQ(common->all.live_stages.load(), 0);
  const std::size_t born = std::min(common->born.load(), common->lives.size());
  EXPECT_GT(born, 100U);
  std::size_t unfinished = 0;
  for (std::size_t i = 0; i < born; ++i) {
    if (common->lives[i].stages_gone.load() != 3) ++unfinished;
  }
  EXPECT_EQ(unfinished, 0U);
  EXPECT_EQ(P::reported_at_all(), 0U);
  const trefoil::reclaimer_counters done = trefoil::basic_worker<P>::counters();
  EXPECT_EQ(done.pending, 0U);
  if (TypeParam::type::may_defer) {
    EXPECT_GT(done.run, 0U);
  } else {
    EXPECT_EQ(done.run, 0U);
  }
}

}  // namespace
