// SPDX-License-Identifier: Apache-2.0
/// @file
/// The peers, by family. What is not installed adds nothing.
#pragma once

#include <vector>

#include "harness/operation.hpp"

namespace bench {

void add_trefoil(std::vector<operation>& to);
void add_lazy_pins(std::vector<operation>& to);
void add_per_cpu_counts(std::vector<operation>& to);
void add_standard(std::vector<operation>& to);
void add_boost(std::vector<operation>& to);
void add_urcu(std::vector<operation>& to);
void add_libcds(std::vector<operation>& to);
void add_concurrencykit(std::vector<operation>& to);
void add_xenium(std::vector<operation>& to);
void add_dual_count(std::vector<operation>& to);  // gRPC's idea
void add_refcount(std::vector<operation>& to);    // Linux's refcount_t

}  // namespace bench
