// SPDX-License-Identifier: Apache-2.0
// Two threads bring one count over its edge at once: it is reported once all the same, and the
// count beside it, in use by the other thread, stays exact.
#include "address_space.hpp"
#include "race.hpp"
#include "sanitized.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#if defined(UNDER_ADDRESS_SANITIZER)
// Objects whose counts saturate are leaked on purpose; LeakSanitizer tells of their slabs.
extern "C" const char* __asan_default_options() { return "detect_leaks=0"; }  // NOLINT
#endif

namespace {

using trefoil::make;
using trefoil::misuse;
using trefoil::ref;

using narrow = trefoil::packed_counts<8, 8, 8>;
using object =
    trefoil::basic_staged<test_traits<narrow, trefoil::pooled>, mappings, page_directory, identity>;
constexpr unsigned most = 63;
constexpr std::size_t rounds = 300;

struct saturation_race : staged_test {
  ref<object, mappings> user;
  ref<object> bare;
  std::vector<ref<object, mappings>> held;
  std::array<std::vector<ref<object, mappings>>, 2> taken;

  /// A new object whose outermost count has room for `left` references more.
  void prepare(unsigned left) {
    held.clear();
    for (auto& side : taken) {
      side.clear();
      side.reserve(16);
    }
    user = make<object>();
    bare = user.share<identity>();
    held.assign(most - left - 1, user);
    static_cast<void>(reported.take());  // what the drops of the last round's object said
  }
  void copy(std::size_t side, unsigned times) {
    for (unsigned i = 0; i < times; ++i) taken[side].push_back(user);
  }
  void promote(std::size_t side, unsigned times) {
    for (unsigned i = 0; i < times; ++i) taken[side].push_back(bare.promote<mappings>());
  }
  void expect_saturated_and_inner_counts_exact() {
    EXPECT_TRUE(bare.saturated<mappings>());
    EXPECT_EQ(bare.use_count<page_directory>(), 1U);
    EXPECT_EQ(bare.use_count<identity>(), 2U);
  }
};

TEST_F(saturation_race, of_two_copies_at_the_edge_one_reports) {
  race{.prepare = [this] { prepare(0); },
       .left = [this] { copy(0, 3); },
       .right = [this] { copy(1, 3); },
       .check =
           [this] {
             EXPECT_EQ(reported.take(), (misuses{{misuse::add_overflow, 1}}));
             expect_saturated_and_inner_counts_exact();
           }}
      .run(rounds);
}

TEST_F(saturation_race, of_two_copies_for_one_place_one_reports) {
  race{.prepare = [this] { prepare(1); },
       .left = [this] { copy(0, 1); },
       .right = [this] { copy(1, 1); },
       .check =
           [this] {
             EXPECT_EQ(reported.take(), (misuses{{misuse::add_overflow, 1}}));
             expect_saturated_and_inner_counts_exact();
           }}
      .run(rounds);
}

TEST_F(saturation_race, two_copies_for_two_places_are_no_misuse) {
  race{.prepare = [this] { prepare(2); },
       .left = [this] { copy(0, 1); },
       .right = [this] { copy(1, 1); },
       .check =
           [this] {
             EXPECT_EQ(reported.take(), misuses{});
             EXPECT_EQ(user.use_count(), most);
           }}
      .run(rounds);
}

TEST_F(saturation_race, of_two_promotes_one_reports_and_both_succeed) {
  race{.prepare = [this] { prepare(0); },
       .left = [this] { promote(0, 2); },
       .right = [this] { promote(1, 2); },
       .check =
           [this] {
             EXPECT_EQ(reported.take(), (misuses{{misuse::add_not_zero_overflow, 1}}));
             for (const auto& side : taken) {
               for (const auto& each : side) EXPECT_TRUE(each);
             }
             expect_saturated_and_inner_counts_exact();
           }}
      .run(rounds);
}

TEST_F(saturation_race, of_a_copy_and_a_promote_one_reports) {
  race{.prepare = [this] { prepare(0); },
       .left = [this] { copy(0, 2); },
       .right = [this] { promote(1, 2); },
       .check =
           [this] {
             unsigned reports = 0;
             for (const auto& [kind, times] : reported.take()) reports += times;
             EXPECT_EQ(reports, 1U);
             expect_saturated_and_inner_counts_exact();
           }}
      .run(rounds);
}

TEST_F(saturation_race, of_two_drops_too_many_one_reports) {
  race{.prepare =
           [this] {
             prepare(0);
             held.clear();
             user = nullptr;  // the outer tiers are gone
             for (auto& side : taken) {
               side.push_back(ref<object, mappings>::adopt(bare.address()));
             }
           },
       .left = [this] { taken[0].clear(); },
       .right = [this] { taken[1].clear(); },
       .check =
           [this] {
             EXPECT_EQ(reported.take(), (misuses{{misuse::sub_underflow, 1}}));
             EXPECT_TRUE(bare.saturated<mappings>());
             EXPECT_EQ(bare.use_count<page_directory>(), 0U);
             EXPECT_EQ(bare.use_count(), 1U);
           }}
      .run(rounds);
}

TEST_F(saturation_race, the_neighbour_in_the_same_word_stays_exact) {
  std::vector<ref<object>> lower;
  lower.reserve(most);
  // The count goes over its edge in the midst of the other thread's work.
  constexpr unsigned room = 10;
  race{.prepare =
           [&] {
             lower.clear();
             prepare(room);
           },
       .left = [this] { copy(0, room + 4); },
       .right =
           [&] {
             for (int i = 0; i < 40; ++i) lower.push_back(user.share<identity>());
             for (int i = 0; i < 20; ++i) lower.pop_back();
           },
       .check =
           [&] {
             EXPECT_EQ(reported.take(), (misuses{{misuse::add_overflow, 1}}));
             EXPECT_EQ(bare.use_count(), 2U + 20U);
             EXPECT_EQ(bare.use_count<page_directory>(), 1U);
           }}
      .run(10 * rounds);
}

}  // namespace
