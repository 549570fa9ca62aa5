// SPDX-License-Identifier: Apache-2.0
#include "lab/recording/recorder_tables.hpp"

#include <array>
#include <numeric>

namespace trefoil::lab {

namespace {

// Names and numbers that only a person or a query wants, so constraints cost little here.
constexpr const char* create = R"sql(
CREATE TABLE recorder (
    only_row        INTEGER PRIMARY KEY CHECK (only_row = 1),
    seconds         REAL NOT NULL,
    refused_events  INTEGER NOT NULL,
    mms             INTEGER NOT NULL,
    incomplete_mms  INTEGER NOT NULL,
    deduced_frees   INTEGER NOT NULL
);
CREATE TABLE recorder_cpu (
    cpu           INTEGER PRIMARY KEY,
    lazy_borrows  INTEGER NOT NULL,
    lazy_returns  INTEGER NOT NULL,
    ring_lost     INTEGER NOT NULL
);
CREATE TABLE recorder_tracepoint (
    tracepoint        TEXT PRIMARY KEY,
    recursion_misses  INTEGER NOT NULL,
    runs              INTEGER NOT NULL,
    run_ns            INTEGER NOT NULL
);
CREATE TABLE recorder_missing (line TEXT NOT NULL);
CREATE TABLE holder (holder INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE stack (stack INTEGER PRIMARY KEY, functions TEXT NOT NULL UNIQUE);
CREATE TABLE last_drop (
    event          INTEGER PRIMARY KEY REFERENCES event,
    holder         INTEGER REFERENCES holder,
    stack          INTEGER REFERENCES stack,
    preempt_count  INTEGER
);
CREATE TABLE page_tables (
    event  INTEGER PRIMARY KEY REFERENCES event,
    bytes  INTEGER NOT NULL
);
)sql";

constexpr std::string_view unknown_holder = "not known";

}  // namespace

std::int64_t recorder_facts::ring_lost() const noexcept {
  return std::accumulate(cpus.begin(), cpus.end(), std::int64_t{0},
                         [](std::int64_t sum, const cpu_figures& c) { return sum + c.ring_lost; });
}

std::int64_t recorder_facts::recursion_misses() const noexcept {
  return std::accumulate(
      tracepoints.begin(), tracepoints.end(), std::int64_t{0},
      [](std::int64_t sum, const tracepoint_figures& t) { return sum + t.recursion_misses; });
}

recorder_tables::recorder_tables(const sqlite::database& file) : file_(&file) {
  file.run(create);
  insert_drop_.emplace(file, "INSERT INTO last_drop VALUES (?, ?, ?, ?)");
  insert_bytes_.emplace(file, "INSERT INTO page_tables VALUES (?, ?)");
}

std::int64_t recorder_tables::number_of(std::map<std::string, std::int64_t, std::less<>>& all,
                                        std::string_view text) {
  const auto known = all.find(text);
  if (known != all.end()) return known->second;
  return all.emplace(text, static_cast<std::int64_t>(all.size())).first->second;
}

void recorder_tables::last_drop(std::int64_t event, std::string_view holder, std::string_view stack,
                                std::int64_t preempt_count) {
  insert_drop_->bind(1, event);
  std::int64_t number = -1;
  if (holder.empty()) {
    insert_drop_->bind_null(2);
  } else {
    number = number_of(holders_, holder);
    insert_drop_->bind(2, number);
  }
  if (stack.empty()) {
    insert_drop_->bind_null(3);
  } else {
    insert_drop_->bind(3, number_of(stacks_, stack));
  }
  if (preempt_count < 0) {
    insert_drop_->bind_null(4);
  } else {
    insert_drop_->bind(4, preempt_count);
  }
  insert_drop_->execute();
  ++drops_[number];
}

void recorder_tables::page_tables(std::int64_t event, std::int64_t bytes) {
  insert_bytes_->bind(1, event);
  insert_bytes_->bind(2, bytes);
  insert_bytes_->execute();
}

template <class Rows, class Bind>
void recorder_tables::insert_each(const char* sql, const Rows& rows, Bind bind) {
  sqlite::statement insert(*file_, sql);
  for (const auto& one : rows) {
    bind(insert, one);
    insert.execute();
  }
}

void recorder_tables::finish(recorder_facts& facts) {
  insert_drop_.reset();
  insert_bytes_.reset();
  insert_each("INSERT INTO recorder VALUES (1, ?, ?, ?, ?, ?)", std::array{&facts},
              [](sqlite::statement& row, const recorder_facts* all) {
                row.bind_real(1, all->seconds);
                row.bind(2, all->refused_events);
                row.bind(3, all->mms);
                row.bind(4, all->incomplete_mms);
                row.bind(5, all->deduced_frees);
              });
  insert_each("INSERT INTO recorder_cpu VALUES (?, ?, ?, ?)", facts.cpus,
              [](sqlite::statement& row, const cpu_figures& one) {
                row.bind(1, one.cpu);
                row.bind(2, one.lazy_borrows);
                row.bind(3, one.lazy_returns);
                row.bind(4, one.ring_lost);
              });
  insert_each("INSERT INTO recorder_tracepoint VALUES (?, ?, ?, ?)", facts.tracepoints,
              [](sqlite::statement& row, const tracepoint_figures& one) {
                row.bind(1, std::string_view(one.tracepoint));
                row.bind(2, one.recursion_misses);
                row.bind(3, one.runs);
                row.bind(4, one.run_ns);
              });
  insert_each(
      "INSERT INTO recorder_missing VALUES (?)", facts.missing,
      [](sqlite::statement& row, const std::string& line) { row.bind(1, std::string_view(line)); });
  const auto text_by_number = [](sqlite::statement& row, const auto& one) {
    row.bind(1, one.second);
    row.bind(2, std::string_view(one.first));
  };
  insert_each("INSERT INTO holder VALUES (?, ?)", holders_, text_by_number);
  insert_each("INSERT INTO stack VALUES (?, ?)", stacks_, text_by_number);
  for (const auto& [text, number] : holders_) facts.holders.push_back({text, drops_[number]});
  if (drops_.contains(-1)) facts.holders.push_back({std::string(unknown_holder), drops_[-1]});
}

std::optional<recorder_facts> read_recorder_facts(const sqlite::database& file) {
  {
    sqlite::statement look(
        file, "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'recorder'");
    if (!look.step()) return {};
  }
  recorder_facts facts;
  {
    sqlite::statement select(
        file, "SELECT seconds, refused_events, mms, incomplete_mms, deduced_frees FROM recorder");
    if (!select.step()) return {};
    facts.seconds = select.real(0);
    facts.refused_events = select.integer(1);
    facts.mms = select.integer(2);
    facts.incomplete_mms = select.integer(3);
    facts.deduced_frees = select.integer(4);
  }
  sqlite::statement cpus(
      file, "SELECT cpu, lazy_borrows, lazy_returns, ring_lost FROM recorder_cpu ORDER BY cpu");
  while (cpus.step()) {
    facts.cpus.push_back({cpus.integer(0), cpus.integer(1), cpus.integer(2), cpus.integer(3)});
  }
  sqlite::statement tracepoints(
      file,
      "SELECT tracepoint, recursion_misses, runs, run_ns FROM recorder_tracepoint ORDER BY rowid");
  while (tracepoints.step()) {
    facts.tracepoints.push_back({tracepoints.text(0), tracepoints.integer(1),
                                 tracepoints.integer(2), tracepoints.integer(3)});
  }
  sqlite::statement missing(file, "SELECT line FROM recorder_missing ORDER BY rowid");
  while (missing.step()) facts.missing.push_back(missing.text(0));
  sqlite::statement holders(
      file, "SELECT coalesce(name, 'not known'), count(*) FROM last_drop LEFT JOIN holder "
            "USING (holder) GROUP BY 1 ORDER BY 2 DESC, 1");
  while (holders.step()) facts.holders.push_back({holders.text(0), holders.integer(1)});
  return facts;
}

}  // namespace trefoil::lab
