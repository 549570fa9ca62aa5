// SPDX-License-Identifier: Apache-2.0
/// @file
/// What a thread of a program does: one operation of the library, from a reference that it is given,
/// to the end of all references that it has.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "verify/explorer/core_world.hpp"

namespace trefoil::explorer {

/// What the threads of a program share.
template <class T>
struct board {
  T* address = nullptr;
  slot<ref_to<T, 0>> place;
};

template <class T>
struct operation {
  static constexpr std::size_t no_reference = SIZE_MAX;
  static constexpr std::size_t from_slot = SIZE_MAX - 1;

  std::string name;
  std::size_t tier = no_reference;  ///< of the reference that it is given
  std::function<void(board<T>&, void*)> run;
  bool looks_outwards = false;   ///< what it finds depends on tiers that it has no reference to
  bool with_the_worker = false;  ///< it works with, or waits for, the reclaimer's thread
  unsigned interrupts = 0;       ///< threads more that it makes

  [[nodiscard]] bool takes_reference() const noexcept { return tier < from_slot; }
};

template <class T>
class operations {
  static constexpr std::size_t N = T::tier_count;
  template <std::size_t K>
  using held = ref_to<T, K>;

 public:
  template <class F>
  static void for_each_tier(F&& f) {
    [&]<std::size_t... K>(std::index_sequence<K...>) {
      (f.template operator()<K>(), ...);
    }(std::make_index_sequence<N>{});
  }

  /// Those of which a program is made anyway: from a reference, or the slot.
  static std::vector<operation<T>> ordinary() {
    std::vector<operation<T>> all;
    for_each_tier([&]<std::size_t K>() {
      all.push_back(copy<K>());
      all.push_back(drop<K>());
      all.push_back(drop_into<K>());
      all.push_back(signal<K>());
      for_each_tier([&]<std::size_t J>() {
        if constexpr (J > K) {
          all.push_back(share<K, J>());
          all.push_back(demote<K, J>());
        } else if constexpr (J < K) {
          all.push_back(promote<K, J>());
        }
      });
    });
    all.push_back(slot_load<0>());
    if constexpr (N > 1) all.push_back(slot_load<N - 1>());
    all.push_back(slot_store());
    return all;
  }
  /// Those that need a reclaimer with a thread.
  static std::vector<operation<T>> deferring() {
    std::vector<operation<T>> all;
    for_each_tier([&]<std::size_t K>() {
      if constexpr (T::template needed<K>() != any) all.push_back(deferred_drop<K>());
    });
    all.push_back(flush());
    all.push_back(help());
    return all;
  }
  static std::vector<operation<T>> finding() {
    std::vector<operation<T>> all;
    for_each_tier([&]<std::size_t K>() { all.push_back(try_acquire<K>()); });
    return all;
  }

  template <std::size_t K>
  static operation<T> copy() {
    return from<K>("copy " + digit(K), [](board<T>&, held<K> r) {
      held<K> other = r;
      r.drop();
      other->use();
    });
  }
  /// Two more at a time: one too many, where but one fits.
  template <std::size_t K>
  static operation<T> take_two() {
    return from<K>("take two more " + digit(K), [](board<T>&, held<K> r) {
      const held<K> first = r;
      const held<K> second = r;
      r.drop();
      second->use();
    });
  }
  template <std::size_t K>
  static operation<T> drop() {
    return from<K>("drop " + digit(K), [](board<T>&, held<K> r) {
      r->use();
      r.drop();
    });
  }
  template <std::size_t K>
  static operation<T> drop_into() {
    return from<K>("drop_into " + digit(K), [](board<T>&, held<K> r) {
      list later;
      r->use();
      r.drop_into(later);
      later.run();
    });
  }
  template <std::size_t K, std::size_t J>
  static operation<T> share() {
    return from<K>("share " + digit(K) + " to " + digit(J), [](board<T>&, held<K> r) {
      held<J> lower = r.template share<tier_at<T, J>>();
      r->use();
      r.drop();
      lower->use();
    });
  }
  template <std::size_t K, std::size_t J>
  static operation<T> demote() {
    return from<K>("demote " + digit(K) + " to " + digit(J), [](board<T>&, held<K> r) {
      r->use();
      const held<J> lower = std::move(r).template demote<tier_at<T, J>>();
      lower->use();
    });
  }
  template <std::size_t K, std::size_t J>
  static operation<T> promote() {
    operation<T> made =
        from<K>("promote " + digit(K) + " to " + digit(J), [](board<T>&, held<K> r) {
          const held<J> higher = r.template promote<tier_at<T, J>>();
          if (higher) higher->use();
          r->use();
        });
    made.looks_outwards = true;
    return made;
  }
  /// An interrupt drops one reference while its CPU copies and drops another.
  template <std::size_t K>
  static operation<T> signal() {
    operation<T> made = from<K>("drop " + digit(K) + " in a signal", [](board<T>&, held<K> r) {
      void* const given = held<K>(r).detach();
      execution& now = *execution::current();
      now.spawn(
          [given] {
            const scope handler(any);
            held<K> mine = held<K>::adopt(given);
            mine->use();
            mine.drop();
          },
          false, now.running());
      r->use();
      r.drop();
    });
    made.interrupts = 1;
    return made;
  }
  template <std::size_t J>
  static operation<T> slot_load() {
    return {"slot load " + digit(J), operation<T>::from_slot, [](board<T>& b, void*) {
              const held<J> seen = b.place.template load<tier_at<T, J>>();
              if (seen) seen->use();
            }};
  }
  static operation<T> slot_store() {
    return {"slot store", operation<T>::from_slot, [](board<T>& b, void*) { b.place.clear(); }};
  }

