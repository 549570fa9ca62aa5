// SPDX-License-Identifier: Apache-2.0
/// @file
/// What the library asks of the compiler beyond C++20, each with a plain fallback.
#pragma once

#if defined(__GNUC__) || defined(__clang__)
/// One instance per process: the name is visible outside its shared object even under
/// -fvisibility=hidden, so that the dynamic linker merges all copies into one.
#define TREFOIL_ONE_PER_PROCESS __attribute__((visibility("default")))
/// A thread-local that is reached by one addition to the thread pointer: no call into the dynamic
/// linker, hence no allocation on first touch (which a signal handler could not survive). Code for
/// executables has such thread-locals anyway; asking for them there makes g++ 12 test the flags of an
/// `add` that the linker turns into a `lea` (seen with -fsanitize=null).
#if defined(__PIC__) && !defined(__PIE__)
#define TREFOIL_STATIC_TLS __attribute__((tls_model("initial-exec")))
#else
#define TREFOIL_STATIC_TLS
#endif
/// A path that correct programs take rarely or never; kept out of the callers' instruction stream.
#define TREFOIL_COLD __attribute__((cold, noinline))
/// A path that is short once its constants are known, whatever the inliner's estimate says.
#define TREFOIL_ALWAYS_INLINE inline __attribute__((always_inline))
#else
#define TREFOIL_ONE_PER_PROCESS
#define TREFOIL_STATIC_TLS
#define TREFOIL_COLD
#define TREFOIL_ALWAYS_INLINE inline
#endif

/// Marks functions that neither allocate, lock nor enter the kernel. Compilers that can verify the
/// promise (clang 20 and later: -Wfunction-effects) do so; for all others it is documentation.
#if defined(__clang__) && __clang_major__ >= 20
#define TREFOIL_NONBLOCKING [[clang::nonblocking]]
#else
#define TREFOIL_NONBLOCKING
#endif
