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

CREATE TABLE event (
    event     INTEGER PRIMARY KEY,
    time_ns   INTEGER NOT NULL,
    kind      INTEGER NOT NULL,
    cpu       INTEGER NOT NULL,
    pid       INTEGER NOT NULL,
    comm      INTEGER NOT NULL,
    context   INTEGER NOT NULL,
    actor     INTEGER NOT NULL,
    route     INTEGER,
    mm        INTEGER,
    task      INTEGER,
    old_mm    INTEGER,
    prev_mm   INTEGER,
    next_mm   INTEGER,
    files     INTEGER,
    sighand   INTEGER,
    mm_users  INTEGER,
    mm_count  INTEGER,
    subject   INTEGER
);

CREATE VIEW readable AS
SELECT event, time_ns, event_kind.name AS kind, cpu, pid, comm.name AS comm,
       context.name AS context, actor.name AS actor, route.name AS route,
       mm, task, old_mm, prev_mm, next_mm, files, sighand, mm_users, mm_count, subject
FROM event
     JOIN event_kind USING (kind) JOIN comm USING (comm)
     JOIN context USING (context) JOIN actor USING (actor) LEFT JOIN route USING (route)
ORDER BY event;
)sql";

const char* const insert_event =
    "INSERT INTO event (event, time_ns, kind, cpu, pid, comm, context, actor, route, mm, task, "
    "old_mm, prev_mm, next_mm, files, sighand, mm_users, mm_count, subject) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

const char* const select_events =
    "SELECT event, time_ns, kind, cpu, pid, comm, context, actor, route, mm, task, "
    "old_mm, prev_mm, next_mm, files, sighand, mm_users, mm_count, subject "
    "FROM event ORDER BY event";

}  // namespace trefoil::lab::schema
