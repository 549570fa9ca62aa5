// SPDX-License-Identifier: Apache-2.0
// Needs a function that a freestanding program does not have: symbols.cmake must find it.
extern "C" void not_in_a_kernel();
extern "C" void control();
void control() { not_in_a_kernel(); }
