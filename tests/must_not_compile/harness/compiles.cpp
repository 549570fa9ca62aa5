// SPDX-License-Identifier: Apache-2.0
// Nothing is wrong with it.
// error: glass_slipper
int ball = 0;