  template <std::size_t K>
  static operation<T> deferred_drop() {
    operation<T> made = from<K>("deferred drop " + digit(K), [](board<T>&, held<K> r) {
      const scope inside(any);
      r->use();
      r.drop();
    });
    made.with_the_worker = true;
    return made;
  }
  static operation<T> flush() {
    operation<T> made{"flush", operation<T>::no_reference,
                      [](board<T>&, void*) { static_cast<void>(worker::flush()); }};
    made.with_the_worker = true;
    return made;
  }
  static operation<T> help() {
    operation<T> made{"help", operation<T>::no_reference,
                      [](board<T>&, void*) { static_cast<void>(worker::help()); }};
    made.with_the_worker = true;
    return made;
  }

  template <std::size_t K>
  static operation<T> try_acquire() {
    operation<T> made{
        "try_acquire " + digit(K), operation<T>::no_reference, [](board<T>& b, void*) {
          const held<K> found = trefoil::try_acquire<tier_at<T, K>>(b.address, some_key);
          if (found) found->use();
        }};
    made.looks_outwards = true;
    return made;
  }

 private:
  static std::string digit(std::size_t k) { return std::to_string(k); }

  template <std::size_t K, class F>
  static operation<T> from(std::string name, F f) {
    return {std::move(name), K, [f](board<T>& b, void* given) { f(b, held<K>::adopt(given)); }};
  }
};

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
/// of the operations is to matter: a worker sleeps when they begin.
///
/// At the edge of a tier, whose count has eight bits: when they begin, one more reference to it fits.
/// The others are never given back. However they go on, that tier and those inside it live for ever,
/// which is reported at most once, and its neighbours in the word are none the wiser.
template <class T>
class threads_that {
  using op = operation<T>;
  static constexpr bool has_worker = std::is_same_v<typename T::traits::reclaimer, worker>;
  static constexpr std::uint64_t narrow_limit = 63;

 public:
  static program make(std::string name, std::vector<op> each) {
    const unsigned threads = threads_of(each);
    return program_of(std::move(name), threads,
                      [each = std::move(each)] { run(each, [](const ref_to<T, 0>&) {}); });
  }
  template <std::size_t Tier>
  static program make_at_edge(std::string name, std::vector<op> each) {
    const unsigned threads = threads_of(each);
    program made = program_of(std::move(name), threads, [each = std::move(each)] {
      platform::expect_misuse();
      run(each, [](const ref_to<T, 0>& outer) {
        while (outer.template use_count<tier_at<T, Tier>>() < narrow_limit - 1)
          static_cast<void>(share_detached<T>(outer, Tier));
      });
    });
    made.at_end = [] {
      if (platform::misuses() > 1) return std::string("one misuse was reported more than once");
      return journal::now().verdict(Tier);
    };
    return made;
  }

 private:
  static unsigned threads_of(const std::vector<op>& each) {
    auto threads = static_cast<unsigned>(each.size()) + (has_worker ? 1 : 0);
    for (const op& o : each) threads += o.interrupts;
    return threads;
  }
  static bool any_of(const std::vector<op>& each, bool (*what)(const op&)) {
    return std::any_of(each.begin(), each.end(), what);
  }

  template <class Prepare>
  static void run(const std::vector<op>& each, Prepare prepare) {
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
    prepare(outer);
    if (any_of(each, [](const op& o) { return o.tier == op::from_slot; })) {
      b.place.store(heir == nullptr ? std::move(outer) : outer);
    }
    if (heir != nullptr)
      given[static_cast<std::size_t>(heir - each.data())] = std::move(outer).detach();
    if (!any_of(each, [](const op& o) { return o.looks_outwards; })) outer.drop();
    if constexpr (has_worker) now.until_idle();
    for (std::size_t i = 1; i < each.size(); ++i) {
      now.spawn([&b, &one = each[i], from = given[i]] { one.run(b, from); });
    }
    outer.drop();
    each[0].run(b, given[0]);
    now.join_all();
    if constexpr (!has_worker) static_cast<void>(polled::poll());  // what was dropped in a signal
  }
};

}  // namespace trefoil::explorer
