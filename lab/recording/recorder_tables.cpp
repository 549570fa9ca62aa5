// SPDX-License-Identifier: Apache-2.0
#include "lab/recording/recorder_tables.hpp"

#include "lab/recording/most.hpp"
#include "lab/recording/table_rows.hpp"

#include <algorithm>
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

const sqlite::database& with_tables(const sqlite::database& file) {
  file.run(create);
  return file;
}

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

recorder_tables::recorder_tables(const sqlite::database& file)
    : file_(&with_tables(file)),
      insert_drop_(file, "INSERT INTO last_drop VALUES (?, ?, ?, ?)"),
      insert_bytes_(file, "INSERT INTO page_tables VALUES (?, ?)") {}

std::int64_t recorder_tables::number_of(std::map<std::string, std::int64_t, std::less<>>& all,
                                        std::string_view text) {
  const auto known = all.find(text);
  if (known != all.end()) return known->second;
  return all.emplace(text, static_cast<std::int64_t>(all.size())).first->second;
}

void recorder_tables::last_drop(std::int64_t event, std::string_view holder, std::string_view stack,
                                std::int64_t preempt_count) {
  insert_drop_.bind(1, event);
  std::int64_t number = -1;
  if (holder.empty()) {
    insert_drop_.bind_null(2);
  } else {
    number = number_of(holders_, holder);
    insert_drop_.bind(2, number);
  }
  if (stack.empty()) {
    insert_drop_.bind_null(3);
  } else {
    insert_drop_.bind(3, number_of(stacks_, stack));
  }
  if (preempt_count < 0) {
    insert_drop_.bind_null(4);
  } else {
    insert_drop_.bind(4, preempt_count);
  }
  insert_drop_.execute();
  ++drops_[number];
}

void recorder_tables::page_tables(std::int64_t event, std::int64_t bytes) {
  insert_bytes_.bind(1, event);
  insert_bytes_.bind(2, bytes);
  insert_bytes_.execute();
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

namespace {

// Streamed, and counted here: SQLite would sort all last drops for it.
std::vector<holder_figures> read_holders(const sqlite::database& file) {
  std::vector<holder_figures> all;
  table_rows names(file, "holder", {"holder", "name"}, most::lines);
  while (names.next()) {
    if (names.number() != static_cast<std::int64_t>(all.size())) names.refuse("is out of place");
    all.push_back({names.text(1, most::text_bytes), 0});
  }
  const std::size_t unknown = all.size();
  all.push_back({std::string(unknown_holder), 0});
  table_rows drops(file, "last_drop", {"event", "holder"}, table_rows::most_number);
  while (drops.next()) {
    const bool known = !drops.is_null(1);
    const auto last = static_cast<std::int64_t>(unknown) - 1;
    ++all[known ? static_cast<std::size_t>(drops.integer(1, 0, last)) : unknown].last_drops;
  }
  std::erase_if(all, [](const holder_figures& one) { return one.last_drops == 0; });
  std::sort(all.begin(), all.end(), [](const holder_figures& a, const holder_figures& b) {
    return a.last_drops != b.last_drops ? a.last_drops > b.last_drops : a.holder < b.holder;
  });
  return all;
}

}  // namespace

std::optional<recorder_facts> read_recorder_facts(const sqlite::database& file) {
  if (!table_rows::exist(file, "recorder")) return {};
  recorder_facts facts;
  table_rows recorder(
      file, "recorder",
      {"only_row", "seconds", "refused_events", "mms", "incomplete_mms", "deduced_frees"}, 1);
  if (!recorder.next()) return {};
  facts.seconds = recorder.seconds(1);
  facts.refused_events = recorder.integer(2);
  facts.mms = recorder.integer(3);
  facts.incomplete_mms = recorder.integer(4);
  facts.deduced_frees = recorder.integer(5);
  recorder.next();  // refuses a second one

  const auto figure = [](const table_rows& of, int column) {
    return of.integer(column, 0, most::figure);
  };
  table_rows cpus(file, "recorder_cpu", {"cpu", "lazy_borrows", "lazy_returns", "ring_lost"},
                  most::cpu + 1);
  while (cpus.next()) {
    facts.cpus.push_back(
        {cpus.integer(0, 0, most::cpu), figure(cpus, 1), figure(cpus, 2), figure(cpus, 3)});
  }
  table_rows tracepoints(file, "recorder_tracepoint",
                         {"rowid", "tracepoint", "recursion_misses", "runs", "run_ns"},
                         most::lines);
  while (tracepoints.next()) {
    facts.tracepoints.push_back({tracepoints.text(1, most::text_bytes), figure(tracepoints, 2),
                                 tracepoints.integer(3), tracepoints.integer(4)});
  }
  table_rows missing(file, "recorder_missing", {"rowid", "line"}, most::lines);
  while (missing.next()) facts.missing.push_back(missing.text(1, most::text_bytes));
  facts.holders = read_holders(file);
  return facts;
}

}  // namespace trefoil::lab
