// SPDX-License-Identifier: Apache-2.0
// Ctrl-C and its kin ask to stop; the work looks now and then, and cleans up as after any failure.
#ifndef TREFOIL_TOOL_STOP_HPP
#define TREFOIL_TOOL_STOP_HPP

namespace trefoil::tool {

// Also where they were blocked when the process was started: nothing is blocked from now on. The second one
// ends the process at once, should the first not be noticed.
void listen_for_stop();
// None of them does from now on: what has been gathered is to be written first.
void outlive_stops();

// The signal that came last, or 0; whether a terminal sent it; how many came.
int stop_signal() noexcept;
bool stopped_by_terminal() noexcept;
int stop_count() noexcept;

}  // namespace trefoil::tool

#endif
