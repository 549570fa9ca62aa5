// SPDX-License-Identifier: Apache-2.0
// Tables with a column for each design.
#ifndef TREFOIL_TOOL_TABLE_HPP
#define TREFOIL_TOOL_TABLE_HPP

#include <fmt/core.h>
#include <string>
#include <vector>

namespace trefoil::tool {

template <class Figures>
class table {
 public:
  explicit table(const std::vector<Figures>& columns) : columns_(columns) {}

  // cell(const Figures&) is what stands in a column.
  template <class F>
  void row(const std::string& name, F&& cell) const {
    fmt::print("{:<34}", name);
    for (const Figures& f : columns_) fmt::print("{:>20}", cell(f));
    fmt::print("\n");
  }

 private:
  const std::vector<Figures>& columns_;
};

}  // namespace trefoil::tool

#endif
