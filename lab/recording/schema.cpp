// SPDX-License-Identifier: Apache-2.0
#include "lab/recording/schema.hpp"

namespace trefoil::lab::schema {

static_assert(application_id == 1416783206 && version == 1, "the numbers are repeated below");

const char* const create = R"sql(
PRAGMA application_id = 1416783206;
PRAGMA user_version = 1;

CREATE TABLE machine (
    only_row         INTEGER PRIMARY KEY CHECK (only_row = 1),
    source           TEXT NOT NULL,
    kernel           TEXT,
    kernel_how       TEXT NOT NULL,
    preempt_rt       INTEGER CHECK (preempt_rt IN (0, 1)),
    preempt_rt_how   TEXT NOT NULL,
    exit_event       TEXT CHECK (exit_event IN ('before', 'after')),
    exit_event_how   TEXT NOT NULL,
    fails_open       INTEGER CHECK (fails_open IN (0, 1)),
    fails_open_how   TEXT NOT NULL,
    lost_events      INTEGER
);

CREATE TABLE event_kind (kind    INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE context    (context INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE actor      (actor   INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE comm       (comm    INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE route      (route   INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);

CREATE TABLE segment (
    segment      INTEGER PRIMARY KEY,
    first_event  INTEGER NOT NULL,
    last_event   INTEGER NOT NULL,
    begin_ns     INTEGER NOT NULL,
    end_ns       INTEGER NOT NULL
);

CREATE TABLE place (
    place    INTEGER PRIMARY KEY,
    cpu      INTEGER NOT NULL,
    comm     INTEGER NOT NULL REFERENCES comm,
    context  INTEGER NOT NULL REFERENCES context,
    actor    INTEGER NOT NULL REFERENCES actor,
    route    INTEGER REFERENCES route
);

CREATE TABLE event (
    event     INTEGER PRIMARY KEY,
    time_ns   INTEGER,
    kind      INTEGER,
    place     INTEGER,
    pid       INTEGER,
    mm        INTEGER,
    task      INTEGER,
    third     INTEGER,
    fourth    INTEGER,
    mm_users  INTEGER,
    mm_count  INTEGER,
    subject   INTEGER
);

CREATE VIEW readable AS
SELECT event, time_ns, event_kind.name AS kind, cpu, pid, comm.name AS comm,
       context.name AS context, actor.name AS actor, route.name AS route, mm, task,
       CASE event_kind.name WHEN 'prep_exec' THEN third END AS old_mm,
       CASE event_kind.name WHEN 'switch' THEN third END AS prev_mm,
       CASE event_kind.name WHEN 'switch' THEN fourth END AS next_mm,
       CASE WHEN event_kind.name IN ('task_exit', 'files_free') THEN third END AS files,
       CASE WHEN event_kind.name IN ('task_exit', 'sighand_free') THEN fourth END AS sighand,
       mm_users, mm_count, subject
FROM event
     JOIN event_kind USING (kind) JOIN place USING (place) JOIN comm USING (comm)
     JOIN context USING (context) JOIN actor USING (actor) LEFT JOIN route USING (route);
)sql";

// The row number is left to SQLite, which counts from one: it appends then without a search.
// Table event has no constraints: each would be paid for once per row. The reader checks.
std::string insert_events(std::size_t rows) {
  std::string sql =
      "INSERT INTO event (time_ns, kind, place, pid, mm, task, third, fourth, mm_users, mm_count, "
      "subject) VALUES ";
  for (std::size_t i = 0; i < rows; ++i) {
    sql += i == 0 ? "" : ", ";
    sql += "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
  }
  return sql;
}

}  // namespace trefoil::lab::schema
