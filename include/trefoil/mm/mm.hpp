// SPDX-License-Identifier: Apache-2.0
/// @file
/// Layer 2: address spaces that die in three stages. This page is its index.
///
/// | concept                                            | header               |
/// | -------------------------------------------------- | -------------------- |
/// | the object: its tiers, who keeps them              | address_space.hpp    |
/// | who it is: namespace, dumpability, accounting      | identity.hpp         |
/// | the top-level table, on the list of all            | page_directory.hpp   |
/// | what is mapped where                               | mappings.hpp         |
/// | x86-64 tables as hardware walks them               | page_table.hpp       |
/// | the other answer for access checks                 | exec_state.hpp       |
/// | user namespaces, whose last put needs to sleep     | user_namespace.hpp   |
/// | what all of a machine share: pgd_list, kernel half | kernel.hpp           |
/// | physical memory                                    | frame_allocator.hpp  |
/// | the lock behind pgd_lock                           | spinlock.hpp         |
///
/// Locks, outer first; teardowns take them, so whoever holds one runs at level `any` (the lock's
/// guard sees to it):
///
///     pgd_lock                 pgd_list, the kernel half; page_directory is born and torn down
///       frame allocator        free frames
///
/// Everything is a template over a platform: kernel.hpp says what is asked of it.
#pragma once

#include "trefoil/mm/address_space.hpp"
#include "trefoil/mm/exec_state.hpp"
#include "trefoil/mm/frame_allocator.hpp"
#include "trefoil/mm/identity.hpp"
#include "trefoil/mm/kernel.hpp"
#include "trefoil/mm/mappings.hpp"
#include "trefoil/mm/page_directory.hpp"
#include "trefoil/mm/page_table.hpp"
#include "trefoil/mm/spinlock.hpp"
#include "trefoil/mm/user_namespace.hpp"
