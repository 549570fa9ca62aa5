// SPDX-License-Identifier: Apache-2.0
#include "lab/limits.hpp"

#include "lab/error.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <linux/capability.h>
#include <new>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace trefoil::lab {

namespace {

// Given back where memory is out: to find out why, and to say so, takes some.
std::atomic<char*> for_last_words{new (std::nothrow) char[std::size_t{96} << 10]};

// None: no such file, or "max".
std::optional<std::uint64_t> number_in(const std::string& file) {
  std::ifstream from(file);
  std::uint64_t number = 0;
  if (!(from >> number)) return {};
  return number;
}

// "name 17", "name: 17 kB": the number; 0 if there is none of that name.
std::uint64_t number_of(const std::string& file, const std::string& name) {
  std::ifstream from(file);
  for (std::string word; from >> word;) {
    std::uint64_t number = 0;
    if (word == name && from >> number) return number;
    from.clear();
    from.ignore(4096, '\n');
  }
  return 0;
}

std::uint64_t kib(const char* file, const char* name) { return number_of(file, name) << 10; }

void add_machine(std::vector<limit>& all) {
  const std::uint64_t total = kib("/proc/meminfo", "MemTotal:");
  const std::uint64_t free = kib("/proc/meminfo", "MemAvailable:");
  if (total != 0)
    all.push_back({"the memory of this machine", total, total - std::min(total, free)});
}

void add_rlimit(std::vector<limit>& all, decltype(RLIMIT_AS) which, const char* name,
                std::uint64_t used) {
  rlimit now{};
  if (::getrlimit(which, &now) == 0 && now.rlim_cur != RLIM_INFINITY) {
    all.push_back({name, now.rlim_cur, used});
  }
}

bool has_capability(unsigned one) {
  std::ifstream from("/proc/self/status");
  for (std::string word; from >> word;) {
    std::uint64_t set = 0;
    if (word == "CapEff:" && from >> std::hex >> set) return (set >> one & 1) != 0;
    from.clear();
  }
  return false;
}

// Of this user, as far as they are seen.
std::uint64_t tasks_of_this_user() {
  std::uint64_t all = 0;
  std::error_code none;
  const uid_t user = ::getuid();
  for (std::filesystem::directory_iterator one("/proc", none), end; !none && one != end;
       one.increment(none)) {
    const std::string name = one->path().filename().string();
    struct stat tasks {};
    if (name.front() < '0' || name.front() > '9') continue;
    if (::stat((one->path() / "task").c_str(), &tasks) != 0 || tasks.st_uid != user) continue;
    all += tasks.st_nlink - 2;
  }
  return all;
}

// "0.00 0.01 0.05 2/345 6789": of the whole machine.
std::uint64_t tasks_of_all() {
  std::ifstream from("/proc/loadavg");
  std::string word;
  for (int i = 0; i < 4; ++i) from >> word;
  std::uint64_t all = 0;
  const std::size_t slash = word.find('/') + 1;
  std::from_chars(word.data() + slash, word.data() + word.size(), all);
  return all;
}

std::string as_they_are(std::uint64_t number) { return std::to_string(number); }

template <class InWords>
std::string hint(const std::optional<limit>& found, std::uint64_t plenty, InWords words) {
  if (!found || found->room() >= plenty) return {};
  return "; " + found->name + " is " + words(found->most) + ", of which " + words(found->used) +
         " are used";
}

}  // namespace

std::optional<limit> tightest(const std::vector<limit>& some) {
  const auto least = std::min_element(
      some.begin(), some.end(), [](const limit& a, const limit& b) { return a.room() < b.room(); });
  return least == some.end() ? std::nullopt : std::optional(*least);
}

