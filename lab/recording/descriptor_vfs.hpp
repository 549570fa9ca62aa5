// SPDX-License-Identifier: Apache-2.0
// SQLite on a file that is open already, and may have no name: /proc/self/fd is no way there, as SQLite
// follows it to the name that the file has not.
#ifndef TREFOIL_LAB_RECORDING_DESCRIPTOR_VFS_HPP
#define TREFOIL_LAB_RECORDING_DESCRIPTOR_VFS_HPP

namespace trefoil::lab::sqlite {

// The name of the VFS. The name of a database is its descriptor's number. The descriptor stays its
// owner's. Nobody else may use the file: nothing is locked, and there are no journals.
const char* descriptor_vfs();

}  // namespace trefoil::lab::sqlite

#endif
