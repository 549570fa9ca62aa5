// SPDX-License-Identifier: Apache-2.0
// Tiers that are counted per CPU: they live until they are killed, die like others from then on, and
// every call of ref works on them. Threads and signals are in tests/reclaim/per_cpu_counts.cpp, all
// interleavings in verify/explorer/core_per_cpu.cpp.
#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "trefoil/trefoil.hpp"

namespace {

using trefoil::make;
using trefoil::misuse;
using trefoil::ref;
namespace context = trefoil::context;

// ---- where it counts -------------------------------------------------------------------------------

/// What the tests want to know of a platform: misuses, and memory that can run out.
template <class Self>
struct watched : trefoil::threads {
  static context::state<Self>& state() noexcept {
    static constinit thread_local context::state<Self> here;
    return here;
  }
  static void report(misuse kind, const void*) noexcept { ++reports[kind]; }
  static void* allocate(std::size_t bytes, std::size_t align) noexcept {
    ++allocations;
    return fails_after-- == 0 ? nullptr : threads::allocate(bytes, align);
  }
  static std::map<misuse, int> take_reports() { return std::exchange(reports, {}); }

  static inline std::map<misuse, int> reports;
  static inline int fails_after = -1;
  static inline int allocations = 0;
};
/// As the process does: in restartable sections, where there are any.
struct by_default : watched<by_default> {};
/// As other systems do.
struct by_atomics : watched<by_atomics> {
  static void add_in_section() = delete;
};
static_assert(!trefoil::detail::has_sections<by_atomics>);
static_assert(trefoil::detail::has_sections<by_default> == (TREFOIL_CPU_SECTIONS != 0));

/// Whether a kill waits for level `process`.
template <class P>
bool waits_for_process() {
  if constexpr (trefoil::detail::has_sections<P>) {
    return P::sections_work();
  } else {
    return false;
  }
}

struct test_queue;

template <class P, class Counts>
struct traits_of : trefoil::default_traits {
  using platform = P;
  using counts = Counts;
  using reclaimer = trefoil::basic_polled<P, test_queue>;
};

// ---- what counts -----------------------------------------------------------------------------------

std::vector<std::string>& journal() {
  static std::vector<std::string> lines;
  return lines;
}
using lines = std::vector<std::string>;
lines take_journal() { return std::exchange(journal(), {}); }

struct settings {
  static constexpr auto teardown = context::any;
  ~settings() { journal().emplace_back("-settings"); }
  int value = 3;
};
/// Counted per CPU, and in the middle: there is a tier outside it and one inside.
struct in_use {
  static constexpr auto teardown = context::any;
  static constexpr bool per_cpu_count = true;
  explicit in_use(settings& s) : of(&s) {}
  ~in_use() { journal().emplace_back("-in_use"); }
  settings* of;
  int value = 2;
};
struct owner {
  static constexpr auto teardown = context::any;
  explicit owner(in_use& i) : of(&i) {}
  ~owner() { journal().emplace_back("-owner"); }
  in_use* of;
};
void note_confirmed(in_use& tier) noexcept {
  journal().emplace_back(tier.value == 2 ? "confirmed" : "not alive");
}

template <class P, class Counts>
struct kind {
  using platform = P;
  using traits = traits_of<P, Counts>;
  using two = trefoil::basic_staged<traits, in_use, settings>;
  using three = trefoil::basic_staged<traits, owner, in_use, settings>;
};

template <class Kind>
class per_cpu_counts : public ::testing::Test {
 protected:
  using platform = typename Kind::platform;
  using two = typename Kind::two;
  using three = typename Kind::three;
  using polled = typename Kind::traits::reclaimer;
  using reports = std::map<misuse, int>;

