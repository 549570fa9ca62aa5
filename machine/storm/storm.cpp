// SPDX-License-Identifier: Apache-2.0
#include "machine/storm/storm.hpp"

#include <cerrno>
#include <chrono>
#include <exception>
#include <system_error>
#include <thread>

#include <sys/mman.h>

#include "machine/storm/machine.hpp"

namespace trefoil::machine {

namespace {

/// Physical memory: pages of ours, zero-filled by need.
class memory {
 public:
  explicit memory(std::size_t bytes)
      : bytes_(bytes),
        at_(mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)) {
    if (at_ == MAP_FAILED)
      throw std::system_error(errno, std::generic_category(), "no memory for frames");
  }
  ~memory() { munmap(at_, bytes_); }
  memory(const memory&) = delete;
  memory& operator=(const memory&) = delete;
  [[nodiscard]] std::byte* begin() const noexcept { return static_cast<std::byte*>(at_); }

 private:
  const std::size_t bytes_;
  void* const at_;
};

}  // namespace

storm_figures storm(const design& lifetimes, const storm_options& options) {
  using clock = std::chrono::steady_clock;
  const clock::time_point begin = clock::now();
  const memory ram(options.memory_bytes);
  mm::frame_allocator<platform> frames(ram.begin(), options.memory_bytes);
  storm_figures f;
  f.lifetimes = &lifetimes;
  {
    storm_machine machine(lifetimes, frames, options.cpus, options.size.seed);
    workload work(machine, options.size);
    work.begin();
    machine.start([&](unsigned cpu, task_ref& task) { work.step(cpu, task); },
                  [&](unsigned cpu) { work.attack(cpu); });
    std::exception_ptr thrown;
    while (!work.over()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      if (!options.go_on || f.interrupted) continue;
      try {
        f.interrupted = !options.go_on(work.done());
      } catch (...) {
        f.interrupted = true;
        thrown = std::current_exception();
      }
      if (f.interrupted) work.no_more();
    }
    machine.stop();
    work.close_in_flight(0);
    if (thrown) std::rethrow_exception(thrown);

    static_cast<workload_figures&>(f) = work.so_far();
    f.interrupts = machine.interrupts_taken();
    f.switches = machine.switches();
    f.cpus_offlined = machine.cpus_offlined();
    f.lock_reports = static_cast<std::int64_t>(machine.locks().count());
    for (const lock_checker::report& r : machine.locks().reports())
      f.lock_faults.push_back(describe(r));
    const ledger& notes = machine.figures();
    for (std::size_t i = 0; i < f.drops.size(); ++i)
      f.drops[i] = machine.drops(static_cast<holder>(i));
    for (std::size_t i = 0; i < f.deferred.size(); ++i)
      f.deferred[i] = notes.deferrals(static_cast<sampled>(i));
    f.async_mmput = notes.async_mmputs();
    f.live_at_end =
        work.tasks_alive() + notes.identities() + notes.page_directories() + notes.mappings();
    f.listed_at_end = static_cast<std::int64_t>(machine.listed());
    f.namespaces_at_end = notes.user_namespaces() - 1;
    f.exec_states_at_end = notes.exec_states();
  }
  f.frames_at_end = static_cast<std::int64_t>(frames.in_use());
  f.seconds = std::chrono::duration<double>(clock::now() - begin).count();
  return f;
}

}  // namespace trefoil::machine
