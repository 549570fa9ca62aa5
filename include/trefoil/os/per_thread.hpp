// SPDX-License-Identifier: Apache-2.0
/// @file
/// What each thread has for itself.
#pragma once

#include "trefoil/attributes.hpp"

namespace trefoil::detail {

/// One T per thread and process. Constant-initialised and trivially destructible, hence valid from
/// the thread's first instruction to its last, in handlers and past its thread-local teardown.
template <class T>
inline constinit thread_local T per_thread TREFOIL_ONE_PER_PROCESS TREFOIL_STATIC_TLS{};

}  // namespace trefoil::detail
