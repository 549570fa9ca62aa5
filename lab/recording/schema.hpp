// SPDX-License-Identifier: Apache-2.0
// The schema of a recording: docs/recording.md describes it for people who query it.
#ifndef TREFOIL_LAB_RECORDING_SCHEMA_HPP
#define TREFOIL_LAB_RECORDING_SCHEMA_HPP

#include <cstdint>

namespace trefoil::lab::schema {

inline constexpr std::uint32_t application_id = 0x54726566;  // "Tref"

// Goes up when an older reader would misread a newer file.
inline constexpr std::uint32_t version = 1;

// The order of these columns is the order of the parameters that the writer binds and of the
// columns that the reader fetches.
namespace column {
enum : int {
    event,
    time_ns,
    kind,
    cpu,
    pid,
    comm,
    context,
    actor,
    route,
    mm,
    task,
    old_mm,
    prev_mm,
    next_mm,
    files,
    sighand,
    mm_users,
    mm_count,
    subject,
    count
};
}  // namespace column

extern const char* const create;         // all tables, the view, application_id and user_version
extern const char* const insert_event;   // one parameter per column
extern const char* const select_events;  // in their order

}  // namespace trefoil::lab::schema

#endif
