// SPDX-License-Identifier: Apache-2.0
// Where a file is to be written: its folder and its name there, behind all links. What cannot be the name
// of a file is refused in one line.
#ifndef TREFOIL_LAB_RECORDING_OUTPUT_PATH_HPP
#define TREFOIL_LAB_RECORDING_OUTPUT_PATH_HPP

#include <string>

namespace trefoil::lab {

class output_path {
 public:
  explicit output_path(std::string given);

  const std::string& given() const noexcept { return given_; }
  const std::string& folder() const noexcept { return folder_; }
  const std::string& name() const noexcept { return name_; }
  // Of another file in that folder, for messages: as people would write it.
  std::string beside(const std::string& name) const;

  // A descriptor of the folder that this leads to now, only to reach what is in it; -1 and errno.
  int open_folder() const;

 private:
  std::string given_;
  std::string folder_;
  std::string name_;
  std::string absolute_;  // the folder; empty: not known
};

}  // namespace trefoil::lab

#endif
