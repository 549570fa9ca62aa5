// SPDX-License-Identifier: Apache-2.0
// A file that has no name until it is whole: nobody finds it to remove it, and of a writer that is killed
// nothing is left. Where the file system cannot do that, it is called NAME.part-PID from the beginning.
//
// What it is told to do and cannot is an errno; 0: done. Nothing is ever replaced.
#ifndef TREFOIL_LAB_RECORDING_DRAFT_HPP
#define TREFOIL_LAB_RECORDING_DRAFT_HPP

#include "lab/descriptor.hpp"

#include <string>

namespace trefoil::lab {

class draft {
 public:
  // Empty, to be `name` in that folder. Throws std::system_error.
  draft(int folder, const std::string& name);
  ~draft();
  draft(const draft&) = delete;
  draft& operator=(const draft&) = delete;

  int descriptor() const noexcept { return file_.get(); }

  // Content that a power cut leaves.
  int sync() const;

  // Gives it that name there, where there is nothing of that name.
  int publish(int folder, const std::string& name);

  // Gives it a name of its own there, to be made `name` by a rename. It is part() then.
  int take_part_name(int folder, const std::string& name);
  const std::string& part() const noexcept { return part_; }  // empty: it has none

  // Its name is no longer its own affair.
  void let_go() noexcept { part_.clear(); }

 private:
  bool has_part_name_in(int folder) const;
  int link_to(int folder, const std::string& name) const;
  int copy_to(int folder, const std::string& name);
  void remove_part() noexcept;

  lab::descriptor file_{-1};
  lab::descriptor folder_{-1};  // of the part
  std::string part_;
};

}  // namespace trefoil::lab

#endif
