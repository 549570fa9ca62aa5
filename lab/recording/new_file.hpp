// SPDX-License-Identifier: Apache-2.0
// A file that appears whole or not at all: written under another name in the same folder, made
// durable, then renamed. Whoever is destroyed before publish() leaves nothing behind.
#ifndef TREFOIL_LAB_RECORDING_NEW_FILE_HPP
#define TREFOIL_LAB_RECORDING_NEW_FILE_HPP

#include <string>

namespace trefoil::lab {

class new_file {
 public:
  // Creates the file under its temporary name, empty. What is a link stays one.
  explicit new_file(std::string path);
  ~new_file();
  new_file(const new_file&) = delete;
  new_file& operator=(const new_file&) = delete;

  const std::string& path() const noexcept { return path_; }
  const std::string& temporary() const noexcept { return temporary_; }

  // All that was written has to be closed by now.
  void publish();

 private:
  std::string path_;
  std::string temporary_;  // empty: published
};

}  // namespace trefoil::lab

#endif
