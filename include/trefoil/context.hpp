// SPDX-License-Identifier: Apache-2.0
/// @file
/// Context: what the code that runs now may do, and so which teardowns may run inline here.
///
/// | level     | the caller may                                   | where one is                       |
/// | --------- | ------------------------------------------------ | ---------------------------------- |
/// | `any`     | nothing that could wait: it may have interrupted the holder of any lock | hard interrupt, softirq, signal handler, real-time thread |
/// | `atomic`  | take short locks that are never taken at level `any`; not block | preemption off, an event loop, an RCU callback thread |
/// | `process` | block                                            | an ordinary thread                 |
///
/// A tier declares the level its teardown needs; a drop compares that with the level of whoever
/// runs. Threads start at `process`; whoever is in a narrower place says so with a scope:
///
///     void on_signal(int) {
///       context::scope here{context::any};   // FIRST thing in every handler that drops references
///       ...
///     }
///
/// A level does not say which lock is held: whoever holds a lock that a teardown takes opens a
/// scope below that tier's level (inside pgd_lock: `any`; under mmap_lock: `atomic`), or uses
/// `drop_into`. Lock wrappers are the place for that.
#pragma once

#include <atomic>
#include <cstdint>

#include "trefoil/attributes.hpp"
#include "trefoil/deferred.hpp"
#include "trefoil/misuse.hpp"
#include "trefoil/take_all_list.hpp"

namespace trefoil::context {

/// The three levels, in order of what is allowed.
enum class level : std::uint8_t { any, atomic, process };

inline constexpr level any = level::any;
inline constexpr level atomic = level::atomic;
inline constexpr level process = level::process;

/// Whether a teardown that needs `needed` may run inline where the level is `here`.
[[nodiscard]] constexpr bool allows(level here, level needed) noexcept { return here >= needed; }

/// The level as a constant, for callers that know where they are: the choice is then made at
/// compile time. A token that claims more than the thread's level is a misuse (`level_exceeded`).
template <level L>
struct token {
  static constexpr level value = L;
};

inline constexpr token<any> in_any{};
inline constexpr token<atomic> in_atomic{};
inline constexpr token<process> in_process{};

/// How deep scopes that are opened inside teardowns may drain their own lists within each other;
/// past this they leave the work to the scope around them. Bounds the stack, whatever the graph.
inline constexpr std::uint32_t deepest_drain = 8;

template <class P>
class basic_scope;

/// Level and teardown state of one thread (or CPU, or task: the platform says). Trivially
/// destructible and constant-initialised, so that it can be a static thread-local.
///
/// Only its own thread touches it, and signal handlers that interrupt that thread; those open a
/// scope first, which puts everything back as it was when it closes.
///
/// Final drops inside a teardown do not recurse: they are postponed to `postponed_`, and whoever
/// began the outermost teardown runs them before it returns.
template <class P>
class TREFOIL_ONE_PER_PROCESS state {
 public:
  using node = deferred<P>;

  constexpr state() noexcept = default;
  /// A place whose base level is not `process`.
  constexpr explicit state(level base) noexcept : mode_(mode_at(base)) {}

  /// The level here. Context: any. Cost: one load.
  [[nodiscard]] level here() const noexcept { return static_cast<level>(mode_ & level_bits); }

  /// For platforms whose level changes without scopes (a CPU that enters an interrupt).
  void set_level(level l) noexcept { mode_ = (mode_ & ~level_bits) | mode_at(l); }

  /// The commonest case, told by one comparison: level `process`, no teardown under way.
  [[nodiscard]] bool at_rest() const noexcept { return mode_ == mode_at(level::process); }

  /// A teardown is under way in this scope or in one around it, on this thread.
  [[nodiscard]] bool inside_teardown() const noexcept { return mode_ > level_bits; }

  /// The reclaimer whose work this thread is running, or null.
  [[nodiscard]] const void* runner() const noexcept {
    return runner_.load(std::memory_order_relaxed);
  }
  /// acq_rel: a look at the reclaimer's lists after this call is not moved before it, so that a
  /// handler which interrupts in between is either seen by that look or sees the change.
  void set_runner(const void* reclaimer) noexcept {
    runner_.exchange(reclaimer, std::memory_order_acq_rel);
  }

