// SPDX-License-Identifier: Apache-2.0
// Reads a recording, event by event, in bounded memory (most.hpp), and believes nothing: tables that are
// tables, rows in time order, none missing, each of a known kind with the objects of its kind, lives as
// `census` allows them.
#ifndef TREFOIL_LAB_RECORDING_READER_HPP
#define TREFOIL_LAB_RECORDING_READER_HPP

#include "lab/recording/census.hpp"
#include "lab/recording/event.hpp"
#include "lab/recording/machine.hpp"
#include "lab/recording/names.hpp"
#include "lab/recording/places.hpp"
#include "lab/recording/recorder_tables.hpp"
#include "lab/recording/sqlite.hpp"
#include "lab/recording/table_rows.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace trefoil::lab {

// A stretch of events without a gap. Objects do not cross from one segment into the next.
struct segment {
  std::int64_t first_event = 0;  // rows count from one
  std::int64_t last_event = 0;
  std::int64_t begin_ns = 0;
  std::int64_t end_ns = 0;

  friend bool operator==(const segment&, const segment&) = default;
};

class recording_reader {
 public:
  // `stopped` is asked now and then while something is read, on the thread that reads; true: stop
  // (lab::error, interrupted).
  explicit recording_reader(const std::string& path, std::function<bool()> stopped = {});

  const machine_facts& machine() const noexcept { return machine_; }
  // What the recorder of this machine knew beyond the events; none: the recording was imported.
  const std::optional<recorder_facts>& recorder() const noexcept { return recorder_; }
  const lab::names& names() const noexcept { return names_; }
  const std::vector<segment>& segments() const noexcept { return segments_; }
  // The numbers of the CPUs on which something may have happened, in their order.
  const std::vector<std::uint16_t>& cpus() const noexcept { return cpus_; }
  std::int64_t size() const noexcept { return segments_.empty() ? 0 : segments_.back().last_event; }

  // False at the end.
  bool next(event& e);

  // Of the event that next() gave last: its row, and the index of its segment.
  std::int64_t row() const noexcept { return row_; }
  std::size_t segment_index() const noexcept { return segment_; }

  // What has been read so far; complete at the end.
  const lab::census& census() const noexcept { return census_; }

 private:
  void read_machine();
  void read_dictionaries();
  void read_places();
  void read_segments();
  void fetch(event& e);
  void enter_segment(std::int64_t row);
  [[noreturn]] void fail(const std::string& what) const;

  std::string path_;
  sqlite::database database_;
  machine_facts machine_;
  std::optional<recorder_facts> recorder_;
  lab::names names_;
  std::vector<place> places_;
  std::vector<std::uint16_t> cpus_;
  std::vector<segment> segments_;
  table_rows events_;
  lab::census census_;
  std::int64_t row_ = 0;
  std::int64_t last_ns_ = 0;
  std::size_t segment_ = 0;
  bool ended_ = false;
};

}  // namespace trefoil::lab

#endif