  per_cpu_counts() { journal().clear(); }
  ~per_cpu_counts() override {
    EXPECT_EQ(platform::take_reports(), reports{});
    EXPECT_EQ(polled::counters().pending, 0U);
  }
  per_cpu_counts(const per_cpu_counts&) = delete;
  per_cpu_counts& operator=(const per_cpu_counts&) = delete;
};
using kinds = ::testing::Types<
    kind<by_default, trefoil::packed_counts<>>, kind<by_default, trefoil::wide_counts>,
    kind<by_atomics, trefoil::packed_counts<>>, kind<by_atomics, trefoil::padded_counts>>;
TYPED_TEST_SUITE(per_cpu_counts, kinds);

// ---- life and death ----------------------------------------------------------------------------------

TYPED_TEST(per_cpu_counts, LivesUntilItIsKilled) {
  using T = typename TestFixture::two;
  auto first = make<T>();
  ref<T> bare = first.template share<settings>();
  first.drop();
  EXPECT_EQ(take_journal(), lines{}) << "nobody can see the sum become zero";
  for (int i = 0; i < 3; ++i) {
    auto again = bare.template promote<in_use>();
    ASSERT_TRUE(again);
    EXPECT_EQ(again->value, 2);
  }
  first = bare.template promote<in_use>();
  EXPECT_TRUE(trefoil::kill(first));
  EXPECT_EQ(take_journal(), lines{});
  first.drop();
  EXPECT_EQ(take_journal(), lines{"-in_use"});
  EXPECT_FALSE(bare.template promote<in_use>());
  bare.drop();
  EXPECT_EQ(take_journal(), lines{"-settings"});
}

TYPED_TEST(per_cpu_counts, IsKilledOnceAndConfirmedOnce) {
  using T = typename TestFixture::two;
  auto first = make<T>();
  const auto second = first;
  EXPECT_TRUE(trefoil::is_live<in_use>(first));
  EXPECT_TRUE(trefoil::kill(first, note_confirmed));
  EXPECT_EQ(take_journal(), lines{"confirmed"});
  EXPECT_FALSE(trefoil::is_live<in_use>(first));
  EXPECT_FALSE(trefoil::kill(first, note_confirmed));
  EXPECT_FALSE(trefoil::kill(second, note_confirmed));
  EXPECT_FALSE(trefoil::kill(ref<T, in_use>()));
  EXPECT_EQ(take_journal(), lines{});
}

TYPED_TEST(per_cpu_counts, NewHoldersOfWhatIsAliveAndOfWhatIsLive) {
  using T = typename TestFixture::two;
  auto first = make<T>();
  const ref<T> bare = first.template share<settings>();
  auto request = trefoil::promote_live<in_use>(bare);
  ASSERT_TRUE(request);
  trefoil::kill(first);
  EXPECT_FALSE(trefoil::promote_live<in_use>(bare));
  EXPECT_FALSE(trefoil::promote_live<in_use>(first));
  EXPECT_TRUE(bare.template promote<in_use>()) << "killed is not dead";
  const auto copy = request;
  EXPECT_TRUE(copy);
  request.drop();
  first.drop();
  EXPECT_EQ(take_journal(), lines{});
}

TYPED_TEST(per_cpu_counts, TellsHowManyThereAre) {
  using T = typename TestFixture::two;
  auto first = make<T>();
  EXPECT_EQ(first.use_count(), 1U);
  {
    const auto second = first;
    const auto third = first;
    EXPECT_EQ(first.use_count(), 3U);
    trefoil::kill(first);
    EXPECT_EQ(first.use_count(), 3U);
  }
  EXPECT_EQ(first.use_count(), 1U);
  const ref<T> bare = first.template share<settings>();
  first.drop();
  EXPECT_EQ(bare.template use_count<in_use>(), 0U);
}

TYPED_TEST(per_cpu_counts, TheTierOutsideKeepsIt) {
  using T = typename TestFixture::three;
  auto user = make<T>();
  EXPECT_EQ(user.template use_count<in_use>(), 1U) << "the collective one";
  EXPECT_TRUE(trefoil::kill<in_use>(user, note_confirmed)) << "nobody holds it but the user's tier";
  EXPECT_EQ(take_journal(), lines{"confirmed"});
  EXPECT_EQ(user.template use_count<in_use>(), 1U);
  for (int i = 0; i < 3; ++i) {
    auto held = user.template share<in_use>();  // from zero
    EXPECT_EQ(user.template use_count<in_use>(), 2U);
    const auto another = user.template share<in_use>();
    EXPECT_EQ(user.template use_count<in_use>(), 3U);
  }
  EXPECT_EQ(take_journal(), lines{});
  const ref<T> bare = user.template share<settings>();
  auto last = bare.template promote<in_use>();
  ASSERT_TRUE(last) << "from zero, by one who has less";
  user.drop();
  EXPECT_EQ(take_journal(), lines{"-owner"});
  last.drop();
  EXPECT_EQ(take_journal(), lines{"-in_use"});
}

TYPED_TEST(per_cpu_counts, OutlivesTheTierOutsideUntilItIsKilled) {
  using T = typename TestFixture::three;
  auto user = make<T>();
  const ref<T> bare = user.template share<settings>();
  user.drop();
  EXPECT_EQ(take_journal(), lines{"-owner"});
  auto held = bare.template promote<in_use>();
  ASSERT_TRUE(held);
  trefoil::kill(held);
  held.drop();
  EXPECT_EQ(take_journal(), lines{"-in_use"});
}

TYPED_TEST(per_cpu_counts, DemotesToItAndFromIt) {
  using T = typename TestFixture::three;
  auto user = make<T>();
  auto held = std::move(user).template demote<in_use>();
  EXPECT_EQ(take_journal(), lines{"-owner"});
  trefoil::kill(held);
  auto bare = std::move(held).template demote<settings>();
  EXPECT_EQ(take_journal(), lines{"-in_use"});
  bare.drop();
  EXPECT_EQ(take_journal(), lines{"-settings"});
}

TYPED_TEST(per_cpu_counts, DropsIntoAList) {
  using T = typename TestFixture::two;
  auto first = make<T>();
  auto second = first;
  trefoil::kill(first);
  trefoil::basic_deferred_list<typename TestFixture::platform> later;
  first.drop_into(later);
  EXPECT_EQ(later.size(), 0U);
  second.drop_into(later);
  EXPECT_EQ(later.size(), 1U);
  EXPECT_EQ(take_journal(), lines{});
  later.run();
  EXPECT_EQ(take_journal(), (lines{"-in_use", "-settings"}));
}

TYPED_TEST(per_cpu_counts, OutlivesManyInTurnOnTheSameCells) {
  using T = typename TestFixture::two;
  using P = typename TestFixture::platform;
  trefoil::kill(make<T>());
  const int before = P::allocations;
  EXPECT_EQ(take_journal(), (lines{"-in_use", "-settings"}));
  for (int i = 0; i < 3000; ++i) {
    auto first = make<T>();
    auto second = first;
    trefoil::kill(first);
    second.drop();
    first.drop();
    ASSERT_EQ(take_journal(), (lines{"-in_use", "-settings"})) << i;
  }
  EXPECT_EQ(P::allocations, before);
  std::vector<ref<T, in_use>> many;
  for (int i = 0; i < 300; ++i) many.push_back(make<T>());  // more than a chunk of cells
  for (auto& one : many) EXPECT_EQ(one.use_count(), 1U);
  for (auto& one : many) trefoil::kill(one);
}

// ---- from inside -------------------------------------------------------------------------------------

struct inner {
  static constexpr auto teardown = context::any;
  static constexpr bool per_cpu_count = true;
  ~inner() { journal().emplace_back("-inner"); }
};
template <class Traits>
struct outer {
  static constexpr auto teardown = context::any;
  using T = trefoil::basic_staged<Traits, outer, inner>;
  explicit outer(inner& i) : of(&i), early(trefoil::ref_from_tier<T>(i)) {}
  ~outer() {
    const auto late = trefoil::ref_from_tier<T>(*of);
    journal().emplace_back(late ? "-outer" : "no reference");
  }
  inner* of;
  ref<T, inner> early;  // before the tier counts per CPU
};

TYPED_TEST(per_cpu_counts, CodeInsideMintsReferencesAtAnyTime) {
  using T = typename outer<typename TypeParam::traits>::T;
  auto user = make<T>();
  EXPECT_EQ(user.template use_count<inner>(), 2U);
  auto held = std::move(user->early);
  user.drop();
  EXPECT_EQ(take_journal(), lines{"-outer"});
  EXPECT_EQ(held.use_count(), 1U);
  trefoil::kill(held);
  held.drop();
  EXPECT_EQ(take_journal(), lines{"-inner"});
}

// ---- where it may be called --------------------------------------------------------------------------

TYPED_TEST(per_cpu_counts, AKillWhereThereIsNoTimeToWait) {
  using T = typename TestFixture::two;
  using P = typename TestFixture::platform;
  auto first = make<T>();
  auto second = first;
  {
    const context::basic_scope<P> interrupt(context::any);
    EXPECT_TRUE(trefoil::kill(first, note_confirmed));
    EXPECT_FALSE(trefoil::is_live<in_use>(first));
    EXPECT_EQ(first.use_count(), 2U);
    first.drop();
    EXPECT_EQ(second.use_count(), 1U) << "confirmed or not";
    second.drop();
  }
  if (waits_for_process<P>()) {
    EXPECT_EQ(take_journal(), lines{});
    EXPECT_EQ(TestFixture::polled::counters().pending, 1U);
    EXPECT_EQ(TestFixture::polled::poll(), 1U);
  }
  EXPECT_EQ(take_journal(), (lines{"confirmed", "-in_use", "-settings"}));
}

TYPED_TEST(per_cpu_counts, WhoPollsAtALevelThatIsTooLowPassesItOn) {
  using T = typename TestFixture::two;
  using P = typename TestFixture::platform;
  if (!waits_for_process<P>()) GTEST_SKIP() << "kills wait for nothing here";
  auto first = make<T>();
  {
    const context::basic_scope<P> locked(context::atomic);
    trefoil::kill(first, note_confirmed);
    EXPECT_EQ(TestFixture::polled::poll(), 1U);
    EXPECT_EQ(take_journal(), lines{});
  }
  EXPECT_EQ(TestFixture::polled::poll(), 1U);
  EXPECT_EQ(take_journal(), lines{"confirmed"});
}

template <class Traits>
struct inline_traits : Traits {
  using reclaimer = trefoil::inline_only;
};

TYPED_TEST(per_cpu_counts, WithoutAReclaimerAKillThatHasToWaitIsRefused) {
  using P = typename TestFixture::platform;
  using T = trefoil::basic_staged<inline_traits<typename TypeParam::traits>, in_use, settings>;
  auto first = make<T>();
  {
    const context::basic_scope<P> interrupt(context::any);
    EXPECT_EQ(trefoil::kill(first, note_confirmed), !waits_for_process<P>());
  }
  if (waits_for_process<P>()) {
    EXPECT_EQ(P::take_reports(), (std::map<misuse, int>{{misuse::kill_refused, 1}}));
    EXPECT_TRUE(trefoil::is_live<in_use>(first));
    EXPECT_TRUE(trefoil::kill(first, note_confirmed)) << "here it may wait";
  }
  first.drop();
  EXPECT_EQ(take_journal(), (lines{"confirmed", "-in_use", "-settings"}));
}

/// Its CPUs have come later than the cells: no add reaches one.
struct newcomers : watched<newcomers> {
#if TREFOIL_CPU_SECTIONS
  static bool add_in_section(const std::atomic<std::uint64_t>&, std::uint64_t) noexcept {
    return false;
  }
#endif
};

TEST(per_cpu_counts_in_sections, WhatMissesTheCellsCountsInOnePlace) {
  using T = trefoil::basic_staged<traits_of<newcomers, trefoil::packed_counts<>>, in_use, settings>;
  take_journal();
  auto first = make<T>();
  const ref<T> bare = first.share<settings>();
  {
    const auto second = first;
    const auto request = trefoil::promote_live<in_use>(bare);
    EXPECT_EQ(first.use_count(), 3U);
  }
  EXPECT_TRUE(trefoil::kill(first, note_confirmed));
  EXPECT_FALSE(trefoil::promote_live<in_use>(bare));
  first.drop();
  EXPECT_EQ(take_journal(), (lines{"confirmed", "-in_use"}));
}

#if TREFOIL_CPU_SECTIONS
/// The kernel has changed its mind: a filter of system calls, say.
struct refused : watched<refused> {
  static bool restart_sections() noexcept { return false; }
};

TEST(per_cpu_counts_in_sections, WithoutABarrierTheTierStaysAndThatIsSaid) {
  if (!waits_for_process<refused>()) GTEST_SKIP() << "kills wait for nothing here";
  using T = trefoil::basic_staged<traits_of<refused, trefoil::packed_counts<>>, in_use, settings>;
  take_journal();
  auto first = make<T>();
  EXPECT_TRUE(trefoil::kill(first, note_confirmed));
  EXPECT_EQ(refused::take_reports(), (std::map<misuse, int>{{misuse::kill_refused, 1}}));
  first.drop();
  EXPECT_EQ(take_journal(), lines{}) << "leaked: somebody may count in the cells still";
}
#endif

// ---- what can go wrong -------------------------------------------------------------------------------

TYPED_TEST(per_cpu_counts, WithoutMemoryForCellsThereIsNoObject) {
  // Its own platform: one that has no cells at hand yet.
  struct poor : watched<poor> {};
  using T = trefoil::basic_staged<traits_of<poor, trefoil::packed_counts<>>, in_use, settings>;
  for (const int n : {0, 1, 1}) {  // the object; then the set; then its cells
    poor::fails_after = n;
    EXPECT_FALSE(trefoil::try_make<T>()) << n;
  }
  poor::fails_after = -1;
  EXPECT_TRUE(trefoil::try_make<T>());
  EXPECT_EQ(take_journal(), lines{}) << "it was not killed";
}

TYPED_TEST(per_cpu_counts, UnderALockThereIsWhatHasBeenGivenBack) {
  struct fresh : watched<fresh> {};
  using T = trefoil::basic_staged<traits_of<fresh, trefoil::packed_counts<>>, in_use, settings>;
  auto first = make<T>();
  trefoil::kill(first);
  const context::basic_scope<fresh> locked(context::atomic);
  EXPECT_FALSE(trefoil::try_make<T>()) << "memory for the object, but no cells";
  first.drop();
  const auto again = trefoil::try_make<T>();
  EXPECT_TRUE(again) << "beneath what has no cells";
  EXPECT_FALSE(trefoil::try_make<T>());
}

TYPED_TEST(per_cpu_counts, MoreDropsThanReferencesAreSeenAtTheKill) {
  using T = typename TestFixture::two;
  auto first = make<T>();
  void* const again = ref<T, in_use>(first).detach();
  for (int i = 0; i < 3; ++i) ref<T, in_use>::adopt(again).drop();
  EXPECT_EQ(TestFixture::platform::take_reports(), (std::map<misuse, int>{})) << "no cell can know";
  trefoil::kill(first);
  EXPECT_EQ(TestFixture::platform::take_reports(),
            (std::map<misuse, int>{{misuse::sub_underflow, 1}}));
  EXPECT_TRUE(first.saturated());
  first.drop();
  EXPECT_EQ(take_journal(), lines{}) << "leaked, not freed under somebody's feet";
}

TYPED_TEST(per_cpu_counts, MoreDropsThanReferencesAfterTheKill) {
  using T = typename TestFixture::two;
  auto first = make<T>();
  const ref<T> bare = first.template share<settings>();
  trefoil::kill(first);
  void* const twice = std::move(first).detach();
  ref<T, in_use>::adopt(twice).drop();
  EXPECT_EQ(take_journal(), lines{"-in_use"});
  ref<T, in_use>::adopt(twice).drop();
  EXPECT_EQ(TestFixture::platform::take_reports(),
            (std::map<misuse, int>{{misuse::sub_underflow, 1}}));
  EXPECT_TRUE(bare.template saturated<in_use>());
}

// ---- with the rest of the library --------------------------------------------------------------------

TYPED_TEST(per_cpu_counts, InASlot) {
  using T = typename TestFixture::two;
  auto first = make<T>();
  trefoil::slot<ref<T, in_use>> shared(first);
  EXPECT_EQ(first.use_count(), 2U);
  {
    const auto loaded = shared.load();
    EXPECT_EQ(first.use_count(), 3U);
  }
  trefoil::kill(first);
  first.drop();
  EXPECT_EQ(take_journal(), lines{});
  shared.store(nullptr);
  EXPECT_EQ(take_journal(), (lines{"-in_use", "-settings"}));
}

TYPED_TEST(per_cpu_counts, OfAStaticObject) {
  using T = typename TestFixture::two;
  static trefoil::static_object<T> one;
  {
    auto held = one.template get<in_use>();
    EXPECT_EQ(held.use_count(), 2U) << "and the first, which is the object's own";
    trefoil::kill(held);
  }
  EXPECT_TRUE(one.template get<in_use>());
  EXPECT_EQ(take_journal(), lines{});
}

}  // namespace
