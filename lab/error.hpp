// SPDX-License-Identifier: Apache-2.0
// How the lab fails: one exception that carries one line for a person.
//
// The line says where first (file and line, file and row), then what. It needs nothing added.
#ifndef TREFOIL_LAB_ERROR_HPP
#define TREFOIL_LAB_ERROR_HPP

#include <stdexcept>
#include <string>

namespace trefoil::lab {

// Whose fault it was: a caller turns it into an exit status.
enum class fault {
  input,        // what was named is missing or wrong: a file to read, a place to write to
  output,       // writing failed on the way: the disk is full, say
  interrupted,  // somebody asked to stop
};

class error : public std::runtime_error {
 public:
  error(fault whose, const std::string& line) : std::runtime_error(line), whose_(whose) {}

  fault whose() const noexcept { return whose_; }

 private:
  fault whose_;
};

}  // namespace trefoil::lab

#endif
