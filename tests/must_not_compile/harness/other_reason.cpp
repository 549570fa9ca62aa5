// SPDX-License-Identifier: Apache-2.0
// Refused, and one of the two messages is right.
// error: glass_slipper
// error: Cinderella
#ifndef TREFOIL_VALID
int ball = glass_slipper;
#endif
