// SPDX-License-Identifier: Apache-2.0
#include "lab/record/kernel_symbols.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>

namespace trefoil::lab {

namespace {
constexpr std::uint64_t longest_function = 1 << 20;

}  // namespace

kernel_symbols kernel_symbols::read(const std::string& path) {
  kernel_symbols all;
  std::ifstream from(path);
  // "ffffffff810a1b20 t finish_task_switch.isra.0\t[module]"
  for (std::string line; std::getline(from, line);) {
    std::uint64_t address = 0;
    const char* const end = line.data() + line.size();
    const auto [after, wrong] = std::from_chars(line.data(), end, address, 16);
    if (wrong != std::errc{} || end - after < 4) continue;
    const std::string_view whole(after + 3, end);
    if (whole == "__preempt_count") all.preempt_count_ = preempt_count_in::own_variable;
    // Came together with the other layout.
    if (whole == "local_interrupt_disable_state") all.hardirq_bits_ = in_hardirq_above_disables;
    if (whole == "pcpu_hot") all.preempt_count_ = preempt_count_in::pcpu_hot;
    if (address == 0) continue;
    if (const char type = after[1]; type != 't' && type != 'T' && type != 'w' && type != 'W')
      continue;
    std::string_view name = whole.substr(0, whole.find('\t'));
    name = name.substr(0, name.find('.'));
    if (name.empty()) continue;
    all.functions_.push_back({address, static_cast<std::uint32_t>(all.text_.size()),
                              static_cast<std::uint32_t>(name.size())});
    all.text_ += name;
  }
  std::stable_sort(all.functions_.begin(), all.functions_.end(),
                   [](const function& a, const function& b) { return a.address < b.address; });
  return all;
}

std::string_view kernel_symbols::at(std::uint64_t address) const {
  const auto after =
      std::upper_bound(functions_.begin(), functions_.end(), address,
                       [](std::uint64_t wanted, const function& f) { return wanted < f.address; });
  if (after == functions_.begin()) return {};
  const function& found = *(after - 1);
  if (address - found.address > longest_function) return {};  // not the kernel's own code
  return std::string_view(text_).substr(found.name, found.length);
}

}  // namespace trefoil::lab
