// SPDX-License-Identifier: Apache-2.0
/// @file
/// How somebody who holds only the identity may take pages from mappings that are still there.
///
/// A reference does not explain this access; a handshake does (__oom_reap_task_mm, exit_mmap):
///
/// | the reaper                                     | exit_mmap, which owns the mappings            |
/// | ---------------------------------------------- | --------------------------------------------- |
/// | takes mmap_lock for reading                    | unmaps, mmap_lock held for reading            |
/// | sees MMF_OOM_SKIP: goes away                   | sets MMF_OOM_SKIP                             |
/// | else walks: the owner cannot get past the lock | takes mmap_lock for writing: no walker is inside, none will come |
/// | releases the lock                              | frees page tables and VMAs                    |
#pragma once

#include <cstddef>

namespace trefoil::mm {

/// What mappings leave in their identity. The call happens with mmap_lock held for reading and
/// MMF_OOM_SKIP clear, which keeps the object behind it alive.
struct reap_view {
  /// Frees private pages; returns how many.
  std::size_t (*reap)(reap_view& self) noexcept;
};

/// What became of an attempt to reap.
struct reap_result {
  bool reaped = false;    ///< false: too late, or another has done it, perhaps at the same time
  std::size_t pages = 0;  ///< freed by this call
};

}  // namespace trefoil::mm
