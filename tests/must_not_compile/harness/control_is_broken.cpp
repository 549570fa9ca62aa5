// SPDX-License-Identifier: Apache-2.0
// Refused for a reason that has nothing to do with what is tested.
// error: glass_slipper
int ball = glass_slipper;
