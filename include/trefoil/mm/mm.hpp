// SPDX-License-Identifier: Apache-2.0
/// @file
/// Layer 2: address spaces that die in three stages. This page is its index.
///
/// | concept                                            | header               |
/// | -------------------------------------------------- | -------------------- |
/// | the object: its tiers, who keeps them              | address_space.hpp    |
/// | who it is: namespace, dumpability, accounting, flags, mmap_lock | identity.hpp, mm_flags.hpp |
/// | the top-level table, on the list of all            | page_directory.hpp   |
/// | what is mapped where: the calls, and which locks they take | mappings.hpp |
/// | ... mmap, munmap · mprotect · mremap · brk         | mmap.hpp mprotect.hpp mremap.hpp brk.hpp |
/// | ... faults, copy-on-write · access from outside    | fault.hpp remote_access.hpp |
/// | ... fork · exit, the OOM reaper                    | fork.hpp exit.hpp reap_view.hpp |
/// | who is told of changes                             | notifier.hpp notifier_table.hpp invalidation.hpp |
/// | VMAs, their tree, where there is room              | vma.hpp vma_tree.hpp hole_cache.hpp |
/// | files in memory (memfd, shared anonymous memory)   | file.hpp             |
/// | x86-64 tables as hardware walks them               | page_table.hpp       |
/// | what programs have in their pages                  | guest_memory.hpp     |
/// | the other answer for access checks                 | exec_state.hpp       |
/// | user namespaces, whose last put needs to sleep     | user_namespace.hpp   |
/// | what all of a machine share: pgd_list, kernel half | kernel.hpp           |
/// | physical memory: counted frames, those that are free | frame_allocator.hpp frame_set.hpp |
/// | init_mm, efi_mm, tboot_mm                          | static_mms.hpp       |
/// | the calls by their names in Linux (not included here) | kernel_names.hpp  |
/// | what is asked of the platform                      | platform.hpp         |
/// | why a call failed                                  | error.hpp            |
/// | locks, and their names                             | rw_semaphore.hpp spinlock.hpp lock_class.hpp |
///
/// Locks, outer first; teardowns take them, so whoever holds one runs at a level below theirs (the
/// locks' guards see to it):
///
///     mmap_lock                VMAs, page tables, the notifier table; taken by mappings' calls and
///                              their teardown, and by identity's reap()
///       notifiers              the sequence count of interval notifiers
///       page_table             page tables, beside mmap_lock for reading
///         file                 which frame is which page of a file
///           frames             free frames
///     pgd_lock                 pgd_list, the kernel half; page_directory is born and torn down
///       frames
///
/// What is dropped because of a change of mappings (files) is dropped after mmap_lock.
///
/// Everything is a template over a platform (platform.hpp). Needs headers of Boost.Intrusive (tried:
/// 1.81), and nothing of Boost to link with.
#pragma once

#include "trefoil/mm/address_space.hpp"
#include "trefoil/mm/error.hpp"
#include "trefoil/mm/exec_state.hpp"
#include "trefoil/mm/file.hpp"
#include "trefoil/mm/fork.hpp"
#include "trefoil/mm/frame_allocator.hpp"
#include "trefoil/mm/identity.hpp"
#include "trefoil/mm/kernel.hpp"
#include "trefoil/mm/lock_class.hpp"
#include "trefoil/mm/mappings.hpp"
#include "trefoil/mm/notifier.hpp"
#include "trefoil/mm/page_directory.hpp"
#include "trefoil/mm/page_table.hpp"
#include "trefoil/mm/platform.hpp"
#include "trefoil/mm/rw_semaphore.hpp"
#include "trefoil/mm/spinlock.hpp"
#include "trefoil/mm/static_mms.hpp"
#include "trefoil/mm/user_namespace.hpp"
