// SPDX-License-Identifier: Apache-2.0
#include "tools/trefoil/commands.hpp"

#include "lab/error.hpp"
#include "lab/replay/replay.hpp"
#include "machine/shape.hpp"
#include "tools/trefoil/json.hpp"
#include "tools/trefoil/progress.hpp"
#include "tools/trefoil/stop.hpp"
#include "tools/trefoil/table.hpp"
#include "tools/trefoil/usage.hpp"

#include <fmt/core.h>
#include <memory>
#include <string>
#include <vector>

namespace trefoil::tool {

namespace {

struct replay_arguments {
  std::vector<std::string> files;
  std::vector<std::string> designs;
  std::int64_t worker_delay_us = 50;
  std::int64_t page_directory_bytes = 4096;
  std::int64_t identity_bytes = 1600;
  std::size_t threads = 0;
  bool as_json = false;
};

constexpr const char* replay_examples = R"(
Examples:
  trefoil replay fork.trefoil
  trefoil replay fork.trefoil oom.trefoil --design three-counts --design reversed
  trefoil replay fork.trefoil --json | jq '.designs.reversed.deferred, .truth'
)";

double to_us(std::uint64_t ns) { return static_cast<double>(ns) / 1000; }

// ---- JSON ----------------------------------------------------------------------------------------

json durations_json(const lab::durations& d) {
  return {{"count", d.count},
          {"p50_us", to_us(d.p50)},
          {"p99_us", to_us(d.p99)},
          {"max_us", to_us(d.max)}};
}

json design_json(const lab::design_figures& f) {
  json deferred = json::object();
  for (std::size_t i = 0; i < f.deferred.size(); ++i) {
    deferred[std::string(machine::sampled_names[i])] = f.deferred[i];
  }
  json mean_by = json::object();
  json peak_by = json::object();
  json by = json::object();
  for (std::size_t i = 0; i < machine::holder_kinds; ++i) {
    const std::string kind(machine::holder_names[i]);
    mean_by[kind] = f.dead_mean_by[i];
    peak_by[kind] = f.dead_peak_by[i];
    by[kind] = f.pgd_byte_seconds_dead_by[i];
  }
  mean_by["held-at-end"] = f.dead_mean_held_at_end;
  peak_by["held-at-end"] = f.dead_peak_held_at_end;
  by["held-at-end"] = f.pgd_byte_seconds_held_at_end;
  return {{"title", f.design->title},
          {"deferred", deferred},
          {"async_mmput", f.async_mmput},
          {"dead_mean", f.dead_mean},
          {"dead_mean_by", mean_by},
          {"dead_peak", f.dead_peak},
          {"dead_peak_by", peak_by},
          {"pgd_byte_seconds_dead", f.pgd_byte_seconds_dead},
          {"pgd_byte_seconds_dead_by", by},
          {"identity_byte_seconds", f.identity_byte_seconds},
          {"identity_peak", f.identity_peak},
          {"deferred_wait", durations_json(f.deferred_wait_ns)},
          {"fail_open", durations_json(f.fail_open_ns)},
          {"atomic_operations_per_process", f.atomic_operations_per_process}};
}

json truth_json(const lab::truth_figures& t) {
  json disagree = json::array();
  for (const auto& [cause, count] : t.disagree) {
    disagree.push_back({{"cause", cause}, {"count", count}});
  }
  return {{"mms", t.mms}, {"agree", t.agree}, {"inferred", t.inferred}, {"disagree", disagree}};
}

double event_designs_per_s(const lab::replay_result& r) {
  if (r.playing_seconds <= 0) return 0;
  return static_cast<double>(r.events) * static_cast<double>(r.worlds) / r.playing_seconds;
}

json to_json(const lab::replay_result& r) {
  json designs = json::object();
  json teardowns = json::object();
  for (const lab::design_figures& f : r.designs) {
    const std::string id(f.design->id);
    designs[id] = design_json(f);
    const lab::durations& t = f.atomic_teardown_ns;
    teardowns[id] = {{"count", t.count},
                     {"p50_ns", t.p50},
                     {"p99_ns", t.p99},
                     {"max_ns", t.max},
                     {"sum_ns", t.sum}};
  }
  const lab::oddities& o = r.oddities;
  return {{"file", r.file},
          {"machine", machine_json(r.facts)},
          {"events", r.events},
          {"duration_ns", r.duration_ns},
          {"processes_ended", r.processes_ended},
          {"worker_delay_us", static_cast<double>(r.worker_delay_ns) / 1000},
          {"worker_delay_seen_in_file", r.worker_delay_seen},
          {"rcu_delay_us", static_cast<double>(r.rcu_delay_ns) / 1000},
          {"rcu_delay_seen_in_file", r.rcu_delay_seen},
          {"designs", designs},
          {"truth", truth_json(r.truth)},
          {"oddities",
           {{"born_before", {{"mm", o.born_before_mms}, {"task", o.born_before_tasks}}},
            {"outliving", {{"mm", o.outliving_mms}, {"task", o.outliving_tasks}}},
            {"strangers", o.strangers},
            {"unseen_users", o.unseen_users},
            {"unseen_returns", o.unseen_returns},
            {"unknown_returns", o.unknown_returns},
            {"too_many_holders", o.too_many_holders},
            {"lost_task_frees", o.lost_task_frees}}},
          {"measured",
           {{"seconds", r.seconds},
            {"reading_seconds", r.reading_seconds},
            {"playing_seconds", r.playing_seconds},
            {"threads", r.threads},
            {"event_designs_per_s", event_designs_per_s(r)},
            {"teardown_in_atomic_context",
             {{"shape", machine::shape_description}, {"designs", teardowns}}}}}};
}

// ---- for people ----------------------------------------------------------------------------------

std::string bytes_times_seconds(double value) {
  if (value >= 1e6) return fmt::format("{:.2f} MB s", value / 1e6);
  if (value >= 1e3) return fmt::format("{:.2f} kB s", value / 1e3);
  return fmt::format("{:.2f} B s", value);
}

// Of one kind of holder: the mean number, and bytes times time.
std::string shares(double mean, double byte_seconds) {
  return fmt::format("{:.4f}  {}", mean, bytes_times_seconds(byte_seconds));
}

std::string microseconds(std::uint64_t ns) { return fmt::format("{:.1f} us", to_us(ns)); }

void print(const lab::replay_result& r) {
  using figures = const lab::design_figures&;
  fmt::print("{}: {} events, {:.3f} s, {} processes ended\n", r.file, r.events,
             static_cast<double>(r.duration_ns) * 1e-9, r.processes_ended);
  if (r.truth.mms == 0) {
    fmt::print("the kernel's own design: no last drop to check it against, {} inferred\n",
               r.truth.inferred);
  } else {
    fmt::print(
        "the kernel's own design: {} of {} last drops as predicted ({:.2f} %), {} inferred\n",
        r.truth.agree, r.truth.mms,
        100.0 * static_cast<double>(r.truth.agree) / static_cast<double>(r.truth.mms),
        r.truth.inferred);
  }
  for (const auto& [cause, count] : r.truth.disagree) fmt::print("  {} not: {}\n", count, cause);

  const table<lab::design_figures> t(r.designs);
  t.row("", [](figures f) { return std::string(f.design->id); });
  for (std::size_t i = 0; i < machine::sampled_names.size(); ++i) {
    t.row(fmt::format("drops deferred, in {}", machine::sampled_names[i]),
          [i](figures f) { return std::to_string(f.deferred[i]); });
  }
  t.row("mmput_async", [](figures f) { return std::to_string(f.async_mmput); });
  t.row("  wait for the worker, p50",
        [](figures f) { return microseconds(f.deferred_wait_ns.p50); });
  t.row("dead page directories, mean",
        [](figures f) { return fmt::format("{:.4f}", f.dead_mean); });
  t.row("  peak", [](figures f) { return std::to_string(f.dead_peak); });
  t.row("  bytes x time", [](figures f) { return bytes_times_seconds(f.pgd_byte_seconds_dead); });
  for (std::size_t i = 0; i < machine::holder_kinds; ++i) {
    double any = 0;
    for (const lab::design_figures& f : r.designs) any += f.pgd_byte_seconds_dead_by[i];
    if (any == 0) continue;
    t.row(fmt::format("    held last by {}", machine::holder_names[i]),
          [i](figures f) { return shares(f.dead_mean_by[i], f.pgd_byte_seconds_dead_by[i]); });
    t.row("      peak", [i](figures f) { return std::to_string(f.dead_peak_by[i]); });
  }
  t.row("    held at the end",
        [](figures f) { return shares(f.dead_mean_held_at_end, f.pgd_byte_seconds_held_at_end); });
  t.row("      peak", [](figures f) { return std::to_string(f.dead_peak_held_at_end); });
  t.row("identity held instead",
        [](figures f) { return bytes_times_seconds(f.identity_byte_seconds); });
  const bool known_open = r.facts.fails_open.value.value_or(false);
  t.row(known_open ? "access checks that fail open" : "access checks: would fail open",
        [](figures f) { return std::to_string(f.fail_open_ns.count); });
  t.row("  for how long, p50", [](figures f) { return microseconds(f.fail_open_ns.p50); });
  t.row("  p99", [](figures f) { return microseconds(f.fail_open_ns.p99); });
  t.row("  at most", [](figures f) { return microseconds(f.fail_open_ns.max); });
  t.row("atomic operations per process",
        [](figures f) { return fmt::format("{:.1f}", f.atomic_operations_per_process); });
  t.row("measured: teardown in atomic ctx",
        [](figures f) { return fmt::format("{} ns", f.atomic_teardown_ns.p50); });
  fmt::print("\n");
}

void run(const replay_arguments& given) {
  lab::replay_options options;
  options.worker_delay_ns = given.worker_delay_us * 1000;
  options.page_directory_bytes = given.page_directory_bytes;
  options.identity_bytes = given.identity_bytes;
  options.threads = given.threads;
  options.stopped = [] { return stop_signal() != 0; };
  for (const std::string& id : given.designs) {
    options.designs.push_back(machine::find_design(id));
  }
  std::vector<lab::replay_result> results;
  for (const std::string& file : given.files) {
    progress bar("replay");
    options.go_on = [&](double done) {
      bar.show(done);
      return stop_signal() == 0;
    };
    results.push_back(lab::replay(file, options));
  }
  if (!given.as_json) {
    for (const lab::replay_result& r : results) print(r);
    return;
  }
  json out;
  if (results.size() == 1) {
    out = to_json(results.front());
  } else {
    out["files"] = json::array();
    for (const lab::replay_result& r : results) out["files"].push_back(to_json(r));
  }
  print_json(out);
}

}  // namespace

