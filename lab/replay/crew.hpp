// SPDX-License-Identifier: Apache-2.0
// Plays a whole recording in some worlds, on one thread. Several crews play it at once, each with some of
// the designs: all that they share is the file. So each has the recorded design as well, which says what
// the kernel should have done, and reads the events itself.
#ifndef TREFOIL_LAB_REPLAY_CREW_HPP
#define TREFOIL_LAB_REPLAY_CREW_HPP

#include "lab/recording/reader.hpp"
#include "lab/replay/lookahead.hpp"
#include "lab/replay/physical_memory.hpp"
#include "lab/replay/replayer.hpp"
#include "lab/replay/world.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace trefoil::lab {

// What all crews of a replay have in common.
struct crew_orders {
  machine::flavour kernel = machine::flavour::ordinary;
  machine::worker_delays delays{0};
  std::size_t view = lookahead::default_reach;  // events
  std::function<bool()> stopped;                // asked often, by whatever thread plays; true: stop
};

// For one thread at a time.
class crew {
 public:
  // `designs` has the recorded one first. Throws lab::error, std::bad_alloc.
  crew(std::string path, const std::vector<const machine::design*>& designs,
       const crew_orders& orders);
  crew(const crew&) = delete;
  crew& operator=(const crew&) = delete;

  // From the first event to the last, once. Throws lab::error: of the file, or interrupted, as soon as
  // `go_on`, which is given the part that is done (0 to 1) now and then, says no.
  void play(const std::function<bool(double)>& go_on);

  const std::vector<std::unique_ptr<world>>& worlds() const noexcept { return worlds_; }
  const replayer& player() const noexcept { return player_; }
  std::int64_t events() const noexcept { return recording_.size(); }
  std::int64_t duration_ns() const noexcept { return duration_ns_; }
  double reading_seconds() const noexcept { return reading_seconds_; }
  double playing_seconds() const noexcept { return playing_seconds_; }

 private:
  std::vector<world*> in_lockstep() const;
  void end_segment(std::size_t which);

  const std::string path_;
  const std::function<bool()> stopped_;
  recording_reader recording_;
  physical_memory memory_;
  std::vector<std::unique_ptr<world>> worlds_;  // destroyed before the memory that they live in
  lookahead events_;
  replayer player_;
  std::int64_t duration_ns_ = 0;
  double reading_seconds_ = 0;
  double playing_seconds_ = 0;
};

}  // namespace trefoil::lab

#endif
