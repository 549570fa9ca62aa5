// SPDX-License-Identifier: Apache-2.0
#include "tools/trefoil/commands.hpp"

#include "lab/limits.hpp"
#include "lab/recording/reader.hpp"
#include "lab/recording/schema.hpp"
#include "tools/trefoil/json.hpp"
#include "tools/trefoil/progress.hpp"
#include "tools/trefoil/stop.hpp"
#include "tools/trefoil/words.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <memory>
#include <string>

namespace trefoil::tool {

namespace {

struct info_arguments {
  std::string file;
  bool as_json = false;
};

constexpr const char* info_examples = R"(
Reads every event, so a file that passes is sound.

Examples:
  trefoil info fork.trefoil
  trefoil info fork.trefoil --json | jq .losses
)";

std::int64_t duration_ns(const lab::recording_reader& recording) {
  const auto& all = recording.segments();
  return all.empty() ? 0 : all.back().end_ns - all.front().begin_ns;
}

json objects_json(const lab::population& one, bool births_are_recorded) {
  json result{{"seen", one.seen}};
  if (births_are_recorded) result["born_before"] = one.born_before;
  result["outliving"] = one.outliving;
  return result;
}

json recording_json(const std::string& file, const lab::recording_reader& recording) {
  const lab::census& counts = recording.census();
  const lab::machine_facts& machine = recording.machine();
  json by_kind = json::object();
  for (std::size_t i = 0; i < lab::event_names.size(); ++i) {
    by_kind[std::string(lab::event_names[i])] = counts.events(static_cast<lab::event_kind>(i));
  }
  return {
      {"file", file},
      {"version", lab::schema::version},
      {"source", machine.source},
      {"machine", machine_json(machine)},
      {"segments", recording.segments().size()},
      {"duration_ns", duration_ns(recording)},
      {"events", {{"total", counts.events()}, {"by_kind", by_kind}}},
      {"objects",
       {{"mm", objects_json(counts.mms(), true)},
        {"task", objects_json(counts.tasks(), true)},
        {"files", objects_json(counts.files(), false)},
        {"sighand", objects_json(counts.sighands(), false)}}},
      {"losses",
       {{"recorder_lost_events", machine.lost_events ? json(*machine.lost_events) : json(nullptr)},
        {"task_free_missing", counts.missing_task_frees()},
        {"mm_free_missing", counts.missing_mm_frees()}}},
      {"dead_at_end", counts.dead_at_end()},
      {"named_after_free", counts.named_after_free()},
      {"recorder", recording.recorder() ? recorder_json(*recording.recorder()) : json(nullptr)}};
}

void print(const std::string& file, const lab::recording_reader& recording) {
  const lab::census& counts = recording.census();
  const lab::machine_facts& machine = recording.machine();
  const auto line = [](const std::string& name, const std::string& value) {
    fmt::print("{:<28} {}\n", printable(name), printable(value));
  };
  line("file", file);
  line("source", machine.source);
  for (const fact_line& one : to_lines(machine)) {
    line(one.name, one.value + (one.how.empty() ? "" : " (" + one.how + ")"));
  }
  line("duration", fmt::format("{:.6f} s", static_cast<double>(duration_ns(recording)) / 1e9));
  line("segments", std::to_string(recording.segments().size()));
  line("events", std::to_string(counts.events()));
  for (std::size_t i = 0; i < lab::event_names.size(); ++i) {
    const auto count = counts.events(static_cast<lab::event_kind>(i));
    if (count != 0) line(fmt::format("  {}", lab::event_names[i]), std::to_string(count));
  }
  const auto objects = [&](const char* name, const lab::population& one, bool births) {
    const std::string before =
        births ? fmt::format("{} born before, ", one.born_before) : std::string();
    line(name, fmt::format("{} ({}{} outliving)", one.seen, before, one.outliving));
  };
  objects("mms", counts.mms(), true);
  objects("tasks", counts.tasks(), true);
  objects("files_structs", counts.files(), false);
  objects("sighands", counts.sighands(), false);
  line("dead mms at the end", std::to_string(counts.dead_at_end()));
  line("lost by the recorder",
       machine.lost_events ? std::to_string(*machine.lost_events) : "it did not say");
  line("task_free missing", fmt::format("{} (there was an rcu_put)", counts.missing_task_frees()));
  line("mm_free missing",
       fmt::format("{} (the last reference had gone)", counts.missing_mm_frees()));
  line("named after their free", std::to_string(counts.named_after_free()));
  if (!recording.recorder()) return;
  const lab::recorder_facts& recorder = *recording.recorder();
  line("recorded for", fmt::format("{:.6f} s", recorder.seconds));
  line("recursion misses", std::to_string(recorder.recursion_misses()));
  line("refused events", std::to_string(recorder.refused_events));
  line("incomplete mms", fmt::format("{} of {}", recorder.incomplete_mms, recorder.mms));
  line("ends that were deduced", std::to_string(recorder.deduced_frees));
  for (const lab::cpu_figures& one : recorder.cpus) {
    line(fmt::format("CPU {}, lazy, living mms", one.cpu),
         fmt::format("{} borrows, {} returns", one.lazy_borrows, one.lazy_returns));
  }
  for (const lab::holder_figures& one : recorder.holders) {
    line("  last drops by " + one.holder, std::to_string(one.last_drops));
  }
  for (const std::string& what : recorder.missing) line("not recorded", what);
}

void run(const info_arguments& given) {
  lab::require_memory("info", std::uint64_t{4} << 20);
  lab::recording_reader recording(given.file, [] { return stop_signal() != 0; });
  {
    progress bar("info");
    const auto all = static_cast<double>(std::max<std::int64_t>(recording.size(), 1));
    for (lab::event e; recording.next(e);) {
      if (recording.row() % 16384 == 0) bar.show(static_cast<double>(recording.row()) / all);
    }
  }
  if (given.as_json) {
    print_json(recording_json(given.file, recording));
  } else {
    print(given.file, recording);
  }
}

}  // namespace

void add_info(CLI::App& app) {
  auto given = std::make_shared<info_arguments>();
  CLI::App* command = app.add_subcommand("info", "What a recording is and what is in it");
  command->add_option("FILE", given->file, "a recording")->required();
  command->add_flag("--json", given->as_json, "as JSON");
  command->footer(info_examples);
  command->callback([given] { run(*given); });
}

}  // namespace trefoil::tool
