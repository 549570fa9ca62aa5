// SPDX-License-Identifier: Apache-2.0
// A pinned count that very many drops push away from its pinned value: it is set back, and nobody is
// told a second time. Of a count of 32 bits it takes 2^28 drops: here they come a million at once.
#include <trefoil/trefoil.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <vector>

namespace {

using trefoil::misuse;
namespace context = trefoil::context;

/// Where a decrement may stand for many that come one after the other, with no other thread between.
struct heavy : trefoil::threads {
  template <class T>
  struct atomic : std::atomic<T> {
    using std::atomic<T>::atomic;
    T fetch_sub(T n, std::memory_order order) noexcept {
      return std::atomic<T>::fetch_sub(static_cast<T>(n * static_cast<T>(weight)), order);
    }
  };
  static void report(misuse kind, const void*) noexcept { reports.push_back(kind); }

  static inline unsigned weight = 1;
  static inline std::vector<misuse> reports;
};
using reports = std::vector<misuse>;

template <class>
struct saturation_drift : testing::Test {
  saturation_drift() { heavy::reports.clear(); }
  ~saturation_drift() override { heavy::weight = 1; }
};
using counts =
    ::testing::Types<trefoil::packed_counts<32, 32>, trefoil::wide_counts, trefoil::padded_counts>;
TYPED_TEST_SUITE(saturation_drift, counts);

TYPED_TEST(saturation_drift, by_many_drops_is_undone_without_a_word) {
  typename TypeParam::template type<heavy, 2, false> count;  // of an object that is gone
  EXPECT_FALSE(count.template put<0>());
  EXPECT_EQ(heavy::reports, reports{misuse::sub_underflow});
  heavy::weight = 1U << 20;
  for (int i = 0; i < 5000; ++i) {  // a count of 32 bits would go all the way round
    ASSERT_FALSE(count.template put<0>()) << i;
    ASSERT_TRUE(count.template saturated<0>()) << i;
    ASSERT_EQ(heavy::reports, reports{misuse::sub_underflow}) << i;
  }
  EXPECT_EQ(count.template holders<1>(), 0U);
}

}  // namespace
