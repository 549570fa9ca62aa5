// SPDX-License-Identifier: Apache-2.0
#include "lab/record/bpf_programs.hpp"

#include "lab/descriptor.hpp"
#include "lab/error.hpp"
#include "lab/limits.hpp"
#include "lab/record/kernel_features.hpp"
#include "lab/record/privileges.hpp"
#include "lab/system_reason.hpp"
#include "recorder.skel.h"
#include "recorder_pcpu_hot.skel.h"
#include "recorder_preempt_count.skel.h"

#include <algorithm>
#include <array>
#include <bpf/libbpf.h>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <string_view>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace trefoil::lab {

namespace {

constexpr std::string_view tracepoint_prefix = "tp_btf/";
constexpr std::string_view raw_prefix = "raw_tp/";

std::string_view tracepoint_of(const bpf_program* program) {
  std::string_view section = bpf_program__section_name(program);
  for (const std::string_view prefix : {tracepoint_prefix, raw_prefix}) {
    if (section.starts_with(prefix)) section.remove_prefix(prefix.size());
  }
  return section;
}

// Of this process or of this machine: no kernel's fault.
bool is_own_limit(int code) { return code == EMFILE || code == ENFILE || code == ENOMEM; }

[[noreturn]] void fail_at_limit(int code) {
  std::string hint = limit_hint(code);
  if (hint.empty()) hint = "; perhaps a control group that is not seen from here leaves too little";
  throw error(fault::input, "record: cannot load its programs into the kernel: " +
                                std::generic_category().message(code) + hint);
}

// libbpf has numbers of its own beside those of the system.
std::string meaning_of(int code) {
  std::array<char, 128> text{};
  static_cast<void>(::libbpf_strerror(code, text.data(), text.size()));
  return text.data();
}

[[noreturn]] void fail_to_load(int code, const program_choice& chosen) {
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
  if (is_own_limit(code)) fail_at_limit(code);
  // libbpf has not found the kernel's types, which have been read before: no room for them twice.
  if (code == ESRCH) fail_at_limit(ENOMEM);
  const auto& refused = chosen.refused();
  throw error(fault::input,
              "record: this kernel does not accept the recorder's programs: " +
                  (refused.empty() ? meaning_of(code)
                                   : refused.front().tracepoint + ": " + refused.front().reason) +
                  "; it takes Linux 5.15 or later (if this is one, please report it)");
}

// Where the verifier tells why it does not accept a program: written to then alone.
class verifier_logs {
 public:
  void give(bpf_program* program) {
    auto& log = logs_.emplace_back(program, std::make_unique_for_overwrite<char[]>(bytes));
    log.second[0] = '\0';
    bpf_program__set_log_buf(program, log.second.get(), bytes);
  }
  std::optional<refusal> found() const {
    for (const auto& [program, text] : logs_) {
      if (text[0] == '\0') continue;
      const std::string_view all(text.get(), ::strnlen(text.get(), bytes));
      return refusal{std::string(tracepoint_of(program)), reason_in(all)};
    }
    return {};
  }

