// SPDX-License-Identifier: Apache-2.0
/// @file
/// An address space in three stages: the system that Trefoil comes from.
///
/// | tier             | kept by                                      | teardown          | in Linux               |
/// | ---------------- | -------------------------------------------- | ----------------- | ---------------------- |
/// | `mappings`       | tasks, threads, whoever reads its memory     | `process`         | mm_users, exit_mmap    |
/// | `page_directory` | CPUs that have it loaded (lazy TLB)          | `atomic`: pgd_lock | mm_count, pgd_free    |
/// | `identity`       | whoever asks, compares, accounts, or may promote | `any`         | (mm_count) free_mm     |
#pragma once

#include "trefoil/mm/brk.hpp"
#include "trefoil/mm/exit.hpp"
#include "trefoil/mm/fault.hpp"
#include "trefoil/mm/identity.hpp"
#include "trefoil/mm/mappings.hpp"
#include "trefoil/mm/mmap.hpp"
#include "trefoil/mm/mprotect.hpp"
#include "trefoil/mm/mremap.hpp"
#include "trefoil/mm/page_directory.hpp"
#include "trefoil/mm/remote_access.hpp"
#include "trefoil/staged.hpp"

namespace trefoil::mm {

template <class P>
using address_space = basic_staged<typename P::traits, mappings<P>, page_directory<P>, identity<P>>;

}  // namespace trefoil::mm
