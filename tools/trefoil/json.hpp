// SPDX-License-Identifier: Apache-2.0
// What the commands put into JSON alike.
#ifndef TREFOIL_TOOL_JSON_HPP
#define TREFOIL_TOOL_JSON_HPP

#include "lab/recording/machine.hpp"
#include "lab/recording/recorder_tables.hpp"
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

// What a recorder tells beyond the events.
inline json recorder_json(const lab::recorder_facts& all) {
  json by_tracepoint = json::object();
  json programs = json::object();
  for (const auto& one : all.tracepoints) {
    by_tracepoint[one.tracepoint] = one.recursion_misses;
    programs[one.tracepoint] = {{"runs", one.runs}, {"run_ns", one.run_ns}};
  }
  json cpus = json::array();
  for (const auto& one : all.cpus) {
    cpus.push_back({{"cpu", one.cpu},
                    {"lazy_borrows", one.lazy_borrows},
                    {"lazy_returns", one.lazy_returns},
                    {"ring_lost", one.ring_lost}});
  }
  json holders = json::object();
  for (const auto& one : all.holders) holders[one.holder] = one.last_drops;
  return {{"seconds", all.seconds},
          {"lost",
           {{"ring", all.ring_lost()},
            {"recursion_misses", all.recursion_misses()},
            {"recursion_misses_by_tracepoint", by_tracepoint},
            {"refused_events", all.refused_events}}},
          {"mms", all.mms},
          {"incomplete_mms", all.incomplete_mms},
          {"deduced_frees", all.deduced_frees},
          {"cpus", cpus},
          {"programs", programs},
          {"last_drops_by_holder", holders},
          {"missing", all.missing}};
}

// To stdout. Names come from a stranger's machine: what is not UTF-8 is replaced, not refused.
inline void print_json(const json& what) {
  fmt::print("{}\n", what.dump(2, ' ', false, json::error_handler_t::replace));
}

}  // namespace trefoil::tool

#endif
