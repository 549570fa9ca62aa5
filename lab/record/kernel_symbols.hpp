// SPDX-License-Identifier: Apache-2.0
// The kernel's functions by address, from /proc/kallsyms. Who may not see addresses gets none.
#ifndef TREFOIL_LAB_RECORD_KERNEL_SYMBOLS_HPP
#define TREFOIL_LAB_RECORD_KERNEL_SYMBOLS_HPP

#include "lab/record/preempt_count.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace trefoil::lab {

class kernel_symbols {
 public:
  static kernel_symbols of_this_kernel() { return read("/proc/kallsyms"); }
  static kernel_symbols read(const std::string& path);

  bool empty() const noexcept { return functions_.empty(); }
  // Where programs may read it: the kernel has to find the variable's address by its name.
  preempt_count_in preempt_count() const noexcept { return preempt_count_; }
  std::int64_t hardirq_bits() const noexcept { return hardirq_bits_; }  // of it

  // The function that holds the address, without the suffixes of compilers (".isra.0"); empty: none.
  std::string_view at(std::uint64_t address) const;

 private:
  struct function {
    std::uint64_t address;
    std::uint32_t name;  // where in text_
    std::uint32_t length;
  };
  std::string text_;
  std::vector<function> functions_;  // by address
  preempt_count_in preempt_count_ = preempt_count_in::nowhere;
  std::int64_t hardirq_bits_ = in_hardirq;
};

}  // namespace trefoil::lab

#endif
