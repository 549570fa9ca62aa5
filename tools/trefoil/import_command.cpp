// SPDX-License-Identifier: Apache-2.0
#include "tools/trefoil/commands.hpp"

#include "lab/limits.hpp"
#include "lab/recording/most.hpp"
#include "lab/tsv/import.hpp"
#include "tools/trefoil/progress.hpp"
#include "tools/trefoil/stop.hpp"
#include "tools/trefoil/to_people.hpp"
#include "tools/trefoil/usage.hpp"
#include "tools/trefoil/words.hpp"

#include <cstdint>
#include <fmt/core.h>
#include <memory>
#include <string>

namespace trefoil::tool {

namespace {

struct import_arguments {
  std::string from;
  std::string to;
  std::string kernel;
  bool preempt_rt = false;
  std::string task_exit;
  std::string fails_open;
  std::int64_t repeat = 1;
  bool rt_given = false;
  bool force = false;
};

constexpr const char* import_examples = R"(
What is not stated is deduced from the events where they show it, and said.

Examples:
  trefoil import fork.tsv.gz -o fork.trefoil
  trefoil import rt.tsv.gz -o rt.trefoil --kernel 6.12.43 --preempt-rt --exit-event after
  trefoil import fork.tsv.gz -o long.trefoil --repeat 1000
)";

void run(const import_arguments& given) {
  lab::require_memory("import", std::uint64_t{8} << 20);
  lab::import_options options;
  if (!given.kernel.empty()) options.stated.kernel = given.kernel;
  if (given.rt_given) options.stated.preempt_rt = given.preempt_rt;
  if (!given.task_exit.empty()) {
    options.stated.task_exit =
        given.task_exit == "before" ? lab::exit_event::before : lab::exit_event::after;
  }
  if (!given.fails_open.empty()) options.stated.fails_open = given.fails_open == "yes";
  options.repeat = given.repeat;
  options.existing = given.force ? lab::if_there::replace : lab::if_there::refuse;

  lab::imported result;
  {
    progress bar("import");
    options.go_on = [&](double done) {
      bar.show(done);
      return stop_signal() == 0;
    };
    result = lab::import_tsv(given.from, given.to, options);
  }
  to_people("{}: {} events\n", given.to, result.events);
  as_far_as_it_goes([&] {
    for (const fact_line& line : to_lines(result.machine)) {
      to_people("  {:<26} {}{}\n", line.name, line.value,
                line.how.empty() ? "" : " (" + line.how + ")");
    }
  });
}

}  // namespace

void add_import(CLI::App& app) {
  auto given = std::make_shared<import_arguments>();
  CLI::App* command = app.add_subcommand("import", "Make a recording of its text form");
  command->add_option("IN", given->from, "events as .tsv or .tsv.gz")->required();
  command->add_option("-o,--output", given->to, "the recording to write")->required();
  command->add_flag("-f,--force", given->force, "replace a file that has the name already");
  command->add_option("--kernel", given->kernel, "its release, as far as known: 6.18, 6.12.43");
  CLI::Option* rt =
      command->add_flag("--preempt-rt,!--no-preempt-rt", given->preempt_rt,
                        "the kernel is PREEMPT_RT, or is not (deduced from the last drops)");
  command
      ->add_option("--exit-event", given->task_exit,
                   "task_exit fires before or after exit_mm (deduced from the exits)")
      ->check(one_of({"before", "after"}));
  command
      ->add_option("--fails-open", given->fails_open,
                   "the ptrace access check passes where the mm is gone (deduced from --kernel)")
      ->check(one_of({"yes", "no"}));
  command->add_option("--repeat", given->repeat, "write it N times, one after the other")
      ->type_name("N")
      ->check(whole_number(1, std::uint64_t{lab::most::segments}));
  command->footer(import_examples);
  command->callback([given, rt] {
    given->rt_given = rt->count() != 0;
    run(*given);
  });
}

}  // namespace trefoil::tool
