// SPDX-License-Identifier: Apache-2.0
// What a recorder knows beyond the events: tables that a reader of events can do without. A recording
// that was imported has none of them.
#ifndef TREFOIL_LAB_RECORDING_RECORDER_TABLES_HPP
#define TREFOIL_LAB_RECORDING_RECORDER_TABLES_HPP

#include "lab/recording/sqlite.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace trefoil::lab {

struct cpu_figures {
  std::int64_t cpu = 0;
  std::int64_t lazy_borrows = 0;  // switches from a task with a living mm to a kernel task
  std::int64_t lazy_returns = 0;
  std::int64_t ring_lost = 0;
};

struct tracepoint_figures {
  std::string tracepoint;
  std::int64_t recursion_misses = 0;
  std::int64_t runs = 0;  // these two where the kernel was told to count them, else 0
  std::int64_t run_ns = 0;
};

struct holder_figures {
  std::string holder;
  std::int64_t last_drops = 0;
};

struct recorder_facts {
  double seconds = 0;
  std::int64_t refused_events = 0;  // contradicted by earlier ones, so left out: something was lost
  std::int64_t mms = 0;
  std::int64_t incomplete_mms = 0;
  std::int64_t deduced_frees = 0;  // mm_frees that no tracepoint told of, but the last drop before
  std::vector<cpu_figures> cpus;
  std::vector<tracepoint_figures> tracepoints;
  std::vector<std::string> missing;     // what this kernel does not tell
  std::vector<holder_figures> holders;  // of the last drops

  std::int64_t ring_lost() const noexcept;
  std::int64_t recursion_misses() const noexcept;
};

class recorder_tables {
 public:
  explicit recorder_tables(const sqlite::database& file);

  // Of the event in that row.
  void last_drop(std::int64_t event, std::string_view holder, std::string_view stack,
                 std::int64_t preempt_count);
  void page_tables(std::int64_t event, std::int64_t bytes);

  // The rest; fills in what was counted here. The file may be closed when this has been destroyed.
  void finish(recorder_facts& facts);

 private:
  std::int64_t number_of(std::map<std::string, std::int64_t, std::less<>>& all,
                         std::string_view text);
  template <class Rows, class Bind>
  void insert_each(const char* sql, const Rows& rows, Bind bind);

  const sqlite::database* file_;
  sqlite::statement insert_drop_;
  sqlite::statement insert_bytes_;
  std::map<std::string, std::int64_t, std::less<>> holders_;
  std::map<std::string, std::int64_t, std::less<>> stacks_;
  std::map<std::int64_t, std::int64_t> drops_;  // by holder; -1: not known
};

// Empty if the file has no such tables.
std::optional<recorder_facts> read_recorder_facts(const sqlite::database& file);

}  // namespace trefoil::lab

#endif
