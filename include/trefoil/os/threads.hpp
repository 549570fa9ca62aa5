// SPDX-License-Identifier: Apache-2.0
/// @file
/// The platform of an ordinary process: threads, signals, fork, memory (pages.hpp).
/// The only part of the mechanism, with the futex and the reporter beside it, that needs an
/// operating system.
#pragma once

#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "trefoil/attributes.hpp"
#include "trefoil/context.hpp"
#include "trefoil/os/cpu_lanes.hpp"
#include "trefoil/os/cpu_sections.hpp"
#include "trefoil/os/misuse_report.hpp"
#include "trefoil/os/pages.hpp"
#include "trefoil/os/parking.hpp"
#include "trefoil/os/per_thread.hpp"
#include "trefoil/platform.hpp"

namespace trefoil {

namespace detail {

/// Runs the hooks of a thread that ends. A thread-local object with a destructor, so created by
/// need and at level `process` only.
class thread_end {
 public:
  ~thread_end() {
    passed() = true;
    while (thread_exit_hook* const hook = hooks_) {
      hooks_ = hook->next;
      hook->run(*hook);
    }
  }
  void add(thread_exit_hook& hook) noexcept {
    hook.next = hooks_;
    hooks_ = &hook;
  }
  /// This thread's thread_end has been destroyed: it takes no hooks any more.
  static bool& passed() noexcept;

 private:
  thread_exit_hook* hooks_ = nullptr;
};

struct TREFOIL_ONE_PER_PROCESS thread_end_passed {
  bool value = false;
};
inline bool& thread_end::passed() noexcept { return per_thread<thread_end_passed>.value; }

}  // namespace detail

/// See platform.hpp for what each member is.
struct TREFOIL_ONE_PER_PROCESS threads {
  template <class T>
  using atomic = std::atomic<T>;
  template <class T>
  using cell = plain_cell<T>;

  static context::state<threads>& state() noexcept {
    return detail::per_thread<context::state<threads>>;
  }

  static void report(misuse kind, const void* what) noexcept { misuse_report::raise(kind, what); }

  static void* allocate(std::size_t bytes, std::size_t align) noexcept {
    return detail::pages<threads>::allocate(bytes, align);
  }
  static void deallocate(void* p, std::size_t bytes, std::size_t align) noexcept {
    detail::pages<threads>::deallocate(p, bytes, align);
  }

  static void relax() noexcept { detail::relax_once(); }

  template <class T>
  static T& local() noexcept {
    return detail::per_thread<T>;
  }

  static bool at_thread_exit(thread_exit_hook& hook) noexcept {
    if (detail::thread_end::passed()) return false;
    thread_local detail::thread_end end;
    end.add(hook);
    return true;
  }

  static std::size_t lanes() noexcept { return detail::cpu_lanes::number(); }
  static std::size_t lane() noexcept { return detail::cpu_lanes::mine(); }
#if TREFOIL_CPU_SECTIONS
  [[nodiscard]] TREFOIL_ALWAYS_INLINE static bool
  add_in_section(const std::atomic<std::uint64_t>& open, std::uint64_t n) noexcept {
    return detail::cpu_sections::add<cell_stride>(open, detail::cpu_lanes::known(), n);
  }
  static bool sections_work() noexcept { return detail::cpu_sections::work(); }
  static bool restart_sections() noexcept { return detail::cpu_sections::restart(); }
#endif

  static void wait(std::atomic<std::uint32_t>& word, std::uint32_t expected) noexcept {
    detail::park(word, expected);
  }
  static void wait_for(std::atomic<std::uint32_t>& word, std::uint32_t expected,
                       std::uint32_t milliseconds) noexcept {
    detail::park_for(word, expected, milliseconds);
  }
  static void wake_one(std::atomic<std::uint32_t>& word) noexcept { detail::unpark(word, 1); }
  static void wake_all(std::atomic<std::uint32_t>& word) noexcept {
    detail::unpark(word, detail::unpark_all);
  }

  /// Detached, all signals blocked: the process's handlers run on its own threads.
  static bool start_thread(void (*run)()) noexcept {
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0) return false;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t thread;
    const auto entry = [](void* f) -> void* {
      reinterpret_cast<void (*)()>(f)();
      return nullptr;
    };
    const bool started =
        pthread_create(&thread, &attributes, entry, reinterpret_cast<void*>(run)) == 0;
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    pthread_attr_destroy(&attributes);
    return started;
  }

  static void in_forked_child(void (*run)()) noexcept { pthread_atfork(nullptr, nullptr, run); }
  static void around_fork(void (*before)(), void (*in_parent)(), void (*in_child)()) noexcept {
    pthread_atfork(before, in_parent, in_child);
  }
};

static_assert(platform<threads>);

namespace context {

/// Sets the level of this thread while it lives; see basic_scope.
using scope = basic_scope<threads>;

/// The level of this thread. Context: any. Cost: one thread-local load.
[[nodiscard]] inline level current() noexcept { return threads::state().here(); }

}  // namespace context
}  // namespace trefoil
