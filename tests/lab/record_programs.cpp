// SPDX-License-Identifier: Apache-2.0
// The programs in the kernel, loaded into the one that runs here.
#include "lab/record/bpf_programs.hpp"

#include "lab/descriptor.hpp"
#include "lab/error.hpp"
#include "lab/record/kernel_features.hpp"

#include <algorithm>
#include <array>
#include <bpf/bpf.h>
#include <cstdint>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <linux/kvm.h>
#include <optional>
#include <set>
#include <string>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace trefoil::lab {
namespace {

class RecordPrograms : public ::testing::Test {
 protected:
  void SetUp() override {
    try {
      kernel_.emplace();
      programs_.emplace(*kernel_, program_options{.ring_bytes = ring_bytes});
    } catch (const error& wrong) {
      const std::string line = wrong.what();
      for (const char* reason : {"no permission", "no type information", "no bpf() system call"}) {
        if (line.find(reason) != std::string::npos) GTEST_SKIP() << line;
      }
      FAIL() << line;
    }
  }

  // Nothing to copy, so the cheapest there is.
  static void make_a_task() {
    const pid_t child = ::vfork();  // NOLINT(clang-analyzer-security.insecureAPI.vfork)
    if (child == 0) ::_exit(0);
    if (child > 0) ::waitpid(child, nullptr, 0);
  }

  program_figures figures_of(const std::string& tracepoint) const {
    const auto all = programs_->programs();
    const auto found = std::find_if(all.begin(), all.end(), [&](const program_figures& one) {
      return one.tracepoint == tracepoint;
    });
    return found == all.end() ? program_figures{} : *found;
  }

  static constexpr std::uint32_t ring_bytes = 262'144;
  std::optional<kernel_features> kernel_;
  std::optional<bpf_programs> programs_;
};

TEST_F(RecordPrograms, HaveAnAccountForEachCpuThatThereMayBe) {
  std::ifstream file("/sys/devices/system/cpu/possible");  // "0-1", or "0"
  int first = 0;
  int last = 0;
  char dash = 0;
  file >> first;
  if (!(file >> dash >> last)) last = first;
  EXPECT_EQ(programs_->cpus().size(), static_cast<std::size_t>(last + 1));
}

TEST_F(RecordPrograms, AreCountedByTheKernelWhereItIsAskedTo) {
  const int asked = ::bpf_enable_stats(BPF_STATS_RUN_TIME);
  if (asked < 0) GTEST_SKIP() << "the kernel does not count here";
  programs_->attach();
  for (int i = 0; i < 50; ++i) make_a_task();
  programs_->detach();
  ::close(asked);
  const program_figures forks = figures_of("sched_process_fork");
  EXPECT_GE(forks.runs, 50);
  EXPECT_GT(forks.run_ns, 0);
}

TEST_F(RecordPrograms, CountWhatTheRingHasNoRoomFor) {
  EXPECT_EQ(programs_->lost(), 0);
  programs_->attach();
  const int tasks = static_cast<int>(ring_bytes / sizeof(raw_record));
  for (int i = 0; i < tasks; ++i) make_a_task();  // each has several records
  programs_->detach();
  std::int64_t lost = 0;
  for (const raw_cpu& one : programs_->cpus()) lost += static_cast<std::int64_t>(one.lost);
  EXPECT_GT(programs_->lost(), tasks);
  EXPECT_EQ(programs_->lost(), lost);
  // What did fit is there.
  std::int64_t told = 0;
  const std::int64_t records =
      programs_->consume([&](const raw_record&, std::span<const std::uint64_t>) { ++told; });
  EXPECT_GT(told, 0);
  EXPECT_EQ(records, told);
}

// A virtual machine whose processor halts at once. Linux 6.14 and later give it a thread of the kernel's in
// this process. None: not permitted here.
class virtual_machine {
 public:
  bool run() {
    if (kvm_.get() < 0 || vm_.get() < 0 || cpu_.get() < 0 || halt_ == MAP_FAILED) return false;
    *static_cast<unsigned char*>(halt_) = 0xf4;
    kvm_userspace_memory_region memory{};
    memory.guest_phys_addr = 0x1000;
    memory.memory_size = page;
    memory.userspace_addr = reinterpret_cast<std::uintptr_t>(halt_);
    kvm_sregs segments{};
    kvm_regs registers{};
    registers.rip = memory.guest_phys_addr;
    registers.rflags = 2;
    if (::ioctl(vm_.get(), KVM_SET_USER_MEMORY_REGION, &memory) != 0 ||
        ::ioctl(cpu_.get(), KVM_GET_SREGS, &segments) != 0) {
      return false;
    }
    segments.cs.base = segments.cs.selector = 0;
    return ::ioctl(cpu_.get(), KVM_SET_SREGS, &segments) == 0 &&
           ::ioctl(cpu_.get(), KVM_SET_REGS, &registers) == 0 &&
           ::ioctl(cpu_.get(), KVM_RUN, 0) == 0;
  }
  virtual_machine() = default;
  ~virtual_machine() {
    if (halt_ != MAP_FAILED) ::munmap(halt_, page);
  }
  virtual_machine(const virtual_machine&) = delete;
  virtual_machine& operator=(const virtual_machine&) = delete;

 private:
  static constexpr std::size_t page = 4096;
  descriptor kvm_{::open("/dev/kvm", O_RDWR | O_CLOEXEC)};
  descriptor vm_{::ioctl(kvm_.get(), KVM_CREATE_VM, 0)};
  descriptor cpu_{::ioctl(vm_.get(), KVM_CREATE_VCPU, 0)};
  void* halt_ = ::mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
};

std::set<int> threads() {
  std::set<int> all;
  for (const auto& one : std::filesystem::directory_iterator("/proc/self/task")) {
    all.insert(std::stoi(one.path().filename()));
  }
  return all;
}

TEST_F(RecordPrograms, TellOfThreadsThatAreNotForked) {
  std::set<int> unborn = threads();
  programs_->attach();
  virtual_machine machine;
  const bool ran = machine.run();
  std::set<int> made = threads();
  programs_->detach();
  for (const int one : unborn) made.erase(one);
  if (!ran || made.empty()) GTEST_SKIP() << "no virtual machine here, or none with a thread";
  programs_->consume([&](const raw_record& r, std::span<const std::uint64_t>) {
    if (r.kind == raw_task_alloc) made.erase(r.subject);
  });
  EXPECT_TRUE(made.empty()) << "thread " << *made.begin();
}

}  // namespace
}  // namespace trefoil::lab
