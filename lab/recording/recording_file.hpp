// SPDX-License-Identifier: Apache-2.0
// A recording, opened to be read: nothing is written into it or beside it, whatever state a program that
// had it open has left it in; by whoever may read it, also where nobody may write.
#ifndef TREFOIL_LAB_RECORDING_RECORDING_FILE_HPP
#define TREFOIL_LAB_RECORDING_RECORDING_FILE_HPP

#include "lab/recording/sqlite.hpp"

#include <functional>
#include <string>

namespace trefoil::lab {

// Throws if the file is missing, no recording, cut short, or cannot be read as it is now. What is read is
// the state of one moment. `stopped` is asked now and then while something is read; true: stop.
sqlite::database open_recording(const std::string& path, std::function<bool()> stopped = {});

}  // namespace trefoil::lab

#endif
