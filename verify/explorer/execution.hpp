// SPDX-License-Identifier: Apache-2.0
/// @file
/// One execution of a program under test: its threads, as fibers of one real thread; its atomic
/// locations with all stores so far; its memory.
///
/// The model of memory, by what each order must do:
///
/// | operation       | reads                                | hands on                          |
/// | --------------- | ------------------------------------ | --------------------------------- |
/// | load            | any store not older than the thread knows of | -                         |
/// | acquire load    | the same; then it knows what was handed on with that store |             |
/// | relaxed store   | -                                    | nothing                           |
/// | release store   | -                                    | what its thread knows             |
/// | read-modify-write | the newest store                   | what that handed on (release sequence), and as a store |
/// | seq_cst         | as acquire; not behind what seq_cst operations before saw of this location | as release |
///
/// Bounded: stale reads (most_stale_reads_). Not modelled: stores whose modification order differs from
/// the order in which they are executed (2+2W), loads that read from the future (load buffering),
/// weak compare-exchanges that fail without a reason, futex waits that wake without one.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "verify/explorer/knowledge.hpp"
#include "verify/explorer/search.hpp"

namespace trefoil::explorer {

/// A step of a thread; none: before all of them.
struct event {
  unsigned thread = 0;
  std::uint32_t step = 0;
};

/// An atomic object in this execution.
struct location {
  struct store {
    std::uint64_t value = 0;
    knowledge handed_on;
    unsigned thread = 0;   // whose step,
    std::size_t step = 0;  // and which of the execution, it was
  };
  std::size_t number = 0;
  const void* address = nullptr;
  event birth;                       // its construction
  std::vector<store> stores;         // in modification order
  std::uint32_t oldest_seq_cst = 0;  // the oldest that a seq_cst operation may still read
  std::array<std::uint8_t, most_threads> stale_reads{};
};

/// Shared data that is not atomic.
struct plain_data {
  event last_write;
  clock_vector reads;
};

enum class ending : std::uint8_t { complete, repeats, violated };

class execution {
 public:
  /// Stores become visible in the end: a thread reads something else than the newest store of a
  /// location at most `most_stale_reads` times in an execution.
  execution(explorer::search& choices, unsigned most_stale_reads);
  execution(const execution&) = delete;
  execution& operator=(const execution&) = delete;
  ~execution();

  /// The one that is under way on this (real) thread; null outside.
  static execution* current() noexcept;
  /// Tells executions apart: statics start anew in each.
  [[nodiscard]] std::uint64_t number() const noexcept { return number_; }

  // ---- called by the program ---------------------------------------------------------------------

  /// A thread more. `daemon`: need not end. `interrupts`: runs on that thread's CPU: between any two
  /// of its steps or after them, once, from begin to end.
  static constexpr unsigned nobody = most_threads;
  unsigned spawn(std::function<void()> body, bool daemon = false, unsigned interrupts = nobody);

  /// Runs all until each thread has ended or, if a daemon, sleeps.
  ending run(std::function<void()> main);

  /// The program is wrong: ends the execution. Does not return.
  [[noreturn]] void fail(const std::string& what);

  [[nodiscard]] unsigned running() const noexcept { return running_; }
  /// The thread whose CPU this runs on: itself, but for interrupts.
  [[nodiscard]] unsigned cpu() const noexcept;
  /// Waits until all threads that are no daemons have ended, and sees what they left.
  void join_all();
  /// From now on, or no longer: no other thread takes a step. For what goes before the program.
  void set_alone(bool alone) noexcept { alone_ = alone ? running_ : nobody; }
  /// Waits until no other thread has anything to do: daemons sleep, the others have ended or wait.
  void until_idle();
  /// From here on the running thread, and those it spawns, know what all have done so far: as if it
  /// were long ago.
  void learn_all();

  // ---- called by atomics, cells and the platform -------------------------------------------------

  std::uint64_t load(location& at, std::memory_order order);
  void store(location& at, std::uint64_t value, std::memory_order order);
  /// `next` gives the new value for the old one.
  std::uint64_t exchange(location& at, const std::function<std::uint64_t(std::uint64_t)>& next,
                         std::memory_order order, const char* name);
  bool compare_exchange(location& at, std::uint64_t& expected, std::uint64_t desired,
                        std::memory_order success, std::memory_order failure);
  void read(plain_data& data, const void* address);
  void write(plain_data& data, const void* address);
  location& make_location(const void* address, std::uint64_t value, event birth);
  /// Something is constructed now.
  event birth() { return {running_, tick()}; }

  void wait(location& word, std::uint64_t expected);
  /// The same, but it wakes of itself once nobody else has anything to do; after such times as are
  /// thought of here it has seen all that was done. A few times in an execution, then never again.
  void wait_in_time(location& word, std::uint64_t expected);
  /// By address alone: what is there may be gone.
  void wake(const void* word, bool all);
  /// A turn of a spinning wait: nothing to do until somebody stores.
  void relax();

  /// `lasting`: a pool's, that nobody need give back.
  void* allocate(std::size_t bytes, std::size_t align, bool lasting);
  /// From here on whoever touches it is wrong, and so is who did without this thread knowing.
  void release(void* address);

  // ---- what is left to read ----------------------------------------------------------------------

  [[nodiscard]] std::size_t bytes_in_use() const noexcept;
  [[nodiscard]] const std::string& violation() const noexcept { return violation_; }
  [[nodiscard]] const std::vector<std::string>& trace() const noexcept { return trace_; }
  void keep_trace() noexcept { tracing_ = true; }
  /// All is over: from here on atomics and cells may be read, as they are, by whoever looks.
  void look_back() noexcept { looking_back_ = true; }

 private:
  struct thread;
  struct block {
    std::byte* begin;
    std::size_t bytes;
    bool lasting;
    bool released = false;
    clock_vector last_access;  // of each thread
  };

  void step(const access& about, const char* name, const void* address);
  void leave();
  void let_joiners_go();
  void let_idlers_go();
  void let_time_pass();
  void enter_thread(unsigned which);
  thread_set enabled();
  void touch(const void* address);
  void touch(const location& at);
  std::uint32_t oldest_readable(const location& at, std::memory_order order) const;
  std::uint32_t choose_store(location& at, std::uint32_t oldest, std::memory_order order,
                             std::optional<std::uint64_t> not_if_stale);
  void add_store(location& at, location::store&& made, std::memory_order order);
  void note(const std::string& text);
  std::uint32_t tick();
  static bool acquires(std::memory_order o) noexcept;
  static bool releases(std::memory_order o) noexcept;

  explorer::search& search_;
  unsigned most_stale_reads_;
  std::uint64_t number_ = 0;
  std::vector<std::unique_ptr<thread>> threads_;
  std::vector<std::unique_ptr<location>> locations_;
  std::vector<block> blocks_;
  unsigned running_ = 0;
  void* scheduler_ = nullptr;  // where a thread returns to
  bool tracing_ = false;
  bool over_ = false;
  bool looking_back_ = false;
  unsigned alone_ = nobody;
  unsigned times_to_wake_ = 4;  // one finds what was missed, the next ones would find nothing new
  std::size_t steps_ = 0;
  std::size_t stores_ = 0;
  std::string violation_;
  std::vector<std::string> trace_;

  friend struct fiber_entry;
};

}  // namespace trefoil::explorer
