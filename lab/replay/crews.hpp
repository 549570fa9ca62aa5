// SPDX-License-Identifier: Apache-2.0
// A replay's work, shared out: which designs go to which crew, and how all of them play at once.
#ifndef TREFOIL_LAB_REPLAY_CREWS_HPP
#define TREFOIL_LAB_REPLAY_CREWS_HPP

#include "lab/replay/crew.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

namespace trefoil::lab {

using crews = std::vector<std::unique_ptr<crew>>;

// Deals designs out into `hands` hands, of nearly the same size; into fewer if there is nothing left to
// deal, but one at least. `designs` begins with the recorded one, and so does each hand.
std::vector<std::vector<const machine::design*>>
dealt_out(const std::vector<const machine::design*>& designs, std::size_t hands);

// All play at once, the first one on this thread, which alone calls `go_on`. If one throws, the others
// are stopped, and it is thrown from here. Where there are no threads to be had, they play in turn.
void play_at_once(const crews& all, const std::function<bool(double)>& go_on);

}  // namespace trefoil::lab

#endif
