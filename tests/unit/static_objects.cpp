// SPDX-License-Identifier: Apache-2.0
// Objects in static memory (init_mm): referred to as any object, and never freed.
#include "address_space.hpp"

#include <cstdlib>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace {

using trefoil::misuse;
using trefoil::ref;
using trefoil::static_object;
namespace context = trefoil::context;

static_assert(std::is_trivially_destructible_v<static_object<mm>>);
static_assert(!std::is_copy_constructible_v<static_object<mm>>);

/// Objects that outlive the test, as those they are written for outlive main().
template <class Counts>
struct static_objects : staged_test {
  static_object<address_space<Counts>>& init_mm = made();

 private:
  static static_object<address_space<Counts>>& made() {
    static static_object<address_space<Counts>> it;
    journal::clear();
    return it;
  }
};
TYPED_TEST_SUITE(static_objects, kinds_of_counts);

TYPED_TEST(static_objects, take_no_storage) {
  EXPECT_EQ(counted_storage::blocks(), 0U);
  EXPECT_TRUE(this->init_mm.get());
}

TYPED_TEST(static_objects, hold_themselves) {
  auto user = this->init_mm.get();
  EXPECT_EQ(user.use_count(), 2U);
  user.drop();
  EXPECT_EQ(this->init_mm.get().use_count(), 2U);
  EXPECT_EQ(journal::take(), nothing);
}

TYPED_TEST(static_objects, give_references_to_every_tier) {
  const auto user = this->init_mm.get();
  const auto lazy = this->init_mm.template get<page_directory>();
  const auto bare = this->init_mm.template get<identity>();
  EXPECT_TRUE(user == lazy);
  EXPECT_TRUE(lazy == bare);
  EXPECT_EQ(bare->user, 0);
  EXPECT_TRUE(bare.template promote<mappings>());
  EXPECT_EQ(lazy.use_count(), 2U);
  EXPECT_EQ(bare.use_count(), 2U);
}

TYPED_TEST(static_objects, references_to_them_are_ordinary) {
  auto bare = this->init_mm.get().template share<identity>();
  auto lazy = this->init_mm.get();
  auto demoted = std::move(lazy).template demote<page_directory>();
  EXPECT_TRUE(trefoil::ref_from_tier<address_space<TypeParam>>(*bare) == demoted);
  trefoil::deferred_list later;
  demoted.drop_into(later);
  EXPECT_TRUE(later.empty());
  EXPECT_EQ(journal::take(), nothing);
}

TYPED_TEST(static_objects, refuse_one_drop_too_many) {
  using object = address_space<TypeParam>;
  auto user = this->init_mm.get();
  ref<object, mappings>::adopt(user.address()).drop();  // the static object's own
  EXPECT_EQ(this->reported.take(), misuses{});          // somebody else holds it: nobody can tell
  user.drop();
  EXPECT_EQ(this->reported.take(), (misuses{{misuse::static_last_drop, 1}}));
  EXPECT_EQ(journal::take(), nothing);
  EXPECT_EQ(this->init_mm.get().use_count(), 2U) << "as if nothing had happened";
}

TYPED_TEST(static_objects, refuse_it_as_often_as_it_is_tried) {
  using object = address_space<TypeParam>;
  for (unsigned i = 0; i < 3; ++i) {
    ref<object, mappings>::adopt(this->init_mm.get().address()).drop();
    EXPECT_EQ(this->reported.take(), (misuses{{misuse::static_last_drop, 1}}));
  }
  EXPECT_EQ(this->init_mm.get().use_count(), 2U);
}

TYPED_TEST(static_objects, refuse_it_for_inner_tiers_too) {
  using object = address_space<TypeParam>;
  ref<object, page_directory>::adopt(this->init_mm.get().address()).drop();
  EXPECT_EQ(this->reported.take(), (misuses{{misuse::static_last_drop, 1}}));
  ref<object, identity>::adopt(this->init_mm.get().address()).drop();
  EXPECT_EQ(this->reported.take(), (misuses{{misuse::static_last_drop, 1}}));
  EXPECT_EQ(this->init_mm.template get<page_directory>().use_count(), 2U);
  EXPECT_EQ(this->init_mm.template get<identity>().use_count(), 2U);
  EXPECT_EQ(journal::take(), nothing);
}

