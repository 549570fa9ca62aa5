// SPDX-License-Identifier: Apache-2.0
// How the tool puts facts about machines into words.
#ifndef TREFOIL_TOOL_WORDS_HPP
#define TREFOIL_TOOL_WORDS_HPP

#include "lab/recording/machine.hpp"

#include <array>
#include <cstddef>
#include <fmt/core.h>
#include <string>
#include <string_view>

namespace trefoil::tool {

inline std::string word_for(lab::exit_event value) {
  return value == lab::exit_event::before ? "before" : "after";
}

// What a stranger wrote, in one line, and with nothing in it that a terminal would obey.
inline std::string printable(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    // In UTF-8 the controls above 0x7f have two bytes.
    const bool high = c == 0xc2 && i + 1 < text.size() &&
                      (static_cast<unsigned char>(text[i + 1]) & 0xe0U) == 0x80U;
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (high) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned char>(text[++i]));
    } else if (c < 0x20 || c == 0x7f) {
      out += fmt::format("\\x{:02x}", c);
    } else {
      out += text[i];
    }
  }
  return out;
}

// One line for each fact: what it is, how it is known.
struct fact_line {
  std::string name;
  std::string value;
  std::string how;
};

inline std::array<fact_line, 4> to_lines(const lab::machine_facts& all) {
  const auto line = [](const char* name, const auto& one, auto word) {
    if (!one.value) return fact_line{name, one.how, ""};  // "unknown", and perhaps why
    return fact_line{name, word(*one.value), one.how};
  };
  return {line("kernel", all.kernel, [](const std::string& name) { return name; }),
          line("flavour", all.preempt_rt, [](bool yes) { return yes ? "PREEMPT_RT" : "ordinary"; }),
          line("task_exit fires (exit_mm)", all.task_exit, word_for),
          line("old ptrace check", all.fails_open,
               [](bool yes) { return yes ? "fails open" : "does not fail open"; })};
}

}  // namespace trefoil::tool

#endif
