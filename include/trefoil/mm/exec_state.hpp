// SPDX-License-Identifier: Apache-2.0
/// @file
/// The other answer to the same question: what an access check needs, split out of the address space
/// into an object of its own, which tasks keep for as long as they exist.
#pragma once

#include <atomic>
#include <utility>

#include "trefoil/context.hpp"
#include "trefoil/mm/identity.hpp"
#include "trefoil/mm/user_namespace.hpp"
#include "trefoil/staged.hpp"

namespace trefoil::mm {

/// User namespace and dumpability of a program since its exec. (task_exec_state, Linux 7.2)
///
/// Teardown: at level `any`, for the same reasons as that of `identity`.
template <class P>
class exec_contents {
 public:
  static constexpr auto teardown = context::any;

  exec_contents(ref<user_namespace<P>> owner, dumpable initially) noexcept
      : user_ns_(std::move(owner)), dumpable_(initially) {
    user_ns_->machine().ledger().exec_state_born();
  }
  ~exec_contents() { user_ns_->machine().ledger().exec_state_gone(); }
  exec_contents(const exec_contents&) = delete;
  exec_contents& operator=(const exec_contents&) = delete;

  [[nodiscard]] const ref<user_namespace<P>>& user_ns() const noexcept { return user_ns_; }
  [[nodiscard]] dumpable dumpability() const noexcept {
    return dumpable_.load(std::memory_order_relaxed);  // a setting: orders nothing
  }
  void set_dumpability(dumpable d) noexcept { dumpable_.store(d, std::memory_order_relaxed); }

 private:
  const ref<user_namespace<P>> user_ns_;
  typename P::template atomic<dumpable> dumpable_;
};

/// One tier: shared by a task and all that it forks, until one of them calls exec.
template <class P>
using exec_state = basic_staged<typename P::namespace_traits, exec_contents<P>>;

}  // namespace trefoil::mm