TYPED_TEST(static_objects, refuse_it_whichever_way_it_comes) {
  using object = address_space<TypeParam>;
  const auto forged = [this] {
    return ref<object, mappings>::adopt(this->init_mm.get().address());
  };
  forged().drop(context::in_any);
  EXPECT_EQ(this->reported.take(), (misuses{{misuse::static_last_drop, 1}}));
  {
    const context::scope here{context::any};
    forged().drop();
  }
  EXPECT_EQ(this->reported.take(), (misuses{{misuse::static_last_drop, 1}}));
  trefoil::deferred_list later;
  forged().drop_into(later);
  EXPECT_TRUE(later.empty());
  EXPECT_EQ(this->reported.take(), (misuses{{misuse::static_last_drop, 1}}));
  auto bare = forged().template demote<identity>();
  EXPECT_EQ(this->reported.take(), (misuses{{misuse::static_last_drop, 1}}));
  bare.drop();
  EXPECT_EQ(this->init_mm.get().use_count(), 2U);
  EXPECT_EQ(this->init_mm.template get<identity>().use_count(), 2U);
  EXPECT_EQ(journal::take(), nothing);
}

// ---- construction ---------------------------------------------------------------------------------

struct named final {
  static constexpr auto teardown = context::any;
  named(int n, int* m) : number(n), more(m) {}
  int number;
  int* more;
};
struct fails final {
  static constexpr auto teardown = context::any;
  static inline bool throws = false;
  static inline bool refuses = false;
  static bool init(fails&) noexcept { return !refuses; }
  fails() {
    if (throws) throw std::runtime_error("a static object's tier");
  }
};
// Pooled: the pool takes whatever memory it is given, so a mistake does not stop the program here.
using breakable =
    trefoil::basic_staged<test_traits<trefoil::packed_counts<>, trefoil::pooled>, fails, named>;

struct construction_of_static_objects : staged_test {};

TEST_F(construction_of_static_objects, takes_the_arguments_of_make) {
  int mine = 0;
  static_object<breakable> it(4, &mine);
  EXPECT_EQ(it.get<named>()->number, 4);
  EXPECT_EQ(it.get<named>()->more, &mine);
  static_object<breakable> named_ones(trefoil::with<named>(5, nullptr));
  EXPECT_EQ(named_ones.get<named>()->number, 5);
}

struct keyed_traits : test_traits<trefoil::packed_counts<>, trefoil::pooled> {
  static constexpr bool findable = true;
  using key = int;
};
struct numbered final {
  static constexpr auto teardown = context::any;
  explicit numbered(int n = 0) : number(n) {}
  int number;
};

TEST_F(construction_of_static_objects, takes_the_key_first_as_make_does) {
  using object = trefoil::basic_staged<keyed_traits, numbered>;
  static_object<object> it(7);
  auto* const address = it.get().address();
  EXPECT_TRUE(trefoil::try_acquire<numbered>(address, 7));
  EXPECT_FALSE(trefoil::try_acquire<numbered>(address, 0));
  EXPECT_EQ(it.get()->number, 0) << "the key is not an argument of a tier";
}

/// Ends with status 0 if the constructor of a static object lets its caller go on.
[[noreturn]] void construct_and_go_on() {
  try {
    static_object<breakable> it(1, nullptr);
  } catch (const std::exception&) {}
  std::_Exit(0);
}

using construction_of_static_objects_death = construction_of_static_objects;

TEST_F(construction_of_static_objects_death, traps_if_a_tier_refuses) {
  EXPECT_DEATH(
      {
        fails::refuses = true;
        construct_and_go_on();
      },
      "");
}

TEST_F(construction_of_static_objects_death, traps_if_a_constructor_throws) {
  EXPECT_DEATH(
      {
        fails::throws = true;
        construct_and_go_on();
      },
      "");
}

}  // namespace
