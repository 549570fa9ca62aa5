// SPDX-License-Identifier: Apache-2.0
/// @file
/// The operations, by file. Each has two sides: an address space of ours, and that of a process, by
/// Linux.
#pragma once

#include <vector>

#include "harness/operation.hpp"

namespace bench {

void add_forks(std::vector<operation>& to);   // address spaces that are copied
void add_maps(std::vector<operation>& to);    // mmap and munmap, nothing touched
void add_faults(std::vector<operation>& to);  // the first touch of each page
void add_exits(std::vector<operation>& to);   // address spaces that end; munmap of everything

}  // namespace bench
