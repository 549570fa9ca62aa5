// SPDX-License-Identifier: Apache-2.0
// Lazy pins: what a CPU keeps without a count, and when it goes. One thread is all CPUs here; races
// are the explorer's (verify/explorer/core_lazy.cpp) and tests/reclaim/lazy_pins.cpp.
#include "address_space.hpp"

#include <cstddef>
#include <optional>
#include <utility>

namespace {

using trefoil::make;
using trefoil::ref;
namespace context = trefoil::context;

struct lazy_directory final : journaled<lazy_directory> {
  static constexpr auto teardown = context::atomic;
  static constexpr bool lazy_pins = true;
  static constexpr const char* name = "lazy_directory";

  explicit lazy_directory(identity& inner) : of(&inner) {}

  identity* of;
  int entries = 4;
};

struct areas final : journaled<areas> {
  static constexpr auto teardown = context::process;
  static constexpr const char* name = "areas";
};

template <class Counts>
using pinnable = trefoil::basic_staged<test_traits<Counts>, areas, lazy_directory, identity>;

template <class Counts>
class lazy_pins : public staged_test {
 protected:
  using mm = pinnable<Counts>;
  using pin = trefoil::lazy_pin<mm>;
  using slots = trefoil::detail::lazy_slots<mm>;

  static ref<mm, areas> make_one() {
    ref<mm, areas> made = make<mm>();
    journal::clear();
    return made;
  }
};
/// One word, and several: what counts else differ in, pins do not touch.
using words = ::testing::Types<trefoil::packed_counts<>, trefoil::wide_counts>;
TYPED_TEST_SUITE(lazy_pins, words);

const journal::entries areas_alone{"-areas"};
const journal::entries the_rest{"-lazy_directory", "-identity"};
const journal::entries everything{"-areas", "-lazy_directory", "-identity"};

TYPED_TEST(lazy_pins, KeepsItsTierBeyondTheLastReference) {
  typename TestFixture::pin cpu;
  auto user = this->make_one();
  cpu.borrow(user);
  EXPECT_EQ(user.template use_count<lazy_directory>(), 1U) << "a pin does not count";
  user.drop();
  EXPECT_EQ(journal::take(), areas_alone);
  EXPECT_EQ(cpu->entries, 4);
  EXPECT_EQ(&cpu.template at<identity>(), cpu->of);
  cpu.give_back();
  EXPECT_FALSE(cpu);
  EXPECT_EQ(journal::take(), the_rest);
}

TYPED_TEST(lazy_pins, GivenBackInTimeItHoldsNothing) {
  typename TestFixture::pin cpu;
  auto user = this->make_one();
  cpu.borrow(user);
  cpu.give_back();
  user.drop();
  EXPECT_EQ(journal::take(), everything);
}

TYPED_TEST(lazy_pins, AnyReferenceThatKeepsTheTierWillDo) {
  typename TestFixture::pin cpu;
  auto user = this->make_one();
  auto directory = user.template share<lazy_directory>();
  user.drop();
  EXPECT_EQ(journal::take(), areas_alone);
  cpu.borrow(directory);
  directory.drop();
  EXPECT_EQ(journal::take(), nothing);
  cpu.give_back();
  EXPECT_EQ(journal::take(), the_rest);
}

TYPED_TEST(lazy_pins, BorrowingAnotherGivesTheFirstBack) {
  typename TestFixture::pin cpu;
  auto first = this->make_one();
  auto second = this->make_one();
  cpu.borrow(first);
  first.drop();
  EXPECT_EQ(journal::take(), areas_alone);
  cpu.borrow(second);
  EXPECT_EQ(journal::take(), the_rest);
  EXPECT_EQ(cpu.address(), second.address());
  cpu.borrow(second);  // again
  EXPECT_EQ(journal::take(), nothing);
  cpu.borrow(ref<typename TestFixture::mm, areas>());  // of nothing
  EXPECT_FALSE(cpu);
  second.drop();
  EXPECT_EQ(journal::take(), everything);
}

TYPED_TEST(lazy_pins, TheLastOfSeveralCpusTearsDown) {
  for (const bool newest_first : {false, true}) {
    typename TestFixture::pin a;
    typename TestFixture::pin b;
    typename TestFixture::pin c;
    auto user = this->make_one();
    a.borrow(user);
    b.borrow(user);
    c.borrow(user);
    user.drop();
    EXPECT_EQ(journal::take(), areas_alone);
    (newest_first ? c : a).give_back();
    b.give_back();
    EXPECT_EQ(journal::take(), nothing);
    (newest_first ? a : c).give_back();
    EXPECT_EQ(journal::take(), the_rest);
    hand_polled::poll();  // what looked for stragglers finds none
    EXPECT_EQ(journal::take(), nothing);
  }
}

TYPED_TEST(lazy_pins, WhenItsCpuGoesItsPinsGo) {
  std::optional<typename TestFixture::pin> cpu(std::in_place);
  auto user = this->make_one();
  cpu->borrow(user);
  user.drop();
  journal::clear();
  cpu.reset();
  EXPECT_EQ(journal::take(), the_rest);
}

TYPED_TEST(lazy_pins, SharesWhatIsInside) {
  typename TestFixture::pin cpu;
  auto user = this->make_one();
  cpu.borrow(user);
  user.drop();
  journal::clear();
  auto bare = cpu.template share<identity>();
  ASSERT_TRUE(bare);
  EXPECT_EQ(&*bare, cpu->of);
  cpu.give_back();
  EXPECT_EQ(journal::take(), journal::entries{"-lazy_directory"});
  bare.drop();
  EXPECT_EQ(journal::take(), journal::entries{"-identity"});
}

TYPED_TEST(lazy_pins, PromotesWhileSomebodyCounts) {
  typename TestFixture::pin cpu;
  auto user = this->make_one();
  cpu.borrow(user);
  EXPECT_TRUE(cpu.template promote<areas>());
  EXPECT_TRUE(cpu.template promote<lazy_directory>());
  user.drop();
  EXPECT_FALSE(cpu.template promote<areas>());
  EXPECT_FALSE(cpu.template promote<lazy_directory>()) << "it only waits for this pin";
  EXPECT_EQ(journal::take(), areas_alone);
  cpu.give_back();
  EXPECT_EQ(journal::take(), the_rest);
}

TYPED_TEST(lazy_pins, ADemoteLeavesThePinned) {
  typename TestFixture::pin cpu;
  auto user = this->make_one();
  cpu.borrow(user);
  auto bare = std::move(user).template demote<identity>();
  EXPECT_EQ(journal::take(), areas_alone);
  cpu.give_back();
  EXPECT_EQ(journal::take(), journal::entries{"-lazy_directory"});
  bare.drop();
  EXPECT_EQ(journal::take(), journal::entries{"-identity"});
}

TYPED_TEST(lazy_pins, ALevelTooLowDefers) {
  typename TestFixture::pin cpu;
  auto user = this->make_one();
  cpu.borrow(user);
  user.drop();
  journal::clear();
  {
    const context::scope interrupt(context::any);
    cpu.give_back();
    EXPECT_EQ(journal::take(), nothing);
  }
  EXPECT_EQ(hand_polled::counters().pending, 1U);
  hand_polled::poll();
  EXPECT_EQ(journal::take(), the_rest);
}

TYPED_TEST(lazy_pins, AListHoldsWhatNobodyPins) {
  typename TestFixture::pin cpu;
  auto user = this->make_one();
  auto directory = user.template share<lazy_directory>();
  user.drop();
  journal::clear();
  cpu.borrow(directory);
  trefoil::deferred_list later;
  directory.drop_into(later);
  EXPECT_TRUE(later.empty());
  later.run();
  EXPECT_EQ(journal::take(), nothing);
  cpu.give_back();
  EXPECT_EQ(journal::take(), the_rest);

  auto another = this->make_one();
  cpu.borrow(another);
  another.drop_into(later);
  EXPECT_EQ(later.size(), 1U) << "the areas are pinned by nobody";
  later.run();
  EXPECT_EQ(journal::take(), areas_alone);
  cpu.give_back();
  EXPECT_EQ(journal::take(), the_rest);
}

/// Gives a pin back in its teardown.
template <class Pin>
struct giving_back {
  static constexpr auto teardown = context::any;
  explicit giving_back(Pin& p) : cpu(&p) {}
  giving_back(const giving_back&) = delete;
  giving_back& operator=(const giving_back&) = delete;
  ~giving_back() {
    cpu->give_back();
    journal::write("-giving_back");
  }
  Pin* cpu;
};

TYPED_TEST(lazy_pins, GivenBackInATeardownItComesAfterThat) {
  typename TestFixture::pin cpu;
  auto user = this->make_one();
  cpu.borrow(user);
  user.drop();
  journal::clear();
  using giver = giving_back<typename TestFixture::pin>;
  make<trefoil::basic_staged<test_traits<trefoil::wide_counts>, giver>>(cpu).drop();
  EXPECT_EQ(journal::take(), (journal::entries{"-giving_back", "-lazy_directory", "-identity"}));
}

/// A return and a last drop at the same moment: the CPU's look at its inbox comes too early. Played
/// by writing its slot as it does, without the look.
TYPED_TEST(lazy_pins, WhatACpuMissesTheReclaimerFinds) {
  using all_slots = typename TestFixture::slots;
  auto* const missing = all_slots::take();
  ASSERT_NE(missing, nullptr);
  typename TestFixture::pin other;
  auto user = this->make_one();
  all_slots::pin(*missing, trefoil::detail::access::pinned(*user.address()));
  other.borrow(user);
  user.drop();
  journal::clear();
  hand_polled::poll();
  hand_polled::poll();
  EXPECT_EQ(journal::take(), nothing) << "both pin it";
  missing->pinned.store(nullptr);
  hand_polled::poll();
  EXPECT_EQ(journal::take(), nothing) << "the other does";
  other.give_back();
  hand_polled::poll();  // that may have been the slot it was at
  EXPECT_EQ(journal::take(), the_rest);
  EXPECT_EQ(hand_polled::counters().pending, 0U);

  // Its next borrow looks, too, and so does help().
  auto next = this->make_one();
  auto held = this->make_one();
  for (const bool helps : {false, true}) {
    auto lost = this->make_one();
    all_slots::pin(*missing, trefoil::detail::access::pinned(*lost.address()));
    lost.drop();
    journal::clear();
    missing->pinned.store(nullptr);
    if (helps) {
      EXPECT_EQ(all_slots::serve(*missing), 1U);
    } else {
      all_slots::pin(*missing, trefoil::detail::access::pinned(*held.address()));
    }
    EXPECT_EQ(journal::take(), the_rest);
  }
  all_slots::unpin(*missing);
  all_slots::give_up(*missing);
}

TYPED_TEST(lazy_pins, SlotsAreUsedAgain) {
  using all_slots = typename TestFixture::slots;
  auto* const first = all_slots::take();
  auto* const second = all_slots::take();
  EXPECT_NE(first, second);
  all_slots::give_up(*first);
  EXPECT_EQ(all_slots::take(), first);
  all_slots::give_up(*first);
  all_slots::give_up(*second);
}

TYPED_TEST(lazy_pins, ANonFinalDropOfAPinnedObjectIsNothing) {
  typename TestFixture::pin cpu;
  auto user = this->make_one();
  auto other = user;
  cpu.borrow(user);
  user.drop();
  EXPECT_EQ(journal::take(), nothing);
  cpu.give_back();
  EXPECT_EQ(journal::take(), nothing);
  other.drop();
  EXPECT_EQ(journal::take(), everything);
}

// ---- a static object, and no memory ----------------------------------------------------------------

using init_mm = pinnable<trefoil::packed_counts<>>;

TEST(lazy_pin_of, AStaticObject) {
  static trefoil::static_object<init_mm> kernel;
  trefoil::lazy_pin<init_mm> cpu;
  cpu.borrow(kernel.get());
  EXPECT_EQ(cpu->entries, 4);
  EXPECT_TRUE(cpu.promote<areas>());
  cpu.give_back();
  EXPECT_FALSE(cpu);
}

struct findable_traits : test_traits<trefoil::packed_counts<>, trefoil::pooled> {
  static constexpr bool findable = true;
};
using findable_mm = trefoil::basic_staged<findable_traits, areas, lazy_directory, identity>;

/// Its header is constructed once for many lives.
TEST(lazy_pin_of, AFindableObjectInMemoryUsedAgain) {
  trefoil::lazy_pin<findable_mm> cpu;
  const findable_mm* first = nullptr;
  for (int i = 0; i < 3; ++i) {
    auto user = make<findable_mm>();
    if (i == 0) first = user.address();
    EXPECT_EQ(user.address(), first);
    journal::clear();
    EXPECT_FALSE(trefoil::detail::access::was_pinned(*user.address()));
    cpu.borrow(user);
    EXPECT_TRUE(trefoil::detail::access::was_pinned(*user.address()));
    cpu.give_back();
    EXPECT_TRUE(trefoil::detail::access::was_pinned(*user.address())) << "for life";
    user.drop();
    EXPECT_EQ(journal::take(), everything);
  }
}

struct without_memory : trefoil::threads {
  static context::state<without_memory>& state() noexcept {
    static thread_local context::state<without_memory> here;
    return here;
  }
  static void* allocate(std::size_t, std::size_t) noexcept { return nullptr; }
};
struct poor_traits : trefoil::default_traits {
  using platform = without_memory;
  using reclaimer = trefoil::basic_polled<without_memory, struct poor>;
  using storage = counted_storage;
};
using poor_mm = trefoil::basic_staged<poor_traits, areas, lazy_directory, identity>;

TEST(lazy_pin_of, ACpuWithoutMemoryForASlotCounts) {
  trefoil::lazy_pin<poor_mm> cpu;
  auto user = make<poor_mm>();
  journal::clear();
  cpu.borrow(user);
  EXPECT_EQ(user.use_count<lazy_directory>(), 2U);
  EXPECT_EQ(cpu.address(), user.address());
  user.drop();
  EXPECT_EQ(journal::take(), areas_alone);
  EXPECT_EQ(cpu.help(), 0U);
  EXPECT_TRUE(cpu);
  cpu.give_back();
  EXPECT_FALSE(cpu);
  EXPECT_EQ(journal::take(), the_rest);
}

static_assert(!trefoil::has_lazy_tier<mm>);
static_assert(std::is_same_v<trefoil::lazy_tier<init_mm>, lazy_directory>);

}  // namespace
