// SPDX-License-Identifier: Apache-2.0
// Somebody else at every point of an operation that leaves the range of a count: another misuse of
// that count, or proper use of the one beside it. Where saturation_race meets the few instructions
// by chance, this goes through them one after the other.
#include "../signals/stepping.hpp"

#include <trefoil/trefoil.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace {

using trefoil::make;
using trefoil::misuse;
using trefoil::ref;
namespace context = trefoil::context;

/// At the `left`-th point `meanwhile` happens, once; for the counts it may as well be another thread.
struct points {
  static inline int left = 0;
  static inline std::function<void()> meanwhile;

  static void pass() {
    if (left > 0 && --left == 0) meanwhile();
  }
};

struct stepped : trefoil::threads {
  template <class T>
  using atomic = stepping::atomic<points, T>;

  static context::state<stepped>& state() noexcept {
    static constinit thread_local context::state<stepped> here;
    return here;
  }
  static void report(misuse kind, const void*) noexcept { reports.push_back(kind); }

  static inline std::vector<misuse> reports;
};
using reports = std::vector<misuse>;

template <int>
struct tier {
  static constexpr auto teardown = context::any;
  int value = 0;
};
using user_tier = tier<0>;
using bare_tier = tier<1>;

// Pooled: these objects are kept for ever, and the pool's slabs stay reachable.
template <class Counts>
struct stepped_traits : trefoil::default_traits {
  using platform = stepped;
  using counts = Counts;
  using reclaimer = trefoil::inline_only;  // nothing here needs more than `any`
};
template <class Counts>
using object_of = trefoil::basic_staged<stepped_traits<Counts>, user_tier, bare_tier>;

/// The number of points that `act` has, with `meanwhile` at each of them in turn.
int at_each_point(const std::function<void()>& prepare, const std::function<void()>& act,
                  const std::function<void()>& meanwhile, const std::function<void()>& check) {
  for (int at = 1;; ++at) {
    SCOPED_TRACE("at point " + std::to_string(at));
    prepare();
    stepped::reports.clear();
    points::meanwhile = meanwhile;
    points::left = at;
    act();
    const bool happened = points::left == 0;
    points::left = 0;
    if (!happened) return at - 1;
    check();
    if (testing::Test::HasFailure()) return at;
  }
}

// ---- one drop too many, and another ---------------------------------------------------------------

template <class>
struct saturation_points : testing::Test {};
using counts = ::testing::Types<trefoil::packed_counts<>, trefoil::packed_counts<8, 8>,
                                trefoil::wide_counts, trefoil::padded_counts>;
TYPED_TEST_SUITE(saturation_points, counts);

TYPED_TEST(saturation_points, of_two_drops_too_many_one_reports) {
  using object = object_of<TypeParam>;
  ref<object> bare;
  ref<object, user_tier> first;
  ref<object, user_tier> second;
  const int seen = at_each_point(
      [&] {
        bare = make<object>().template demote<bare_tier>();  // the outer tier is gone
        first = ref<object, user_tier>::adopt(bare.address());
        second = ref<object, user_tier>::adopt(bare.address());
      },
      [&] { first.drop(); }, [&] { second.drop(); },
      [&] {
        EXPECT_EQ(stepped::reports, reports{misuse::sub_underflow});
        EXPECT_TRUE(bare.template saturated<user_tier>());
        EXPECT_EQ(bare.use_count(), 1U);
      });
  EXPECT_GT(seen, 4);
}

TYPED_TEST(saturation_points, of_a_drop_too_many_leave_the_other_count_exact) {
  using object = object_of<TypeParam>;
  ref<object> bare;
  ref<object> more;
  ref<object, user_tier> too_many;
  const int seen = at_each_point(
      [&] {
        more.drop();
        bare = make<object>().template demote<bare_tier>();
        too_many = ref<object, user_tier>::adopt(bare.address());
      },
      [&] { too_many.drop(); }, [&] { more = bare; },
      [&] {
        EXPECT_EQ(stepped::reports, reports{misuse::sub_underflow});
        EXPECT_EQ(bare.use_count(), 2U);
      });
  EXPECT_GT(seen, 4);
}

// ---- one copy too many, beside proper use of the count next to it ---------------------------------

using narrow = object_of<trefoil::packed_counts<8, 8>>;
constexpr unsigned most = 63;

struct over_the_edge : testing::Test {
  ref<narrow, user_tier> user;
  ref<narrow> bare;
  ref<narrow> more;
  std::vector<ref<narrow, user_tier>> held;

  void fill() {
    held.clear();
    more.drop();
    user = make<narrow>();
    bare = user.share<bare_tier>();
    held.reserve(most + 1);
    held.assign(most - 1, user);
  }
  void share_beside() { more = user.share<bare_tier>(); }
  void expect_saturated(misuse kind) {
    EXPECT_EQ(stepped::reports, reports{kind});
    EXPECT_TRUE(user.saturated());
    EXPECT_EQ(bare.use_count(), 3U);  // the collective one, `bare`, and `more`
  }
};

TEST_F(over_the_edge, by_a_copy_leaves_the_other_count_exact) {
  const int seen =
      at_each_point([this] { fill(); }, [this] { held.push_back(user); },
                    [this] { share_beside(); }, [this] { expect_saturated(misuse::add_overflow); });
  EXPECT_GT(seen, 4);
}

TEST_F(over_the_edge, by_a_promote_leaves_the_other_count_exact) {
  const int seen = at_each_point(
      [this] { fill(); }, [this] { held.push_back(bare.promote<user_tier>()); },
      [this] { share_beside(); }, [this] { expect_saturated(misuse::add_not_zero_overflow); });
  EXPECT_GT(seen, 4);
}

}  // namespace
