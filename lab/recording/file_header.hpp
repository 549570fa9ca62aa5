// SPDX-License-Identifier: Apache-2.0
// The first 100 bytes of a recording, checked before SQLite sees the file: its own messages come
// late and do not say what a person needs to know.
#ifndef TREFOIL_LAB_RECORDING_FILE_HEADER_HPP
#define TREFOIL_LAB_RECORDING_FILE_HEADER_HPP

#include <string>

namespace trefoil::lab {

// Throws if the file is missing, not SQLite, cut short, not a recording or of another version.
// Returns the path.
const std::string& checked_header(const std::string& path);

}  // namespace trefoil::lab

#endif
