// SPDX-License-Identifier: Apache-2.0
#include "lab/record/record.hpp"
#include "tools/trefoil/commands.hpp"
#include "tools/trefoil/json.hpp"
#include "tools/trefoil/status_line.hpp"
#include "tools/trefoil/stop.hpp"
#include "tools/trefoil/to_people.hpp"
#include "tools/trefoil/usage.hpp"
#include "tools/trefoil/words.hpp"

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <fmt/core.h>
#include <memory>
#include <string>
#include <vector>

namespace trefoil::tool {

namespace {

struct record_arguments {
  lab::record_options options;
  double seconds = 0;
  bool as_json = false;
};

constexpr const char* record_examples = R"(
Records the whole machine, not COMMAND alone, until COMMAND has ended, SECONDS are over or Ctrl-C. The
file is whole then; before, there is none. COMMAND runs as the user who called sudo. After SECONDS it is
asked to end (SIGTERM). At Ctrl-C it has 5 s to end; a second Ctrl-C kills it, not the recording.

Needs CAP_BPF and CAP_PERFMON (sudo has them) and a kernel with BTF; gives them up once it has begun.
Takes 80 MiB of memory, the kernel's part included, and 96 open files.
The exit status is that of COMMAND, if it was over when the recording ended.

Examples:
  sudo trefoil record -o build.trefoil -- make -j4
  sudo trefoil record -d 10 --json | jq .lost
)";

void show(status_line& line, const lab::record_progress& now) {
  if (!line.due()) return;
  line.show(fmt::format("record {:.0f} s, {} records, {:.0f} records/s, {} lost", now.seconds,
                        now.records, now.records_per_second, now.lost));
}

double share(std::int64_t part, std::int64_t all) {
  return all == 0 ? 0 : static_cast<double>(part) / static_cast<double>(all);
}

double per_second(const lab::record_result& r) {
  return r.facts.seconds > 0 ? static_cast<double>(r.events) / r.facts.seconds : 0;
}

json result_json(const std::string& file, const lab::record_result& r) {
  json out = {{"file", file}, {"events", r.events}, {"events_per_second", per_second(r)}};
  out.update(recorder_json(r.facts));
  out["machine"] = machine_json(r.machine);
  out["command_status"] = r.command_status ? json(*r.command_status) : json(nullptr);
  return out;
}

void tell(const std::string& file, const lab::record_result& r) {
  const lab::recorder_facts& f = r.facts;
  to_people("{}: {} events in {:.1f} s, {:.0f} events/s\n", file, r.events, f.seconds,
            per_second(r));
  to_people("  lost: {} in the ring, {} recursion misses, {} events refused\n", f.ring_lost(),
            f.recursion_misses(), f.refused_events);
  to_people("  mms: {}, incomplete {} ({:.2f} %), ends deduced {}\n", f.mms, f.incomplete_mms,
            100 * share(f.incomplete_mms, f.mms), f.deduced_frees);
}

void run(record_arguments given) {
  if (given.seconds > 0) given.options.seconds = given.seconds;
  status_line line;
  given.options.stop = [&](const lab::record_progress& now) {
    show(line, now);
    return lab::stop_request{stop_signal(), stop_count(), stopped_by_terminal()};
  };
  given.options.say = [&](const std::string& what) {
    line.wipe();
    to_people("record: {}\n", what);
  };
  outlive_stops();
  std::signal(SIGPIPE, SIG_IGN);  // who reads what it says may go away before it ends
  const lab::record_result result = lab::record(given.options);
  line.wipe();
  if (!result.older.empty()) {
    given.options.say(given.options.file + " was there: that is " + result.older + " now");
  }
  tell(given.options.file, result);
  if (given.as_json) print_json(result_json(given.options.file, result));
  // A whole recording of a program that failed: the program's own status says so.
  if (result.command_status.value_or(0) != 0) {
    std::fflush(stdout);
    throw CLI::RuntimeError(*result.command_status);
  }
}

}  // namespace

void add_record(CLI::App& app) {
  auto given = std::make_shared<record_arguments>();
  given->options.file = "recording.trefoil";
  CLI::App* command = app.add_subcommand("record", "Record this machine (needs privileges)");
  command
      ->add_option("-o,--output", given->options.file,
                   "the recording to write; what is there becomes FILE.old")
      ->type_name("FILE")
      ->capture_default_str();
  command->add_option("-d,--duration", given->seconds, "end after that many seconds")
      ->type_name("SECONDS")
      ->check(number(0.01, 1e7));
  command->add_flag(
      "--slab", given->options.slab,
      "watch the slab allocator too: exact ends of open files, at a price on servers");
  command
      ->add_option("--leave-out", given->options.leave_out,
                   "do without this tracepoint, as on a kernel that lacks it (may be repeated)")
      ->type_name("TRACEPOINT")
      ->allow_extra_args(false);
  command->add_flag("--json", given->as_json,
                    "what was recorded, as JSON; COMMAND's stdout is its stderr then");
  command->add_option("COMMAND", given->options.command, "the program to run, after --");
  command->positionals_at_end();
  command->footer(record_examples);
  command->callback([given] {
    given->options.command_to_stderr = given->as_json;
    run(*given);
  });
}

}  // namespace trefoil::tool