  /// A final drop must not run its teardown now: one is under way already, or scopes inside
  /// teardowns have nested too deep.
  [[nodiscard]] bool must_postpone() const noexcept {
    return (mode_ & tearing_bit) != 0 || nesting(mode_) >= deepest_drain;
  }

  /// Keeps a teardown for the end of the present one. Context: any.
  void postpone(node& n) noexcept { postponed_.push(n); }

  /// Brackets a teardown; end_teardown() runs what was postponed meanwhile. Between them
  /// must_postpone() is true. Never nested in one scope: the bit is clear before, set after. (Added
  /// and subtracted: a compiler would set or clear it by a store of one byte, and the next load of
  /// the whole word would have to wait for that store to leave the store buffer.)
  void begin_teardown() noexcept { mode_ += tearing_bit; }
  void end_teardown() noexcept {
    if (!postponed_.empty()) [[unlikely]]
      run_postponed();
    mode_ -= tearing_bit;
  }

 private:
  friend class basic_scope<P>;

  TREFOIL_COLD void run_postponed() noexcept {
    while (node* chain = postponed_.take_if_any()) run_chain<P>(chain);
  }

  /// Level, `tearing` and nesting in one word, so that at_rest() is one comparison.
  using mode = std::uint32_t;
  static constexpr mode level_bits = 0xFF;
  static constexpr mode tearing_bit = 0x100;
  static constexpr mode nesting_unit = 0x10000;  // scopes opened inside teardowns, counted inwards

  static constexpr mode mode_at(level l) noexcept { return static_cast<mode>(l); }
  static constexpr unsigned nesting(mode m) noexcept { return m / nesting_unit; }

  mode mode_ = mode_at(level::process);
  // Kept by scopes: a scope inside a reclaimer is still inside it.
  typename P::template atomic<const void*> runner_{nullptr};
  take_all_list<P> postponed_;  // atomic only for the sake of handlers on the same thread
};

/// Sets the level of the present thread while it lives. Scopes nest; a scope can only lower the
/// level (a claim of more is a misuse, and ignored). Each scope has its own list of postponed
/// teardowns, which the drop that began the first of them empties before it returns: a signal handler
/// neither leaves work in, nor picks work up from, what it interrupted. Closing a scope runs no
/// teardown. What is still in its list, because scopes inside teardowns have nested too deep
/// (`deepest_drain`), goes to the list of the scope around it.
///
/// Context: any. Cost: a few loads and stores of thread-local data.
template <class P>
class [[nodiscard]] basic_scope {
 public:
  explicit basic_scope(level claimed) noexcept : state_(P::state()), saved_(state_.mode_) {
    if (claimed > state_.here()) [[unlikely]]
      claimed = refuse();
    std::uint32_t nesting = here::nesting(saved_);
    if (state_.inside_teardown()) {
      // Outside any teardown the list is empty and stays so: nothing to put aside.
      saved_postponed_ = state_.postponed_.take_all();
      if ((saved_ & here::tearing_bit) != 0 && nesting < deepest_drain) ++nesting;
    }
    state_.mode_ = here::mode_at(claimed) + nesting * here::nesting_unit;
  }

  ~basic_scope() {
    if (!state_.postponed_.empty()) [[unlikely]]
      close_with_work();
    state_.mode_ = saved_;
    if (saved_postponed_ != nullptr) [[unlikely]]
      put_back(saved_postponed_);
  }

  basic_scope(const basic_scope&) = delete;
  basic_scope& operator=(const basic_scope&) = delete;

 private:
  using here = state<P>;
  using node = deferred<P>;

  TREFOIL_COLD level refuse() noexcept {
    P::report(misuse::level_exceeded, &state_);
    return state_.here();
  }

  // Not drained so far means that must_postpone() held because of the nesting alone.
  TREFOIL_COLD void close_with_work() noexcept {
    node* const work = state_.postponed_.take_all();
    last_of(work)->next.set(saved_postponed_);
    saved_postponed_ = work;
  }

  TREFOIL_COLD void put_back(node* chain) noexcept {
    state_.postponed_.push_chain(*chain, *last_of(chain));
  }

  state<P>& state_;
  typename state<P>::mode saved_;
  node* saved_postponed_ = nullptr;
};

}  // namespace trefoil::context
