// SPDX-License-Identifier: Apache-2.0
/// @file
/// What each tier of an address space gives back when it goes.
#pragma once

namespace bench {

/// One JSON object on stdout: an address space with all pages touched, dropped tier by tier. Returns
/// the program's status.
int report_bytes();

}  // namespace bench
