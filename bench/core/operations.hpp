// SPDX-License-Identifier: Apache-2.0
/// @file
/// The operations of the mechanism, by file.
#pragma once

#include <vector>

#include "harness/operation.hpp"

namespace bench {

void add_references(std::vector<operation>& to);  // copy, share, promote, demote
void add_lives(std::vector<operation>& to);       // create and destroy
void add_last_drops(std::vector<operation>& to);  // inline, deferred
void add_deferrals(std::vector<operation>& to);   // many at a time
void add_refills(std::vector<operation>& to);     // threads in need of memory

}  // namespace bench
