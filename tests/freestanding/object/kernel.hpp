// SPDX-License-Identifier: Apache-2.0
/// @file
/// What the freestanding program tells whoever started it.
#pragma once

extern "C" {

/// Each runs one scenario. 0: as it should be; else the line of kernel.cpp that found otherwise.
int kernel_polled(void);
int kernel_inline_only(void);
int kernel_executor(void);
int kernel_references(void);
int kernel_findable(void);
int kernel_static_object(void);
int kernel_memory(void);
int kernel_chain(void);
int kernel_misuse(void);
}
