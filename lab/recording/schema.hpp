// SPDX-License-Identifier: Apache-2.0
// The schema of a recording: docs/recording.md describes it for people who query it.
#ifndef TREFOIL_LAB_RECORDING_SCHEMA_HPP
#define TREFOIL_LAB_RECORDING_SCHEMA_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace trefoil::lab::schema {

inline constexpr std::uint32_t application_id = 0x54726566;  // "Tref"

// Goes up when an older reader would misread a newer file.
inline constexpr std::uint32_t version = 1;

// The order of the columns that the reader fetches: event_columns. Parameters count from one and there is none for
// `event`, so these are the numbers of the writer's parameters as well.
namespace column {
enum : int {
  event,
  time_ns,
  kind,
  place,
  pid,
  mm,
  task,
  third,   // prep_exec: old mm; switch: prev_mm; task_exit, files_free: files
  fourth,  // switch: next_mm; task_exit, sighand_free: sighand
  mm_users,
  mm_count,
  subject,
  last = subject
};
}  // namespace column

inline constexpr std::array<std::string_view, column::last + 1> event_columns{
    "event", "time_ns", "kind",   "place",    "pid",      "mm",
    "task",  "third",   "fourth", "mm_users", "mm_count", "subject"};

extern const char* const create;  // all tables, the view, application_id and user_version

// So many events; of each, one parameter per column but the first.
std::string insert_events(std::size_t rows);

}  // namespace trefoil::lab::schema

#endif
