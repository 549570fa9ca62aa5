// SPDX-License-Identifier: Apache-2.0
// Ctrl-C and its kin ask to stop; the work looks now and then, and cleans up as after any failure.
#ifndef TREFOIL_TOOL_STOP_HPP
#define TREFOIL_TOOL_STOP_HPP

namespace trefoil::tool {

void listen_for_stop();

// The signal that came, or 0.
int stop_signal() noexcept;

}  // namespace trefoil::tool

#endif
