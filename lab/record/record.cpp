// SPDX-License-Identifier: Apache-2.0
#include "lab/record/record.hpp"

#include "lab/error.hpp"
#include "lab/limits.hpp"
#include "lab/record/bpf_programs.hpp"
#include "lab/record/children.hpp"
#include "lab/record/command.hpp"
#include "lab/record/kernel_features.hpp"
#include "lab/record/kernel_symbols.hpp"
#include "lab/record/machine_of.hpp"
#include "lab/record/privileges.hpp"
#include "lab/record/record_clock.hpp"
#include "lab/record/translator.hpp"
#include "lab/recording/writer.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <memory>
#include <sstream>
#include <string_view>
#include <sys/resource.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace trefoil::lab {

namespace {

using clock = std::chrono::steady_clock;

// The ring has room for what a busy machine tells in a second, so looking seldom is cheaper.
constexpr auto between_looks = std::chrono::milliseconds(20);
// The last drops of a program come after its end: idle CPUs and RCU callbacks take their time.
constexpr auto after_the_command = std::chrono::milliseconds(150);
constexpr auto patience_with_the_command = std::chrono::seconds(1);
constexpr auto patience_at_a_stop = std::chrono::seconds(5);
// Records wait in memory, as translating them would take processor time from what is recorded.
constexpr std::size_t most_pending = std::size_t{1} << 17;
// The ring (16 MiB, however many CPUs there are) and the kernel's tables of ours take 23 MiB; the kernel's types
// and symbols, read once, 26; what is pending, at most 18; SQLite and names, some.
constexpr std::uint64_t needed_memory = std::uint64_t{80} << 20;
constexpr rlim_t needed_descriptors = 96;  // programs, what attaches each, what counts its misses

// The programs know the slab's caches by the first free that they see in each: that of a process.
void show_the_caches() {
  const pid_t child = fork_for("a first look at the slab's caches");
  if (child == 0) ::_exit(0);
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {}
}

std::string described(const std::vector<std::string>& command) {
  if (command.empty()) return "this machine";
  std::ostringstream words;
  for (const std::string& one : command) words << (&one == &command.front() ? "" : " ") << one;
  return words.str();
}

class session {
 public:
  explicit session(const record_options& options)
      : options_(options),
        symbols_(kernel_symbols::of_this_kernel()),
        programs_(kernel_, {.leave_out = options.leave_out,
                            .slab = options.slab,
                            .preempt_count = symbols_.preempt_count()}),
        facts_(words_) {
    missing_ = programs_.missing();
    if (symbols_.empty()) {
      missing_.emplace_back(
          "/proc/kallsyms hides addresses, so not recorded: routes and holders of the rarer last "
          "drops (needs cap_syslog, or kernel.kptr_restrict=0 and kernel.perf_event_paranoid=1)");
    }
    const kernel_ways ways = ways_of(kernel_name_);
    if (!ways.frees_tasks_at_put) {
      missing_.emplace_back("PREEMPT_RT frees tasks later than it puts them, so not recorded: "
                            "task_free");
    }
    programs_.attach();
    ::setrlimit(RLIMIT_MEMLOCK, &locked_);
    if (programs_.has("kmem_cache_free")) show_the_caches();
    // Not before: the kernel gives up checking a program when a signal comes.
    children_.emplace();
    start_ns_ = clock_.now_ns();
    const std::optional<sudo_user> user = who_used_sudo();
    if (!options.command.empty())
      command_.emplace(*children_, options.command, user, options.command_to_stderr);
    if (user) become(*user);
    drop_capabilities();
    heed_a_stop();
    open_writer(user);
    tables_.emplace(writer_->database());
    translator_.emplace(words_, symbols_,
                        translator_options{.start_ns = start_ns_,
                                           .frees_mms_in_switch = ways.frees_mms_in_switch,
                                           .frees_tasks_at_put = ways.frees_tasks_at_put,
                                           .tells_victims = programs_.has("workqueue_queue_work"),
                                           .derives_files = !programs_.has("kmem_cache_free"),
                                           .has_exit_mmap = programs_.has("exit_mmap"),
                                           .counts_softirqs = ways.counts_softirqs,
                                           .in_hardirq = symbols_.hardirq_bits()},
                        [this](const event& e, const circumstances& around) { write(e, around); });
  }

  record_result run() {
    const auto begin = clock::now();
    // Without a command it records since it has attached, and a stop ends it whole.
    if (command_) {
      heed_a_stop();
      command_->let_go();
    }
    for (const std::string& line : missing_) say(line);
    watch(begin);
    const std::int64_t end_ns = clock_.now_ns();
    translator_->ends_at(end_ns);
    programs_.detach();
    look();
    // Of one that is over by now: how it takes being asked to end is not what was to be run.
    std::optional<int> status;
    if (command_) {
      status = command_->status();
      command_->send(SIGTERM);
    }
    record_result result = finish(static_cast<double>(end_ns - start_ns_) / 1e9);
    result.command_status = status;
    if (command_ && !command_->ends_within(patience_with_the_command)) {
      say("the command still runs, as process " + std::to_string(command_->pid()) +
          (::getpid() == 1
               ? "; it ends now, with this PID namespace, whose process 1 the recorder is"
               : ""));
    }
    return result;
  }

 private:
  void say(const std::string& line) const {
    if (options_.say) options_.say(line);
  }

  // Before there is anything to keep.
  void heed_a_stop() const {
    if (options_.stop && options_.stop({}).signal != 0) {
      throw error(fault::interrupted, options_.file + ": interrupted, nothing written");
    }
  }

