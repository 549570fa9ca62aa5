// SPDX-License-Identifier: Apache-2.0
// The storm on the default platform, with the default worker. Under ThreadSanitizer, which holds
// signals back until it is convenient, a smaller one: it looks for races between what handlers and
// threads do, not for bad instants.
#include "storm.hpp"

#include <cstddef>

namespace {

struct loop_tag;
struct on_loop : trefoil::default_traits {
  using reclaimer = trefoil::polled<loop_tag>;
};
struct on_table : trefoil::default_traits {
  static constexpr bool findable = true;
};

TEST(signal_storm, on_the_default_platform) {
#if defined(__SANITIZE_THREAD__)
  constexpr long signals = 3'000;
  constexpr bool async = false;
#else
  constexpr long signals = test::rounds(120'000);
  constexpr bool async = true;
#endif
  storm::workshop<trefoil::default_traits, on_loop, on_table>::run(signals, 3, async);
  for (std::size_t k = 0; k < trefoil::misuse_kinds; ++k) {
    EXPECT_EQ(trefoil::misuse_report::count(static_cast<trefoil::misuse>(k)), 0U) << k;
  }
}

}  // namespace
