// SPDX-License-Identifier: Apache-2.0
// Writes a recording, event by event, in bounded memory. The file appears at finish(), whole; a
// writer that is destroyed before leaves nothing.
#ifndef TREFOIL_LAB_RECORDING_WRITER_HPP
#define TREFOIL_LAB_RECORDING_WRITER_HPP

#include "lab/recording/event.hpp"
#include "lab/recording/event_rows.hpp"
#include "lab/recording/machine.hpp"
#include "lab/recording/names.hpp"
#include "lab/recording/new_file.hpp"
#include "lab/recording/places.hpp"
#include "lab/recording/sqlite.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace trefoil::lab {

class recording_writer {
 public:
  // `all` are the dictionaries that the events' comm and route refer to; they may grow until
  // finish().
  recording_writer(std::string path, const names& all, if_there what = if_there::replace);

  // The events that follow share no object with those before (docs/recording.md, segment). The
  // first segment begins by itself.
  void begin_segment();

  // Events come in time order. Which lives they may tell is not checked here: see `census`.
  void append(const event& e);

  std::int64_t size() const noexcept { return events_; }

  // For tables of others in the same file; their statements end before finish().
  const sqlite::database& database() const noexcept { return database_; }

  // Returns the name that what was there has now; empty: it is gone, or nothing was.
  std::string finish(const machine_facts& machine);

 private:
  void end_segment();
  void write_machine(const machine_facts& machine);
  void write_dictionaries();

  new_file file_;
  sqlite::database database_;  // after file_: closed before the file is removed
  std::optional<event_rows> rows_;
  const names* names_;
  place_table places_;
  std::int64_t events_ = 0;
  std::int64_t segments_ = 0;
  std::int64_t segment_first_ = 1;
  std::int64_t segment_begin_ns_ = 0;
  std::int64_t last_ns_ = 0;
};

}  // namespace trefoil::lab

#endif
