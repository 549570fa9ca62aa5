// SPDX-License-Identifier: Apache-2.0
// Memory that runs out where nobody can be told (in a destructor, in a library's thread, where a kernel
// could not go on either) ends the program at once: with the line and the status that it has elsewhere.
#ifndef TREFOIL_TOOL_LAST_WORDS_HPP
#define TREFOIL_TOOL_LAST_WORDS_HPP

#include <string_view>

namespace trefoil::tool {

// From now on. What is not about memory still aborts: that is a bug, and wants to be looked at.
// `hint` (lab::memory_hint) is said, too: there is no memory to make it then.
void prepare_last_words(std::string_view hint = {}) noexcept;

}  // namespace trefoil::tool

#endif
