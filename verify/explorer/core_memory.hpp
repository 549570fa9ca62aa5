// SPDX-License-Identifier: Apache-2.0
/// @file
/// What programs on memory share: platforms whose memory is watched, blocks that tell who has them.
///
/// Whoever has a block has it alone, and sees what was done to it before; a slab goes back when nobody
/// has a block of it; at the end each block is where it should be, and all memory goes back.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "trefoil/memory/figures.hpp"
#include "verify/explorer/core_world.hpp"

namespace trefoil::explorer {

// ---- platforms --------------------------------------------------------------------------------------

/// Memory is asked for and given back at level `process` alone.
template <class P, unsigned Turns>
struct strict : platform {
  static constexpr unsigned lock_turns = Turns;

  static context::state<P>& state() noexcept { return state_of_cpu<P>(); }

  static void* allocate(std::size_t bytes, std::size_t align) noexcept {
    at_process();
    return execution::current()->allocate(bytes, align, /*lasting=*/false);
  }
  static void deallocate(void* p, std::size_t bytes, std::size_t align) noexcept {
    at_process();
    platform::deallocate(p, bytes, align);
  }

 private:
  static void at_process() noexcept {
    if (P::state().here() != process)
      execution::current()->fail("the platform is asked for memory below level process");
  }
};

/// A lock that turns once before it sleeps; at level `atomic` until it has it.
struct patient : strict<patient, 1> {};
/// It sleeps at once; at level `atomic` it gives up at once.
struct hasty : strict<hasty, 0> {};

/// Threads have stocks. One for each CPU: an interrupt must not touch that of the thread it interrupts.
template <class P>
struct with_stocks : strict<P, 0> {
  template <class T>
  static T& local() noexcept {
    struct place {
      T value;
      std::uint64_t seen_in = 0;
    };
    static std::array<place, most_threads> places;
    execution& now = *execution::current();
    place& mine = places[now.cpu()];
    if (mine.seen_in != now.number()) {
      mine.seen_in = now.number();
      std::construct_at(&mine.value);
    }
    if (now.cpu() != now.running()) now.fail("an interrupt touches a thread's stock");
    return mine.value;
  }

  static bool at_thread_exit(thread_exit_hook& hook) noexcept {
    thread_exit_hook*& first = hooks();
    hook.next = first;
    first = &hook;
    return true;
  }
  /// By each thread, last of all.
  static void thread_ends() noexcept {
    while (thread_exit_hook* const hook = hooks()) {
      hooks() = hook->next;
      hook->run(*hook);
    }
  }

 private:
  static thread_exit_hook*& hooks() noexcept {
    struct hooks_of {
      thread_exit_hook* first = nullptr;
      std::uint64_t seen_in = 0;
    };
    static std::array<hooks_of, most_threads> lists;
    hooks_of& mine = lists[execution::current()->cpu()];
    const std::uint64_t number = execution::current()->number();
    if (std::exchange(mine.seen_in, number) != number) mine.first = nullptr;
    return mine.first;
  }
};
struct stocked : with_stocks<stocked> {};
/// Whether something was dropped is a step like others, and may be read stale.
struct unsure : with_stocks<unsure> {
  template <class T>
  using statistic = explorer::atomic<T>;
};

template <class P>
using level_scope = context::basic_scope<P>;

// ---- who has which block ----------------------------------------------------------------------------

/// A free block, as raw_blocks; but what its users write to is there from the time when it was cut, so
/// that a user who does not see what the last one did is noticed. As a slab's, it lasts while free.
template <class P, bool TypeStable = false>
struct marked_blocks {
  struct marked : deferred<P> {
    cell<int> mark;
  };
  static constexpr bool type_stable = TypeStable;
  static deferred<P>* carve(void* at) noexcept { return ::new (at) marked; }
  static deferred<P>* freed(void* at) noexcept {
    use(at);
    return ::new (at) deferred<P>;
  }
  static void use(void* at) noexcept { static_cast<marked*>(at)->mark.set(1); }
};

/// Of this execution; the explorer's, no step of the program.
class owners {
 public:
  static owners& now() {
    static owners here;
    const std::uint64_t number = execution::current()->number();
    if (std::exchange(here.of_, number) != number) here.held_.clear();
    return here;
  }
  void has(void* block) {
    if (!held_.insert(block).second) execution::current()->fail("a block is handed out twice");
  }
  void gives(void* block) {
    if (held_.erase(block) == 0) execution::current()->fail("a block is given that nobody has");
  }
  [[nodiscard]] std::size_t held() const noexcept { return held_.size(); }

 private:
  std::set<void*> held_;
  std::uint64_t of_ = 0;
};

inline void must(bool holds, const char* what) {
  if (!holds) execution::current()->fail(what);
}

inline program program_on_memory(std::string name, unsigned threads, std::function<void()> main) {
  program p;
  p.name = std::move(name);
  p.threads = threads;
  p.main = std::move(main);
  p.at_end = [] {
    return std::string(execution::current()->bytes_in_use() == 0 ? "" : "memory is left");
  };
  return p;
}

// ---- pairs ------------------------------------------------------------------------------------------

/// By several short visits to what the other does the same to.
inline bool visits_often(const std::string& operation) {
  return operation == "trim" || operation == "figures" || operation.find("make") == 0 ||
         operation == "take and put_magazine" || operation == "drop many";
}

/// Every operation beside every one; interrupts come beside what they interrupt. `large`: which are
/// left to the long run.
template <class Operation>
void for_each_pair(const std::vector<Operation>& operations,
                   const std::function<void(std::vector<Operation>, bool often)>& add) {
  for (std::size_t a = 0; a != operations.size(); ++a) {
    if (operations[a].interrupts) continue;
    for (std::size_t b = 0; b != operations.size(); ++b) {
      if (b < a && !operations[b].interrupts) continue;
      add({operations[a], operations[b]},
          visits_often(operations[a].name) && visits_often(operations[b].name));
    }
  }
}

}  // namespace trefoil::explorer
