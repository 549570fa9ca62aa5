// SPDX-License-Identifier: Apache-2.0
#include "lab/record/bpf_programs.hpp"

#include "lab/descriptor.hpp"
#include "lab/error.hpp"
#include "lab/record/kernel_features.hpp"
#include "lab/record/privileges.hpp"
#include "recorder.skel.h"

#include <algorithm>
#include <array>
#include <bpf/libbpf.h>
#include <cerrno>
#include <charconv>
#include <cstdarg>
#include <cstdio>
#include <fcntl.h>
#include <string_view>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace trefoil::lab {

namespace {

// Programs by the tracepoint they are for, and what is not recorded without it.
struct need {
  std::string_view tracepoint;
  std::string_view lost;
};
constexpr std::array needs{
    need{"sched_process_fork", "forks"},
    need{"sched_process_exec", "execs"},
    need{"sched_prepare_exec", "prep_exec (the births of programs are told late)"},
    need{"sched_process_exit", "task_exit, files_free"},
    need{"sched_process_free", "rcu_put, task_free"},
    need{"sched_switch", "dead_borrow, dead_drop, counts of lazy CPUs"},
    need{"mmap_lock_released", "exit_mm"},
    need{"exit_mmap", "exit_mmap (so a replay has no truth to check; mm_free by the slab's)"},
    need{"mark_victim", "oom"},
    need{"signal_generate", "files_free as early as it might be"},
    need{"task_newtask", "task_alloc of io_uring's threads"},
    need{"percpu_alloc_percpu", "when an mm is allocated (told at its first holder)"},
    need{"percpu_free_percpu", "mm_free"},
    need{"kmem_cache_free", "mm_free, files_free, sighand_free"},
};

constexpr std::string_view tracepoint_prefix = "tp_btf/";
constexpr std::string_view raw_prefix = "raw_tp/";

std::string_view tracepoint_of(const bpf_program* program) {
  std::string_view section = bpf_program__section_name(program);
  for (const std::string_view prefix : {tracepoint_prefix, raw_prefix}) {
    if (section.starts_with(prefix)) section.remove_prefix(prefix.size());
  }
  return section;
}

// What libbpf says goes nowhere: the caller makes one line of the error.
int be_silent(libbpf_print_level, const char*, va_list) { return 0; }

[[noreturn]] void fail_to_load(int code) {
  // A verifier that refuses a program says EACCES, too.
  if (code == EPERM || (code == EACCES && !may_load_programs())) {
    throw error(fault::input,
                "record: no permission to load programs into the kernel; run it with sudo, or give "
                "the tool what it needs: setcap cap_bpf,cap_perfmon,cap_syslog+ep trefoil");
  }
  if (code == ENOSYS) {
    throw error(fault::input, "record: this kernel has no bpf() system call; it has to be built "
                              "with CONFIG_BPF_SYSCALL");
  }
  throw error(fault::input, "record: the kernel does not accept the recorder's programs: " +
                                std::generic_category().message(code) +
                                "; please report the kernel's version");
}

// 0 if it is not there.
std::int64_t number_behind(std::string_view key, std::string_view text) {
  const std::size_t at = text.find(key);
  std::int64_t number = 0;
  if (at != std::string_view::npos) {
    std::from_chars(text.data() + at + key.size(), text.data() + text.size(), number);
  }
  return number;
}

// Facts about a program that the kernel writes afresh whenever it is read. Opened early: it needs no
// privileges then, and no system call that might be closed to whoever has none.
program_figures figures_of(const std::string& tracepoint, int fdinfo) {
  std::array<char, 1024> text{};
  const ssize_t got = ::pread(fdinfo, text.data(), text.size(), 0);
  const std::string_view all(text.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
  return {.tracepoint = tracepoint,
          .recursion_misses = number_behind("recursion_misses:\t", all),
          .runs = number_behind("run_cnt:\t", all),
          .run_ns = number_behind("run_time_ns:\t", all)};
}

}  // namespace

struct bpf_programs::parts {
  struct closer {
    void operator()(recorder_bpf* loaded) const noexcept { recorder_bpf::destroy(loaded); }
    void operator()(ring_buffer* shared) const noexcept { ring_buffer__free(shared); }
  };
  struct watched {
    std::string tracepoint;
    descriptor fdinfo;
  };
  std::unique_ptr<recorder_bpf, closer> all;
  std::unique_ptr<ring_buffer, closer> ring;
  std::vector<watched> programs;
  const sink* to = nullptr;

