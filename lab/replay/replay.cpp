// SPDX-License-Identifier: Apache-2.0
#include "lab/replay/replay.hpp"

#include "lab/limits.hpp"
#include "lab/recording/reader.hpp"
#include "lab/replay/crews.hpp"
#include "lab/replay/worker_delay.hpp"
#include "lab/replay/world.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <new>
#include <stdexcept>
#include <thread>

namespace trefoil::lab {

namespace {

using clock = std::chrono::steady_clock;

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
  const auto byte_seconds = [](double ns, std::int64_t bytes) {
    return ns * 1e-9 * static_cast<double>(bytes);
  };
  design_figures f;
  f.design = &w.host.lifetimes();
  for (std::size_t i = 0; i < f.deferred.size(); ++i) {
    f.deferred[i] = ledger.deferrals(static_cast<machine::sampled>(i));
  }
  f.async_mmput = ledger.async_mmputs();
  // Whole numbers of that size are exact here, too, up to some months of them.
  const auto dead_ns = static_cast<double>(ledger.dead_page_directory_ns());
  const auto mean = [&](double ns) {
    const auto all = static_cast<double>(result.duration_ns);
    return all > 0 ? ns / all : 0;
  };
  f.dead_mean = mean(dead_ns);
  f.dead_peak = ledger.dead_peak();
  f.pgd_byte_seconds_dead = byte_seconds(dead_ns, options.page_directory_bytes);
  double answered_for = 0;
  for (std::size_t i = 0; i < machine::holder_kinds; ++i) {
    const auto ns =
        static_cast<double>(ledger.dead_page_directory_ns(static_cast<machine::holder>(i)));
    f.dead_mean_by[i] = mean(ns);
    f.pgd_byte_seconds_dead_by[i] = byte_seconds(ns, options.page_directory_bytes);
    answered_for += ns;
    f.dead_peak_by[i] = ledger.dead_peak(static_cast<machine::holder>(i));
  }
  f.dead_peak_held_at_end = ledger.dead_held_peak();
  f.dead_mean_held_at_end = mean(dead_ns - answered_for);
  f.pgd_byte_seconds_held_at_end =
      byte_seconds(dead_ns - answered_for, options.page_directory_bytes);
  f.identity_byte_seconds =
      byte_seconds(static_cast<double>(ledger.bare_identity_ns()), options.identity_bytes);
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

std::size_t threads_of(const replay_options& options) {
  return options.threads != 0 ? options.threads : std::thread::hardware_concurrency();
}

// Of `design`: of the first crew if several have it, as they all have the recorded one.
const world& world_of(const crews& all, const machine::design& design) {
  for (const auto& crew : all) {
    for (const auto& w : crew->worlds()) {
      if (&w->host.lifetimes() == &design) return *w;
    }
  }
  throw std::logic_error("a design that nobody plays");
}

// What a crew keeps for itself: the events of its view, its worlds, SQLite's pages.
std::uint64_t bytes_of_a_crew(std::int64_t events, std::size_t view) {
  const auto seen = std::min(static_cast<std::uint64_t>(events), std::uint64_t{view});
  return (std::uint64_t{4} << 20) + seen * (sizeof(event) + 32);
}

// Fewer of them where there is no memory for all: what comes out is the same.
crews crews_for(const std::string& path, const std::vector<const machine::design*>& designs,
                const crew_orders& orders, std::int64_t events, std::size_t most) {
  const std::uint64_t bytes = bytes_of_a_crew(events, orders.view);
  require_memory("replay", bytes);
  const auto least = deadly_memory_limit();
  std::uint64_t hands = least ? std::min<std::uint64_t>(most, least->room() / bytes) : most;
  for (;; hands /= 2) {
    try {
      crews all;
      for (const auto& hand : dealt_out(designs, hands)) {
        all.push_back(std::make_unique<crew>(path, hand, orders));
      }
      return all;
    } catch (const std::bad_alloc&) {
      if (hands <= 1) throw;
    }
  }
}

}  // namespace

replay_result replay(const std::string& path, const replay_options& options) {
  const clock::time_point begin = clock::now();
  replay_result result;
  result.file = path;
  seen_delays seen;
  std::int64_t events = 0;
  {
    recording_reader recording(path, options.stopped);
    result.facts = recording.machine();
    events = recording.size();
    seen = delays_seen(recording);
  }
  const bool rt = result.facts.preempt_rt.value.value_or(false);
  result.worker_delay_seen = seen.work_ns.has_value();
  result.rcu_delay_seen = seen.rcu_ns.has_value();
  result.worker_delay_ns = seen.work_ns.value_or(options.worker_delay_ns);
  result.rcu_delay_ns = seen.rcu_ns.value_or(options.worker_delay_ns);
  const crew_orders orders{rt ? machine::flavour::preempt_rt : machine::flavour::ordinary,
                           {result.worker_delay_ns, result.rcu_delay_ns},
                           options.view,
                           options.stopped};

  const std::vector<const machine::design*> designs = with_recorded(options.designs);
  const crews all = crews_for(path, designs, orders, events, threads_of(options));
  play_at_once(all, options.go_on);

  const crew& first = *all.front();
  result.events = first.events();
  result.duration_ns = first.duration_ns();
  result.worlds = designs.size();
  result.threads = all.size();
  result.processes_ended = first.player().processes_ended();
  result.oddities = first.player().oddities();
  result.truth = first.player().truth_so_far();
  for (const machine::design* d : designs) {
    const bool wanted =
        options.designs.empty() ||
        std::find(options.designs.begin(), options.designs.end(), d) != options.designs.end();
    if (wanted) result.designs.push_back(figures_of(world_of(all, *d), result, options));
  }
  for (const auto& crew : all) {
    for (const auto& w : crew->worlds()) {
      result.left_over += w->host.figures().identities();
      result.left_over += static_cast<std::int64_t>(w->host.listed());
    }
    // The one that takes longest is what takes time.
    if (crew->playing_seconds() > result.playing_seconds) {
      result.playing_seconds = crew->playing_seconds();
      result.reading_seconds = crew->reading_seconds();
    }
  }
  result.seconds = std::chrono::duration<double>(clock::now() - begin).count();
  return result;
}

}  // namespace trefoil::lab
