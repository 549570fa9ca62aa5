// SPDX-License-Identifier: Apache-2.0
// How the tool puts facts about machines into words.
#ifndef TREFOIL_TOOL_WORDS_HPP
#define TREFOIL_TOOL_WORDS_HPP

#include "lab/recording/machine.hpp"

#include <array>
#include <string>

namespace trefoil::tool {

inline std::string word_for(lab::exit_event value) {
  return value == lab::exit_event::before ? "before" : "after";
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