  void open_writer(const std::optional<sudo_user>& user) {
    try {
      writer_.emplace(options_.file, words_, if_there::keep);
    } catch (const error& wrong) {
      if (!user) throw;
      throw error(wrong.whose(),
                  std::string(wrong.what()) + " (as " + user->name + ", who called sudo)");
    }
  }

  void look() {
    records_ +=
        programs_.consume([this](const raw_record& r, std::span<const std::uint64_t> stack) {
          translator_->add(r, stack);
        });
    if (translator_->pending() > most_pending) translator_->flush();
  }

  void watch(clock::time_point begin) {
    std::optional<clock::time_point> end;
    if (options_.seconds) {
      end = begin + std::chrono::duration_cast<clock::duration>(
                        std::chrono::duration<double>(*options_.seconds));
    }
    const auto not_after = [&end](clock::time_point t) { end = end ? std::min(*end, t) : t; };
    int heeded = 0;
    std::int64_t before = 0;
    auto told = begin;
    record_progress progress;
    while (!end || clock::now() < *end) {
      std::this_thread::sleep_for(between_looks);
      look();
      const auto now = clock::now();
      const bool over = now - told > std::chrono::milliseconds(500);
      if (over || told == begin) {
        progress.records_per_second = static_cast<double>(records_ - before) /
                                      std::chrono::duration<double>(now - told).count();
      }
      if (over) {
        before = records_;
        told = now;
      }
      progress.seconds = std::chrono::duration<double>(now - begin).count();
      progress.records = records_;
      progress.lost = programs_.lost();
      if (command_ && command_->status()) not_after(now + after_the_command);
      const stop_request asked = options_.stop ? options_.stop(progress) : stop_request{};
      if (asked.times == heeded) continue;
      not_after(now + heed(asked, heeded == 0));
      heeded = asked.times;
    }
  }

  // How long it still records.
  clock::duration heed(const stop_request& asked, bool first) {
    if (!command_) return {};
    if (command_->status()) return after_the_command;
    if (first) {
      if (!asked.from_terminal) command_->send(asked.signal);
      say("the command has 5 s to end; Ctrl-C kills it");
    } else if (asked.signal == SIGINT) {  // a person; whoever else asks twice may have meant once
      command_->send(SIGKILL);
    }
    return patience_at_a_stop;
  }

  void write(const event& e, const circumstances& around) {
    facts_.observe(e);
    writer_->append(e);
    if (e.kind == event_kind::mm_free) {
      tables_->last_drop(writer_->size(), around.holder, around.stack, around.preempt_count);
    }
    if (around.page_table_bytes >= 0)
      tables_->page_tables(writer_->size(), around.page_table_bytes);
  }

  record_result finish(double seconds) {
    translator_->flush(true);
    translator_->finish();
    record_result result;
    result.events = writer_->size();
    recorder_facts& facts = result.facts;
    facts.seconds = seconds;
    facts.refused_events = translator_->figures().refused;
    facts.mms = translator_->figures().mms;
    facts.incomplete_mms = translator_->figures().incomplete_mms;
    facts.deduced_frees = translator_->figures().deduced_frees;
    facts.missing = missing_;
    std::int64_t number = 0;
    for (const raw_cpu& one : programs_.cpus()) {
      facts.cpus.push_back({number++, static_cast<std::int64_t>(one.lazy_borrows),
                            static_cast<std::int64_t>(one.lazy_returns),
                            static_cast<std::int64_t>(one.lost)});
    }
    for (const program_figures& one : programs_.programs()) {
      facts.tracepoints.push_back({one.tracepoint, one.recursion_misses, one.runs, one.run_ns});
    }
    tables_->finish(facts);
    tables_.reset();
    result.machine = machine_of(kernel_name_, kernel_, facts_, described(options_.command));
    result.machine.lost_events = facts.ring_lost();
    result.older = writer_->finish(result.machine);
    return result;
  }

  static rlimit locked_memory() {
    rlimit now{};
    ::getrlimit(RLIMIT_MEMLOCK, &now);
    return now;
  }

  const record_options& options_;
  const rlimit locked_ =
      locked_memory();  // libbpf raises it, and the command is to have it as it was
  record_clock clock_;
  kernel_features kernel_;
  kernel_name kernel_name_ = kernel_name::of_this_kernel();
  kernel_symbols symbols_;
  bpf_programs programs_;
  std::vector<std::string> missing_;
  names words_;
  deduction facts_;
  std::int64_t start_ns_ = 0;
  std::int64_t records_ = 0;
  std::optional<children> children_;
  std::optional<command> command_;
  std::optional<recording_writer> writer_;
  std::optional<recorder_tables> tables_;  // after writer_: it uses its file
  std::optional<translator> translator_;
};

}  // namespace

record_result record(const record_options& options) {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < needed_descriptors) {
    throw error(fault::input, "record: it has " + std::to_string(needed_descriptors) +
                                  " files open at once, and may have " +
                                  std::to_string(files.rlim_cur) + "; see ulimit -n");
  }
  require_memory("record", needed_memory);
  const std::vector<std::string_view> known = watched_tracepoints();
  for (const std::string& name : options.leave_out) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    std::string line =
        "record: nothing is hooked to '" + name + "' that could be left out; there are";
    for (const std::string_view one : known) line.append(" ").append(one);
    throw error(fault::input, line);
  }
  session all(options);
  return all.run();
}

}  // namespace trefoil::lab