void add_replay(CLI::App& app) {
  auto given = std::make_shared<replay_arguments>();
  CLI::App* command = app.add_subcommand("replay", "Run recordings under several lifetime designs");
  command->add_option("FILE", given->files, "recordings")->required();
  std::vector<std::string> ids;
  ids.reserve(machine::designs.size());
  for (const machine::design& d : machine::designs) ids.emplace_back(d.id);
  command->add_option("--design", given->designs, "only this one (may be repeated)")
      ->check(one_of(ids))
      ->allow_extra_args(false);
  command
      ->add_option("--worker-delay-us", given->worker_delay_us,
                   "how long deferred drops wait, if the recording shows no worker")
      ->check(whole_number(0, 1'000'000'000))
      ->capture_default_str();
  command->add_option("--pgd-bytes", given->page_directory_bytes, "size of a page directory")
      ->check(whole_number(1, 1'000'000'000))
      ->capture_default_str();
  command->add_option("--identity-bytes", given->identity_bytes, "size of an mm_struct alone")
      ->check(whole_number(1, 1'000'000'000))
      ->capture_default_str();
  command
      ->add_option("--threads", given->threads,
                   "how many designs to play at once (if not given: one per CPU)")
      ->check(whole_number(1, 1024));
  command->add_flag("--json", given->as_json, "as JSON");
  command->footer(replay_examples);
  command->callback([given] { run(*given); });
}

}  // namespace trefoil::tool
