// SPDX-License-Identifier: Apache-2.0
// A file that appears whole or not at all: written without a name, made durable, then named. Whoever is
// destroyed before publish() leaves nothing behind, and what was there before as it was.
#ifndef TREFOIL_LAB_RECORDING_NEW_FILE_HPP
#define TREFOIL_LAB_RECORDING_NEW_FILE_HPP

#include "lab/descriptor.hpp"
#include "lab/recording/draft.hpp"
#include "lab/recording/output_path.hpp"

#include <string>

namespace trefoil::lab {

// What becomes of a file that has the name already.
enum class if_there {
  refuse,
  replace,
  keep,  // it is FILE.old then, in place of an earlier one of that name
};

class new_file {
 public:
  // What is a link stays one. Throws if it can be seen by now that publish() would fail.
  new_file(std::string path, if_there what);

  const std::string& path() const noexcept { return path_.given(); }
  int descriptor() const noexcept { return draft_.descriptor(); }

  // Nothing is written any more. Returns the name that what was there has now, or nothing.
  //
  // The folder may be gone or full by now: the file is kept elsewhere then, and the error says where.
  std::string publish();

 private:
  int place_in(int folder);
  int replace_in(int folder);
  std::string keep_elsewhere(int folder);
  [[noreturn]] void refuse_existing() const;

  output_path path_;
  if_there what_;
  lab::descriptor folder_;
  draft draft_;
  std::string older_;
};

}  // namespace trefoil::lab

#endif