  static int take(void* self, void* data, std::size_t bytes) {
    const auto* const record = static_cast<const raw_record*>(data);
    const auto* const whole = static_cast<const raw_record_with_stack*>(data);
    std::span<const std::uint64_t> stack;
    if (bytes >= sizeof *whole && record->frames <= raw_stack_depth) {
      stack = {reinterpret_cast<const std::uint64_t*>(whole->stack), record->frames};
    }
    (*static_cast<parts*>(self)->to)(*record, stack);
    return 0;
  }
};

bpf_programs::bpf_programs(const kernel_features& kernel, const bpf_options& options)
    : parts_(std::make_unique<parts>()) {
  libbpf_set_print(be_silent);
  parts_->all.reset(recorder_bpf::open());
  if (!parts_->all) fail_to_load(errno);

  const auto offered = [&](std::string_view tracepoint) {
    const bool left_out = std::find(options.leave_out.begin(), options.leave_out.end(),
                                    tracepoint) != options.leave_out.end();
    if (left_out || !kernel.has_tracepoint(std::string(tracepoint))) return false;
    // Before Linux 6.9 it tells the pid alone.
    return tracepoint != "mark_victim" || kernel.tracepoint_takes("mark_victim", 0, "task_struct");
  };
  // Whose counters they are is learned when its mappings go.
  const bool by_counters =
      kernel.mm_has_counters() && offered("percpu_free_percpu") && offered("exit_mmap");
  const bool slab = options.slab || !by_counters;
  parts_->all->rodata->by_counters = by_counters;
  parts_->all->rodata->has_prepare_exec = offered("sched_prepare_exec");
  parts_->all->rodata->free_tells_cache =
      kernel.tracepoint_takes("kmem_cache_free", 2, "kmem_cache");

  const auto wanted = [&](std::string_view tracepoint) {
    if (tracepoint.starts_with("kmem_cache_")) return slab;
    if (tracepoint.starts_with("percpu_")) return by_counters;
    return true;
  };
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, parts_->all->obj) {
    const std::string_view tracepoint = tracepoint_of(program);
    bpf_program__set_autoload(program, wanted(tracepoint) && offered(tracepoint));
  }
  for (const need& one : needs) {
    if (wanted(one.tracepoint) && !offered(one.tracepoint)) {
      missing_.push_back("no tracepoint " + std::string(one.tracepoint) +
                         " here, so not recorded: " + std::string(one.lost));
    }
  }
  if (!slab) {
    missing_.emplace_back(
        "sighand_free is not recorded, files_free when a task is gone: --slab has both, "
        "and costs more");
  }

  if (const int wrong = recorder_bpf::load(parts_->all.get()); wrong != 0) fail_to_load(-wrong);
  parts_->ring.reset(
      ring_buffer__new(bpf_map__fd(parts_->all->maps.ring), parts::take, parts_.get(), nullptr));
  if (!parts_->ring) fail_to_load(errno);
  bpf_object__for_each_program(program, parts_->all->obj) {
    if (const int fd = bpf_program__fd(program); fd >= 0) {
      const std::string path = "/proc/self/fdinfo/" + std::to_string(fd);
      descriptor fdinfo(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
      if (fdinfo.get() < 0) {
        throw error(fault::input, "record: " + path + ": " +
                                      std::generic_category().message(errno) +
                                      "; without it recursion misses would go unseen: mount /proc");
      }
      parts_->programs.push_back({std::string(tracepoint_of(program)), std::move(fdinfo)});
    }
  }
}

bpf_programs::~bpf_programs() = default;

bool bpf_programs::has(const std::string& tracepoint) const {
  return std::any_of(parts_->programs.begin(), parts_->programs.end(),
                     [&](const auto& one) { return one.tracepoint == tracepoint; });
}

void bpf_programs::attach() {
  if (const int wrong = recorder_bpf::attach(parts_->all.get()); wrong != 0) fail_to_load(-wrong);
}

void bpf_programs::detach() { recorder_bpf::detach(parts_->all.get()); }

std::int64_t bpf_programs::consume(const sink& to) {
  parts_->to = &to;
  const int got = ring_buffer__consume(parts_->ring.get());
  return got > 0 ? got : 0;
}

std::vector<program_figures> bpf_programs::programs() const {
  std::vector<program_figures> all;
  for (const auto& one : parts_->programs) {
    all.push_back(figures_of(one.tracepoint, one.fdinfo.get()));
  }
  return all;
}

std::span<const raw_cpu> bpf_programs::cpus() const {
  const auto possible = static_cast<std::size_t>(std::max(libbpf_num_possible_cpus(), 1));
  return {parts_->all->bss->cpus, std::min<std::size_t>(possible, raw_most_cpus)};
}

std::int64_t bpf_programs::lost() const {
  std::int64_t all = 0;
  for (const raw_cpu& one : cpus()) all += static_cast<std::int64_t>(one.lost);
  return all;
}

}  // namespace trefoil::lab