 private:
  static constexpr std::size_t bytes = std::size_t{1} << 20;
  std::vector<std::pair<bpf_program*, std::unique_ptr<char[]>>> logs_;
};

// Written afresh by the kernel whenever it is read. Opened early: it needs no privileges then, and no
// system call that might be closed to whoever has none.
program_figures figures_of(const std::string& tracepoint, int fdinfo) {
  std::array<char, 1024> text{};
  const ssize_t got = ::pread(fdinfo, text.data(), text.size(), 0);
  return figures_in({text.data(), got > 0 ? static_cast<std::size_t>(got) : 0}, tracepoint);
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
  using object = std::unique_ptr<recorder_bpf, closer>;
  object all;
  std::unique_ptr<ring_buffer, closer> ring;
  std::vector<watched> programs;
  const sink* to = nullptr;

  static object open(preempt_count_in where);
  static object load(program_choice& chosen, std::uint32_t ring_bytes);
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

// One skeleton does for all three objects: what differs between them is in no map and in no name.
bpf_programs::parts::object bpf_programs::parts::open(preempt_count_in where) {
  object all(static_cast<recorder_bpf*>(std::calloc(1, sizeof(recorder_bpf))));
  if (!all || recorder_bpf__create_skeleton(all.get()) != 0) return nullptr;
  bpf_object_skeleton& skeleton = *all->skeleton;
  const auto bytes_of = [&](const void* (*elf)(std::size_t*)) {
    return const_cast<void*>(elf(&skeleton.data_sz));
  };
  if (where == preempt_count_in::own_variable) {
    skeleton.data = bytes_of(recorder_preempt_count_bpf__elf_bytes);
  } else if (where == preempt_count_in::pcpu_hot) {
    skeleton.data = bytes_of(recorder_pcpu_hot_bpf__elf_bytes);
  }
  return bpf_object__open_skeleton(&skeleton, nullptr) == 0 ? std::move(all) : nullptr;
}

// Null: not this choice, which does without something more now.
bpf_programs::parts::object bpf_programs::parts::load(program_choice& chosen,
                                                      std::uint32_t ring_bytes) {
  object all = open(chosen.preempt_count());
  if (!all) fail_to_load(errno, chosen);
  if (ring_bytes != 0) bpf_map__set_max_entries(all->maps.ring, ring_bytes);
  all->rodata->by_counters = chosen.by_counters();
  all->rodata->has_prepare_exec = chosen.has_prepare_exec();
  all->rodata->free_tells_cache = chosen.free_tells_cache();
  all->rodata->has_user_workers = chosen.has_user_workers();
  verifier_logs logs;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, all->obj) {
    const bool loads = chosen.loads(tracepoint_of(program));
    bpf_program__set_autoload(program, loads);
    if (loads) logs.give(program);
  }
  const int wrong = recorder_bpf::load(all.get());
  if (wrong == 0) {
    // libbpf asks the kernel whether counters can be mapped, and takes a lack of memory for a no.
    if (all->bss == nullptr || all->rodata == nullptr) fail_at_limit(ENOMEM);
    return all;
  }
  const std::optional<refusal> refused = logs.found();
  // No program's fault: only the preempt count may be that of a kernel whose types do not tell of it.
  const bool counts = chosen.preempt_count() != preempt_count_in::nowhere;
  if (!may_load_programs() || (!refused && !counts)) fail_to_load(-wrong, chosen);
  chosen.refuse(refused.value_or(refusal{}));
  if (chosen.hopeless()) fail_to_load(-wrong, chosen);
  return nullptr;
}

bpf_programs::bpf_programs(const kernel_features& kernel, const program_options& options)
    : parts_(std::make_unique<parts>()) {
  program_choice chosen(kernel, options);
  while (!parts_->all) parts_->all = parts::load(chosen, options.ring_bytes);
  missing_ = chosen.missing();
  parts_->ring.reset(
      ring_buffer__new(bpf_map__fd(parts_->all->maps.ring), parts::take, parts_.get(), nullptr));
  if (!parts_->ring) fail_to_load(errno, chosen);
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, parts_->all->obj) {
    if (const int fd = bpf_program__fd(program); fd >= 0) {
      const std::string path = "/proc/self/fdinfo/" + std::to_string(fd);
      descriptor fdinfo(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
      if (fdinfo.get() < 0) {
        if (is_own_limit(errno)) fail_at_limit(errno);
        throw error(fault::input, "record: " + path + ": " + system_reason(errno) +
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
  if (const int wrong = recorder_bpf::attach(parts_->all.get()); wrong != 0) {
    throw error(fault::input,
                "record: cannot attach to the kernel's tracepoints: " + system_reason(-wrong));
  }
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

}  // namespace trefoil::lab