std::vector<limit> cgroup_memory_limits(const cgroup_folders& folders) {
  std::vector<limit> all;
  const bool v1 = folders.version == 1;
  // "total": with all groups below.
  const std::string inactive = v1 ? "total_inactive_file" : "inactive_file";
  const std::string active = v1 ? "total_active_file" : "active_file";
  for (const std::string& folder : folders.path) {
    const std::string in = folder + "/";
    const auto add = [&](const char* most, const char* used, std::uint64_t back) {
      const auto limited = number_in(in + most);
      const auto now = number_in(in + used);
      // Version 1 says "none" by a number of some exabytes.
      if (!limited || !now || *limited >= std::uint64_t{1} << 60) return;
      all.push_back(
          {std::string(most).append(" of ").append(folder), *limited, *now - std::min(*now, back)});
    };
    const std::string stat = in + "memory.stat";
    const std::uint64_t back = number_of(stat, inactive) + number_of(stat, active);
    if (v1) {
      add("memory.limit_in_bytes", "memory.usage_in_bytes", back);
      add("memory.kmem.limit_in_bytes", "memory.kmem.usage_in_bytes", 0);
    } else {
      add("memory.max", "memory.current", back + number_of(stat, "slab_reclaimable"));
    }
  }
  return all;
}

std::vector<limit> cgroup_task_limits(const cgroup_folders& folders) {
  std::vector<limit> all;
  for (const std::string& folder : folders.path) {
    const auto most = number_in(folder + "/pids.max");
    const auto used = number_in(folder + "/pids.current");
    if (most && used) all.push_back({"pids.max of " + folder, *most, *used});
  }
  return all;
}

std::vector<limit> memory_limits() {
  std::vector<limit> all = cgroup_memory_limits(cgroups_of("memory"));
  add_rlimit(all, RLIMIT_AS, "ulimit -v", kib("/proc/self/status", "VmSize:"));
  add_rlimit(all, RLIMIT_DATA, "ulimit -d", kib("/proc/self/status", "VmData:"));
  add_machine(all);
  if (number_in("/proc/sys/vm/overcommit_memory") == std::uint64_t{2}) {
    all.push_back({"CommitLimit (vm.overcommit_memory is 2)", kib("/proc/meminfo", "CommitLimit:"),
                   kib("/proc/meminfo", "Committed_AS:")});
  }
  return all;
}

std::vector<limit> task_limits() {
  std::vector<limit> all = cgroup_task_limits(cgroups_of("pids"));
  // Who may set limits has none.
  if (::getuid() != 0 && !has_capability(CAP_SYS_RESOURCE) && !has_capability(CAP_SYS_ADMIN)) {
    add_rlimit(all, RLIMIT_NPROC, "ulimit -u", tasks_of_this_user());
  }
  for (const char* const name : {"threads-max", "pid_max"}) {
    if (const auto most = number_in(std::string("/proc/sys/kernel/") + name)) {
      all.push_back({std::string("kernel.") + name, *most, tasks_of_all()});
    }
  }
  return all;
}

std::string in_words(std::uint64_t bytes) {
  constexpr std::uint64_t few = std::uint64_t{10} << 20;
  return bytes < few ? std::to_string(bytes >> 10) + " KiB" : std::to_string(bytes >> 20) + " MiB";
}

std::string memory_hint() {
  return hint(tightest(memory_limits()), std::uint64_t{512} << 20, in_words);
}

std::string limit_hint(int code) {
  try {
    switch (code) {
      case ENOMEM:
        delete[] for_last_words.exchange(nullptr, std::memory_order_relaxed);
        return memory_hint();
      case EAGAIN: return hint(tightest(task_limits()), 1000, as_they_are);
      case EMFILE: return "; see ulimit -n";
      case ENFILE: return "; see fs.file-max";
      case EFBIG: return "; see ulimit -f";
      case ENOSPC:
      case EDQUOT: return "; make room there, or write elsewhere";
      default: return {};
    }
  } catch (const std::bad_alloc&) { return {}; }
}

bool can_say_why() noexcept { return for_last_words.load(std::memory_order_relaxed) != nullptr; }

std::optional<limit> deadly_memory_limit() {
  std::vector<limit> all = cgroup_memory_limits(cgroups_of("memory"));
  add_machine(all);
  return tightest(all);
}

void require_memory(const std::string& whom, std::uint64_t bytes) {
  const std::optional<limit> least = deadly_memory_limit();
  if (!least || least->room() >= bytes) return;
  throw error(fault::input,
              whom + ": it takes " + in_words(bytes) + " of memory" + hint(least, bytes, in_words));
}

}  // namespace trefoil::lab
