// SPDX-License-Identifier: Apache-2.0
/// @file
/// Programs of which each thread does one operation, on one object.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "verify/explorer/core_operations.hpp"

namespace trefoil::explorer {

/// A reference to tier `tier`, detached, for an operation.
template <class T, std::size_t K = 0>
void* share_detached(const ref_to<T, 0>& outer, std::size_t tier) {
  if constexpr (K == T::tier_count) {
    return nullptr;
  } else {
    if (tier != K) return share_detached<T, K + 1>(outer, tier);
    if constexpr (K == 0) {
      return ref_to<T, 0>(outer).detach();
    } else {
      return outer.template share<tier_at<T, K>>().detach();
    }
  }
}

/// A program of one thread for each operation, on one object. The first thread has made it; its own
/// reference goes to the slot, or to the first operation on the outermost tier. If there is neither,
/// it is dropped beside the operations if one of them looks for it, else before them. Only the order
/// of the operations is to matter: a worker sleeps when they begin, and if one of them asks for that,
/// has done so for long.
template <class T>
class threads_that {
  using op = operation<T>;
  static constexpr bool has_worker = std::is_same_v<typename T::traits::reclaimer, worker>;

 public:
  static program make(std::string name, std::vector<op> each) {
    return make(std::move(name), std::move(each), [](void*) { return [] {}; });
  }
  /// `prepare` is called before the operations begin, with the reference that the first one is given
  /// (detached, and to be left so); what it returns, after they have ended.
  static program make(std::string name, std::vector<op> each,
                      std::function<std::function<void()>(void*)> prepare) {
    auto threads = static_cast<unsigned>(each.size()) + (has_worker ? 1 : 0);
    for (const op& o : each) threads += o.interrupts;
    return program_of(
        std::move(name), threads,
        [each = std::move(each), prepare = std::move(prepare)] { run(each, prepare)(); });
  }

 private:
  static bool any_of(const std::vector<op>& each, bool (*what)(const op&)) {
    return std::any_of(each.begin(), each.end(), what);
  }

  static std::function<void()> run(const std::vector<op>& each,
                                   const std::function<std::function<void()>(void*)>& prepare) {
    execution& now = *execution::current();
    board<T> b;
    ref_to<T, 0> outer = make_one<T>();
    b.address = outer.address();
    std::vector<void*> given(each.size());
    const op* heir = nullptr;
    for (std::size_t i = 0; i < each.size(); ++i) {
      if (heir == nullptr && each[i].tier == 0) {
        heir = &each[i];
      } else if (each[i].takes_reference()) {
        given[i] = share_detached<T>(outer, each[i].tier);
      }
    }
    if (any_of(each, [](const op& o) { return o.tier == op::from_slot; })) {
      b.place.store(heir == nullptr ? std::move(outer) : outer);
    }
    if (heir != nullptr)
      given[static_cast<std::size_t>(heir - each.data())] = std::move(outer).detach();
    if (!any_of(each, [](const op& o) { return o.looks_outwards; })) outer.drop();
    std::function<void()> finish = prepare(given[0]);
    if constexpr (has_worker) {
      now.until_idle();
      if (any_of(each, [](const op& o) { return o.long_after_start; })) now.learn_all();
    }
    for (std::size_t i = 1; i < each.size(); ++i) {
      now.spawn([&b, &one = each[i], from = given[i]] { one.run(b, from); });
    }
    outer.drop();
    each[0].run(b, given[0]);
    now.join_all();
    if constexpr (!has_worker) static_cast<void>(polled::poll());  // what was dropped in a signal
    return finish;
  }
};

}  // namespace trefoil::explorer
