// SPDX-License-Identifier: Apache-2.0
// How the tool puts facts about machines into words and JSON.
#ifndef TREFOIL_TOOL_WORDS_HPP
#define TREFOIL_TOOL_WORDS_HPP

#include "lab/recording/machine.hpp"

#include <array>
#include <nlohmann/json.hpp>
#include <string>

namespace trefoil::tool {

using json = nlohmann::ordered_json;

inline json value_of(const std::string& value) { return value; }
inline json value_of(bool value) { return value; }
inline json value_of(lab::exit_event value) {
  return value == lab::exit_event::before ? "before" : "after";
}

template <class T>
json fact_json(const lab::fact<T>& one) {
  return {{"value", one.value ? value_of(*one.value) : json(nullptr)}, {"how", one.how}};
}

inline json machine_json(const lab::machine_facts& all) {
  return {{"kernel", fact_json(all.kernel)},
          {"preempt_rt", fact_json(all.preempt_rt)},
          {"exit_event", fact_json(all.task_exit)},
          {"fails_open", fact_json(all.fails_open)}};
}

// One line for each fact: what it is, how it is known.
struct fact_line {
  std::string name;
  std::string value;
  std::string how;
};

inline std::array<fact_line, 4> to_lines(const lab::machine_facts& all) {
  const auto line = [](const char* name, const auto& one, const char* yes, const char* no) {
    fact_line result{name, one.how, ""};
    if (!one.value) return result;  // "unknown", and perhaps why
    result.how = one.how;
    const json value = value_of(*one.value);
    result.value = value.is_boolean() ? (value ? yes : no) : value.template get<std::string>();
    return result;
  };
  return {line("kernel", all.kernel, "", ""),
          line("flavour", all.preempt_rt, "PREEMPT_RT", "ordinary"),
          line("task_exit fires (exit_mm)", all.task_exit, "", ""),
          line("old ptrace check", all.fails_open, "fails open", "does not fail open")};
}

}  // namespace trefoil::tool

#endif
