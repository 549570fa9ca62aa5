// SPDX-License-Identifier: Apache-2.0
// The regex occurs in the refused line, but not in what the compiler says about it.
// error: glass_slipper
#ifndef TREFOIL_VALID
int ball = pumpkin;  // glass_slipper
#endif
