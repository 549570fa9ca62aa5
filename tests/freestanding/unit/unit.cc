// SPDX-License-Identifier: Apache-2.0
// Compiled with -ffreestanding; what its object file leaves undefined is all the library needs.
#include "own_platform.hpp"

extern "C" int use_everything() {
  if (bare::live_and_die<bare::traits>() != 12) return 1;
  if (bare::live_and_die<bare::wide_traits>() != 12) return 2;
  if (bare::find_and_lose() != 0) return 3;
  return bare::promptly();
}
