// SPDX-License-Identifier: Apache-2.0
// Where a tier's storage is: in the object or in a block of its own, at the alignment it asks for.
#include "staged_test.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

namespace {

using trefoil::make;
using trefoil::ref;
using trefoil::ref_from_tier;

// ---- a block of its own ---------------------------------------------------------------------------

constexpr std::size_t page = 4096;

struct description {
  static constexpr auto teardown = trefoil::context::any;
  ~description() { journal::write("-description"); }
  int number = 7;
};

struct index {
  static constexpr auto teardown = trefoil::context::any;
  static constexpr auto placement = trefoil::placement::outside;
  explicit index(description& d) : of(&d) { std::memset(bytes, 0x5A, page); }
  ~index() { journal::write("-index"); }
  description* of;
  std::byte bytes[page];
};

struct samples {
  static constexpr auto teardown = trefoil::context::any;
  static constexpr auto placement = trefoil::placement::outside;
  samples(index& i, description& d) : by(&i), of(&d) { std::memset(bytes, 0xA5, 4 * page); }
  ~samples() { journal::write("-samples"); }
  index* by;
  description* of;
  std::byte bytes[4 * page];
};

template <class Counts>
using sound = trefoil::basic_staged<test_traits<Counts>, samples, index, description>;

template <class>
struct outside_tiers : staged_test {
  std::size_t bytes_before = counted_storage::bytes();
  [[nodiscard]] std::size_t bytes() const { return counted_storage::bytes() - bytes_before; }
};
TYPED_TEST_SUITE(outside_tiers, kinds_of_counts);

TYPED_TEST(outside_tiers, give_their_storage_back_at_their_teardown) {
  auto all = make<sound<TypeParam>>();
  const std::size_t whole = this->bytes();
  EXPECT_GE(whole, 5 * page);
  EXPECT_EQ(counted_storage::blocks(), 3U);

  auto indexed = std::move(all).template demote<index>();
  EXPECT_LE(this->bytes(), whole - 4 * page);
  EXPECT_EQ(counted_storage::blocks(), 2U);
  EXPECT_EQ(indexed->bytes[page - 1], std::byte{0x5A});

  auto described = std::move(indexed).template demote<description>();
  EXPECT_LT(this->bytes(), page);  // what is left of a big object is small
  EXPECT_EQ(counted_storage::blocks(), 1U);
  EXPECT_EQ(described->number, 7);

  described.drop();
  EXPECT_EQ(this->bytes(), 0U);
  EXPECT_EQ(journal::take(), (journal::entries{"-samples", "-index", "-description"}));
}

TYPED_TEST(outside_tiers, go_all_at_once_with_their_only_owner) {
  make<sound<TypeParam>>().drop();
  EXPECT_EQ(counted_storage::blocks(), 0U);
  EXPECT_EQ(journal::take(), (journal::entries{"-samples", "-index", "-description"}));
}

TYPED_TEST(outside_tiers, are_handed_the_tiers_inside_them) {
  const auto all = make<sound<TypeParam>>();
  EXPECT_EQ(all->by, &all.template at<index>());
  EXPECT_EQ(all->of, &all.template at<description>());
  EXPECT_EQ(all->by->of, all->of);
}

TYPED_TEST(outside_tiers, find_the_object_around_them) {
  auto all = make<sound<TypeParam>>();
  auto again = ref_from_tier<sound<TypeParam>>(*all);
  auto middle = ref_from_tier<sound<TypeParam>>(all.template at<index>());
  auto inner = ref_from_tier<sound<TypeParam>>(all.template at<description>());
  EXPECT_TRUE(again == all);
  EXPECT_TRUE(middle == all);
  EXPECT_TRUE(inner == all);
  EXPECT_EQ(all.use_count(), 2U);
  EXPECT_EQ(all.template use_count<index>(), 2U);
  EXPECT_EQ(all.template use_count<description>(), 2U);
}

struct an_outside_innermost_tier : staged_test {};

struct innermost_outside {
  static constexpr auto teardown = trefoil::context::any;
  static constexpr auto placement = trefoil::placement::outside;
  ~innermost_outside() { journal::write("-innermost"); }
  std::byte bytes[page];
};
struct around {
  static constexpr auto teardown = trefoil::context::any;
  explicit around(innermost_outside& i) : inner(&i) {}
  ~around() { journal::write("-around " + std::to_string(sizeof(inner->bytes))); }
  innermost_outside* inner;
};

TEST_F(an_outside_innermost_tier, outlives_the_others) {
  using object =
      trefoil::basic_staged<test_traits<trefoil::packed_counts<>>, around, innermost_outside>;
  auto outer = make<object>();
  auto inner = std::move(outer).demote<innermost_outside>();
  EXPECT_EQ(journal::take(), journal::entries{"-around 4096"});
  EXPECT_EQ(counted_storage::blocks(), 2U);
  inner.drop();
  EXPECT_EQ(journal::take(), journal::entries{"-innermost"});
}

// ---- alignment ------------------------------------------------------------------------------------

template <std::size_t Alignment, trefoil::placement Where>
struct aligned {
  static constexpr auto teardown = trefoil::context::any;
  static constexpr auto placement = Where;
  [[nodiscard]] bool is_aligned() const {
    return reinterpret_cast<std::uintptr_t>(this) % Alignment == 0;
  }
  alignas(Alignment) std::byte byte{0x33};
};

constexpr auto inside = trefoil::placement::inside;
constexpr auto outside = trefoil::placement::outside;

template <class Counts, class Storage>
struct aligned_in {
  using object = trefoil::basic_staged<test_traits<Counts, Storage>, aligned<256, inside>,
                                       aligned<4096, outside>, aligned<64, inside>>;
  using small_around_big = trefoil::basic_staged<test_traits<Counts, Storage>, aligned<1, inside>,
                                                 aligned<32, outside>, aligned<128, inside>>;
};

template <class>
struct alignment_of_tiers : staged_test {};
using places = ::testing::Types<aligned_in<trefoil::packed_counts<>, counted_storage>,
                                aligned_in<trefoil::packed_counts<>, trefoil::pooled>,
                                aligned_in<trefoil::wide_counts, trefoil::pooled>,
                                aligned_in<trefoil::padded_counts, trefoil::pooled>>;
TYPED_TEST_SUITE(alignment_of_tiers, places);

template <class Object>
void expect_aligned_and_found() {
  // Several at once: a pool that got the first block right may get the next one wrong.
  const auto first = make<Object>();
  const auto second = make<Object>();
  const auto third = make<Object>();
  for (const auto& each : {first, second, third}) {
    using outer = trefoil::outermost_tier<Object>;
    using inner = trefoil::weakest_tier<Object>;
    using middle = typename trefoil::detail::facts<Object>::template tier<1>;
    EXPECT_TRUE(each->is_aligned());
    EXPECT_TRUE(each.template at<middle>().is_aligned());
    EXPECT_TRUE(each.template at<inner>().is_aligned());
    EXPECT_TRUE(ref_from_tier<Object>(each.template at<outer>()) == each);
    EXPECT_TRUE(ref_from_tier<Object>(each.template at<middle>()) == each);
    EXPECT_TRUE(ref_from_tier<Object>(each.template at<inner>()) == each);
    EXPECT_EQ(each.template at<middle>().byte, std::byte{0x33});
  }
}

TYPED_TEST(alignment_of_tiers, is_what_they_ask_for) {
  expect_aligned_and_found<typename TypeParam::object>();
  expect_aligned_and_found<typename TypeParam::small_around_big>();
}

}  // namespace
