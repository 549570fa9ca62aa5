// SPDX-License-Identifier: Apache-2.0
/// @file
/// bench_peers: other counted references and read-side protections, beside Trefoil's.
#include "harness/main.hpp"
#include "operations.hpp"

int main(int argc, char** argv) {
  static constexpr bench::add_operations* files[] = {
      bench::add_standard, bench::add_trefoil,    bench::add_lazy_pins, bench::add_per_cpu_counts,
      bench::add_boost,    bench::add_urcu,       bench::add_libcds,    bench::add_concurrencykit,
      bench::add_xenium,   bench::add_dual_count, bench::add_refcount,
  };
  return bench::main(argc, argv, files);
}
