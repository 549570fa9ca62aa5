// SPDX-License-Identifier: Apache-2.0
// A recording that a test has made itself, so it may be read by its view. (Of files that may be a stranger's,
// the reader uses none.)
#ifndef TREFOIL_TESTS_LAB_OWN_RECORDING_HPP
#define TREFOIL_TESTS_LAB_OWN_RECORDING_HPP

#include "lab/recording/sqlite.hpp"

#include <sqlite3.h>
#include <string>

namespace trefoil::lab {

class own_recording : public sqlite::database {
 public:
  explicit own_recording(const std::string& file) : database(file, sqlite::mode::read, file) {
    sqlite3_db_config(get(), SQLITE_DBCONFIG_ENABLE_VIEW, 1, nullptr);
  }
};

}  // namespace trefoil::lab

#endif
