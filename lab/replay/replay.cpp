// SPDX-License-Identifier: Apache-2.0
#include "lab/replay/replay.hpp"

#include "lab/error.hpp"
#include "lab/recording/reader.hpp"
#include "lab/replay/lookahead.hpp"
#include "lab/replay/physical_memory.hpp"
#include "lab/replay/worker_delay.hpp"
#include "lab/replay/world.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <new>

namespace trefoil::lab {

namespace {

using clock = std::chrono::steady_clock;

double seconds_between(clock::time_point from, clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

durations summary(const machine::histogram& all) {
  return {all.count(), all.percentile(50), all.percentile(99), all.max(), all.sum()};
}

// The recorded design always runs, and first: it says what the kernel should have done.
std::vector<const machine::design*> with_recorded(const std::vector<const machine::design*>& some) {
  std::vector<const machine::design*> all{&machine::recorded_design};
  for (const machine::design& d : machine::designs) {
    const bool wanted = some.empty() || std::find(some.begin(), some.end(), &d) != some.end();
    if (wanted && &d != &machine::recorded_design) all.push_back(&d);
  }
  return all;
}

design_figures figures_of(const world& w, const replay_result& result,
                          const replay_options& options) {
  const machine::ledger& ledger = w.host.figures();
  const auto byte_seconds = [](std::int64_t ns, std::int64_t bytes) {
    return static_cast<double>(ns) * 1e-9 * static_cast<double>(bytes);
  };
  design_figures f;
  f.design = &w.host.lifetimes();
  for (std::size_t i = 0; i < f.deferred.size(); ++i) {
    f.deferred[i] = ledger.deferrals(static_cast<machine::sampled>(i));
  }
  f.async_mmput = ledger.async_mmputs();
  const std::int64_t dead_ns = ledger.dead_page_directory_ns();
  const auto mean = [&](std::int64_t ns) {
    const auto all = static_cast<double>(result.duration_ns);
    return all > 0 ? static_cast<double>(ns) / all : 0;
  };
  f.dead_mean = mean(dead_ns);
  f.dead_peak = ledger.dead_peak();
  f.pgd_byte_seconds_dead = byte_seconds(dead_ns, options.page_directory_bytes);
  std::int64_t answered_for = 0;
  for (std::size_t i = 0; i < machine::holder_kinds; ++i) {
    const std::int64_t ns = ledger.dead_page_directory_ns(static_cast<machine::holder>(i));
    f.dead_mean_by[i] = mean(ns);
    f.pgd_byte_seconds_dead_by[i] = byte_seconds(ns, options.page_directory_bytes);
    answered_for += ns;
    f.dead_peak_by[i] = ledger.dead_peak(static_cast<machine::holder>(i));
  }
  f.dead_peak_held_at_end = ledger.dead_held_peak();
  f.dead_mean_held_at_end = mean(dead_ns - answered_for);
  f.pgd_byte_seconds_held_at_end =
      byte_seconds(dead_ns - answered_for, options.page_directory_bytes);
  f.identity_byte_seconds = byte_seconds(ledger.bare_identity_ns(), options.identity_bytes);
  f.identity_peak = ledger.bare_peak();
  f.deferred_wait_ns = summary(w.host.deferred_wait_ns());
  f.fail_open_ns = summary(w.open_window_ns);
  f.atomic_operations_per_process = result.processes_ended == 0
                                        ? 0
                                        : static_cast<double>(w.host.count_operations()) /
                                              static_cast<double>(result.processes_ended);
  f.atomic_teardown_ns = summary(w.host.atomic_teardown_ns());
  return f;
}

}  // namespace

replay_result replay(const std::string& path, const replay_options& options) {
  const clock::time_point begin = clock::now();
  recording_reader recording(path);
  replay_result result;
  result.file = path;
  result.facts = recording.machine();
  const bool rt = result.facts.preempt_rt.value.value_or(false);
  const machine::flavour kernel = rt ? machine::flavour::preempt_rt : machine::flavour::ordinary;
  const seen_delays seen = delays_seen(path, rt);
  result.worker_delay_seen = seen.work_ns.has_value();
  result.rcu_delay_seen = seen.rcu_ns.has_value();
  result.worker_delay_ns = seen.work_ns.value_or(options.worker_delay_ns);
  result.rcu_delay_ns = seen.rcu_ns.value_or(options.worker_delay_ns);
  const machine::worker_delays delays(result.worker_delay_ns, result.rcu_delay_ns);

  physical_memory memory;
  std::vector<std::unique_ptr<world>> worlds;
  std::vector<world*> in_lockstep;
  for (const machine::design* d : with_recorded(options.designs)) {
    worlds.push_back(std::make_unique<world>(*d, kernel, memory.frames(), delays));
    in_lockstep.push_back(worlds.back().get());
  }

  const std::vector<segment>& segments = recording.segments();
  lookahead events(recording, options.view);
  replayer player(in_lockstep, events, recording.names(), kernel);
  const auto all = static_cast<double>(std::max<std::int64_t>(recording.size(), 1));
  std::size_t in_segment = 0;
  const auto end_segment = [&] {
    const std::int64_t end = segments[in_segment].end_ns;
    result.duration_ns += end - segments[in_segment].begin_ns;
    const bool last = in_segment + 1 == segments.size();
    player.end_segment(end, last ? end : segments[in_segment + 1].begin_ns);
  };
  if (!segments.empty()) {
    for (world* const w : in_lockstep) w->host.resume(segments.front().begin_ns);
  }
  clock::duration reading{};
  const clock::time_point first = clock::now();
  try {
    for (event e;;) {
      // Reading is timed by the batch: looking at a clock takes longer than reading an event.
      if (events.about_to_read()) {
        const clock::time_point before = clock::now();
        events.read();
        reading += clock::now() - before;
      }
      if (!events.next(e)) break;
      while (in_segment != events.segment_index()) {
        end_segment();
        ++in_segment;
      }
      player.play(e, events.row());
      if (events.row() % 16384 == 0 && options.go_on &&
          !options.go_on(static_cast<double>(events.row()) / all)) {
        throw error(fault::interrupted, path + ": interrupted");
      }
    }
  } catch (const std::bad_alloc&) {
    throw error(fault::input, path + ": event " + std::to_string(events.row()) +
                                  ": more address spaces at once than there is memory for");
  }
  if (!segments.empty()) end_segment();
  const clock::time_point last = clock::now();

  result.events = recording.size();
  result.worlds = worlds.size();
  result.processes_ended = player.processes_ended();
  result.oddities = player.oddities();
  result.truth = player.truth_so_far();
  for (const world* const w : in_lockstep) {
    result.left_over += w->host.figures().identities();
    result.left_over += static_cast<std::int64_t>(w->host.listed());
    const bool wanted =
        options.designs.empty() || std::find(options.designs.begin(), options.designs.end(),
                                             &w->host.lifetimes()) != options.designs.end();
    if (wanted) result.designs.push_back(figures_of(*w, result, options));
  }
  result.seconds = seconds_between(begin, clock::now());
  result.reading_seconds = std::chrono::duration<double>(reading).count();
  result.playing_seconds = seconds_between(first, last) - result.reading_seconds;
  return result;
}

}  // namespace trefoil::lab
