// SPDX-License-Identifier: Apache-2.0
// What the commands put into JSON alike.
#ifndef TREFOIL_TOOL_JSON_HPP
#define TREFOIL_TOOL_JSON_HPP

#include "lab/recording/machine.hpp"
#include "tools/trefoil/words.hpp"

#include <fmt/core.h>
#include <nlohmann/json.hpp>
#include <string>

namespace trefoil::tool {

using json = nlohmann::ordered_json;

inline json value_of(const std::string& value) { return value; }
inline json value_of(bool value) { return value; }
inline json value_of(lab::exit_event value) { return word_for(value); }

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

// To stdout. Names come from a stranger's machine: what is not UTF-8 is replaced, not refused.
inline void print_json(const json& what) {
  fmt::print("{}\n", what.dump(2, ' ', false, json::error_handler_t::replace));
}

}  // namespace trefoil::tool

#endif
