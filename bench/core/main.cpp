// SPDX-License-Identifier: Apache-2.0
/// @file
/// bench_core: the mechanism.
#include "harness/main.hpp"
#include "operations.hpp"

int main(int argc, char** argv) {
  static constexpr bench::add_operations* files[] = {bench::add_references, bench::add_lives,
                                                     bench::add_last_drops, bench::add_deferrals,
                                                     bench::add_refills};
  return bench::main(argc, argv, files);
}
