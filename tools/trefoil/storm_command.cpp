// SPDX-License-Identifier: Apache-2.0
#include "lab/error.hpp"
#include "lab/limits.hpp"
#include "machine/storm/storm.hpp"
#include "tools/trefoil/commands.hpp"
#include "tools/trefoil/json.hpp"
#include "tools/trefoil/last_words.hpp"
#include "tools/trefoil/progress.hpp"
#include "tools/trefoil/stop.hpp"
#include "tools/trefoil/table.hpp"
#include "tools/trefoil/usage.hpp"

#include <algorithm>
#include <cstdint>
#include <fmt/core.h>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

namespace trefoil::tool {

namespace {

using machine::storm_figures;

struct storm_arguments {
  machine::storm_options options;
  std::vector<std::string> designs;
  bool as_json = false;
};

constexpr const char* storm_examples = R"(
Examples:
  trefoil storm
  trefoil storm --processes 5000 --cpus 8 --seed 7
  trefoil storm --design reversed --json | jq '.designs.reversed.deferred'

Exit status 1: something was left at the end, memory or mappings were not what programs made of them, a
subscriber was not told, a lock was taken where it may not be, or a design let an access check fail open
that should not have.
)";

/// What processes did, and what was seen of the machine and of what is left, by their keys in JSON.
struct counted_figure {
  const char* key;
  machine::tally storm_figures::*figure;
};
constexpr counted_figure counted[]{
    {"processes", &storm_figures::processes},
    {"tasks", &storm_figures::tasks},
    {"execs", &storm_figures::execs},
    {"namespaces", &storm_figures::namespaces},
    {"oom_kills", &storm_figures::oom_kills},
    {"reaped", &storm_figures::reaped},
    {"pages_reaped", &storm_figures::pages_reaped},
    {"forks_refused", &storm_figures::forks_refused},
    {"births_refused", &storm_figures::births_refused},
    {"memory_refused", &storm_figures::memory_refused},
    {"pages_written", &storm_figures::pages_written},
    {"pages_read", &storm_figures::pages_read},
    {"pages_corrupted", &storm_figures::pages_corrupted},
    {"files_opened", &storm_figures::files_opened},
    {"reads_of_others", &storm_figures::reads_of_others},
    {"reads_too_late", &storm_figures::reads_too_late},
    {"maps_read", &storm_figures::maps_read},
    {"layout_faults", &storm_figures::layout_faults},
    {"fences", &storm_figures::fences},
    {"events", &storm_figures::events},
    {"kthread_uses", &storm_figures::kthread_uses},
    {"notified", &storm_figures::notified},
    {"notifier_faults", &storm_figures::notifier_faults},
    {"attempts", &storm_figures::attempts},
    {"allowed", &storm_figures::allowed},
    {"denied", &storm_figures::denied},
    {"denied_after_exit", &storm_figures::denied_after_exit},
    {"failed_open", &storm_figures::failed_open},
    {"descriptors_stolen", &storm_figures::descriptors_stolen},
};
struct seen_figure {
  const char* key;
  std::int64_t storm_figures::*figure;
};
constexpr seen_figure seen[]{
    {"async_mmput", &storm_figures::async_mmput},
    {"interrupts", &storm_figures::interrupts},
    {"switches", &storm_figures::switches},
    {"cpus_offlined", &storm_figures::cpus_offlined},
    {"lock_reports", &storm_figures::lock_reports},
    {"live_at_end", &storm_figures::live_at_end},
    {"frames_at_end", &storm_figures::frames_at_end},
    {"listed_at_end", &storm_figures::listed_at_end},
    {"namespaces_at_end", &storm_figures::namespaces_at_end},
    {"exec_states_at_end", &storm_figures::exec_states_at_end},
};

json design_json(const storm_figures& f) {
  json drops = json::object();
  for (std::size_t i = 0; i < machine::holder_kinds; ++i) {
    drops[std::string(machine::holder_names[i])] = f.drops[i];
  }
  json deferred = json::object();
  for (std::size_t i = 0; i < f.deferred.size(); ++i) {
    deferred[std::string(machine::sampled_names[i])] = f.deferred[i];
  }
  json all = {{"title", f.lifetimes->title}, {"drops", drops}, {"deferred", deferred}};
  for (const auto& [key, figure] : counted) all[key] = std::int64_t{f.*figure};
  for (const auto& [key, figure] : seen) all[key] = f.*figure;
  all["seconds"] = f.seconds;
  return all;
}

void print(const std::vector<storm_figures>& all) {
  using figures = const storm_figures&;
  const table<storm_figures> t(all);
  const auto number = [&](const std::string& name, auto which) {
    t.row(name, [which](figures f) { return std::int64_t{f.*which}; });
  };
  t.row("", [](figures f) { return f.lifetimes->id; });
  number("processes", &storm_figures::processes);
  number("tasks", &storm_figures::tasks);
  number("user namespaces", &storm_figures::namespaces);
  number("OOM kills", &storm_figures::oom_kills);
  number("  pages reaped", &storm_figures::pages_reaped);
  number("pages written", &storm_figures::pages_written);
  number("pages read", &storm_figures::pages_read);
  number("  with what nobody wrote there", &storm_figures::pages_corrupted);
  number("subscribers told wrong", &storm_figures::notifier_faults);
  number("mappings that overlap", &storm_figures::layout_faults);
  number("locks taken where they may not be", &storm_figures::lock_reports);
  number("interrupts", &storm_figures::interrupts);
  for (std::size_t i = 0; i < machine::holder_kinds; ++i) {
    t.row(fmt::format("drops by {}", machine::holder_names[i]),
          [i](figures f) { return f.drops[i]; });
  }
  for (std::size_t i = 0; i < machine::sampled_names.size(); ++i) {
    t.row(fmt::format("  deferred, in {}", machine::sampled_names[i]),
          [i](figures f) { return f.deferred[i]; });
  }
  number("  mmput_async", &storm_figures::async_mmput);
  number("attempts to look at a program", &storm_figures::attempts);
  number("  denied", &storm_figures::denied);
  number("  denied after its exit_mm", &storm_figures::denied_after_exit);
  number("  failed open", &storm_figures::failed_open);
  number("  while it had open files", &storm_figures::descriptors_stolen);
  number("left: tasks, tiers", &storm_figures::live_at_end);
  number("  frames", &storm_figures::frames_at_end);
  number("  on pgd_list", &storm_figures::listed_at_end);
  number("  user namespaces", &storm_figures::namespaces_at_end);
  number("  exec states", &storm_figures::exec_states_at_end);
  t.row("seconds", [](figures f) { return fmt::format("{:.2f}", f.seconds); });
}

/// Of a design that keeps nothing for access checks, they do fail open: that is its fault.
bool may_fail_open(const machine::design& d) {
  return d.keeps_of(machine::holder::exit_mm) == machine::kept::nothing && !d.has_exec_state;
}

void check(const storm_figures& f) {
  const auto wrong = [&](const std::string& what) {
    throw std::runtime_error(fmt::format("storm, {}: {}", f.lifetimes->id, what));
  };
  if (!f.nothing_left()) wrong("something is left at the end; this is a bug, please report it");
  if (f.lock_reports != 0) wrong(f.lock_faults.front() + "; this is a bug, please report it");
  if (f.layout_faults != 0) wrong("mappings overlapped; this is a bug, please report it");
  if (f.notifier_faults != 0)
    wrong("a notifier was not told right; this is a bug, please report it");
  if (f.pages_corrupted != 0)
    wrong("memory had what nobody wrote there; this is a bug, please report it");
  if (f.failed_open != 0 && !may_fail_open(*f.lifetimes))
    wrong("an access check failed open; this is a bug, please report it");
}

void run(storm_arguments given) {
  std::vector<const machine::design*> designs;
  for (const machine::design& d : machine::designs) {
    const auto is = [&](const std::string& id) { return id == d.id; };
    if (given.designs.empty() || std::any_of(given.designs.begin(), given.designs.end(), is))
      designs.push_back(&d);
  }
  lab::require_memory("storm",
                      (std::uint64_t{6} << 20) + given.options.cpus * (std::uint64_t{128} << 10));
  // Of its threads none can go on without memory, and none can give up.
  prepare_last_words(lab::memory_hint());
  std::vector<storm_figures> all;
  {
    progress bar("storm");
    for (const machine::design* const d : designs) {
      given.options.go_on = [&](double done) {
        bar.show((static_cast<double>(all.size()) + done) / static_cast<double>(designs.size()));
        return stop_signal() == 0;
      };
      try {
        all.push_back(machine::storm(*d, given.options));
      } catch (const std::system_error& e) {
        throw lab::error(lab::fault::output,
                         fmt::format("storm: {}; {} CPUs take {} threads in all{}", e.what(),
                                     given.options.cpus,
                                     machine::storm_threads(given.options.cpus) + 1,
                                     lab::limit_hint(e.code().value())));
      }
      if (all.back().interrupted) throw lab::error(lab::fault::interrupted, "storm: interrupted");
    }
  }
  if (given.as_json) {
    json by_id = json::object();
    for (const storm_figures& f : all) by_id[std::string(f.lifetimes->id)] = design_json(f);
    print_json({{"cpus", given.options.cpus},
                {"processes", given.options.size.processes},
                {"seed", given.options.size.seed},
                {"designs", by_id}});
  } else {
    print(all);
  }
  for (const storm_figures& f : all) check(f);
}

}  // namespace

void add_storm(CLI::App& app) {
  auto given = std::make_shared<storm_arguments>();
  CLI::App* command =
      app.add_subcommand("storm", "Many processes on CPUs that are threads, under several designs");
  machine::storm_options& options = given->options;
  command
      ->add_option("--cpus", options.cpus, "CPUs on which processes run; an attacker has one more")
      ->check(whole_number(1, machine::most_cpus))
      ->capture_default_str();
  command->add_option("--processes", options.size.processes, "processes, under each design")
      ->check(whole_number(1, 100'000'000))
      ->capture_default_str();
  std::vector<std::string> ids;
  ids.reserve(machine::designs.size());
  for (const machine::design& d : machine::designs) ids.emplace_back(d.id);
  command->add_option("--design", given->designs, "only this one (may be repeated)")
      ->check(one_of(ids))
      ->allow_extra_args(false);
  command->add_option("--seed", options.size.seed, "of what processes do; not of when")
      ->check(whole_number(0, std::numeric_limits<std::uint64_t>::max()))
      ->capture_default_str();
  command->add_flag("--json", given->as_json, "as JSON");
  command->footer(storm_examples);
  command->callback([given] { run(*given); });
}

}  // namespace trefoil::tool
