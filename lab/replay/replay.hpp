// SPDX-License-Identifier: Apache-2.0
// The lab's main job: a recording through real staged lifetimes, under several designs in lockstep.
#ifndef TREFOIL_LAB_REPLAY_REPLAY_HPP
#define TREFOIL_LAB_REPLAY_REPLAY_HPP

#include "lab/recording/machine.hpp"
#include "lab/replay/replayer.hpp"
#include "lab/replay/truth.hpp"
#include "machine/design.hpp"
#include "machine/histogram.hpp"
#include "machine/ledger.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace trefoil::lab {

struct replay_options {
  std::vector<const machine::design*> designs;  // to be reported; empty: all
  std::int64_t worker_delay_ns = 50'000;        // if the recording shows none
  std::int64_t page_directory_bytes = 4096;
  std::int64_t identity_bytes = 1600;
  std::size_t view = lookahead::default_reach;  // events
  std::size_t threads = 0;                      // at most; 0: one per CPU
  // Called now and then, by the caller's thread, with the part that is done, 0 to 1; false: stop
  // (lab::error, interrupted).
  std::function<bool(double)> go_on;
  // Asked at shorter intervals, also while a file is opened, by any thread; true: stop.
  std::function<bool()> stopped;
};

// Some durations, in nanoseconds.
struct durations {
  std::uint64_t count = 0;
  std::uint64_t p50 = 0;
  std::uint64_t p99 = 0;
  std::uint64_t max = 0;
  std::uint64_t sum = 0;

  friend bool operator==(const durations&, const durations&) = default;
};

struct design_figures {
  const machine::design* design = nullptr;
  std::array<std::int64_t, machine::sampled_names.size()> deferred{};  // by context
  std::int64_t async_mmput = 0;
  double dead_mean = 0;  // page directories without mappings, over time
  std::int64_t dead_peak = 0;
  std::array<std::int64_t, machine::holder_kinds> dead_peak_by{};
  std::int64_t dead_peak_held_at_end = 0;
  std::array<double, machine::holder_kinds> dead_mean_by{};  // who let go last
  double dead_mean_held_at_end = 0;
  double pgd_byte_seconds_dead = 0;
  std::array<double, machine::holder_kinds> pgd_byte_seconds_dead_by{};
  double pgd_byte_seconds_held_at_end = 0;
  double identity_byte_seconds = 0;
  std::int64_t identity_peak = 0;
  durations deferred_wait_ns;
  durations fail_open_ns;
  double atomic_operations_per_process = 0;
  durations atomic_teardown_ns;  // real time, of this machine and run

  friend bool operator==(const design_figures&, const design_figures&) = default;
};

struct replay_result {
  std::string file;
  machine_facts facts;
  std::int64_t events = 0;
  std::int64_t duration_ns = 0;
  std::int64_t processes_ended = 0;
  std::int64_t worker_delay_ns = 0;
  bool worker_delay_seen = false;
  std::int64_t rcu_delay_ns = 0;  // of what the scheduler defers on PREEMPT_RT
  bool rcu_delay_seen = false;
  lab::oddities oddities;
  truth_figures truth;
  std::vector<design_figures> designs;
  std::size_t worlds = 0;      // designs played; the recorded one always is
  std::size_t threads = 0;     // on which they were; each plays the recorded design besides
  std::int64_t left_over = 0;  // identities and page directories alive after all: always 0
  double seconds = 0;          // real time, of all of it
  double playing_seconds = 0;  // through the machines: of the thread that took longest
  double reading_seconds = 0;  // from the file, of the same thread
};

replay_result replay(const std::string& path, const replay_options& options);

}  // namespace trefoil::lab

#endif
