// SPDX-License-Identifier: Apache-2.0
/// @file
/// What a thread of a program does: one operation of the library, from a reference that it is given,
/// to the end of all references that it has.
#pragma once

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
  bool long_after_start =
      false;                ///< all know how the worker began, lest there be too many executions
  unsigned interrupts = 0;  ///< threads more that it makes

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
    return all;
  }
  /// On the reclaimer alone: the same for all objects.
  static std::vector<operation<T>> reclaiming() { return {flush(), help()}; }
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

}  // namespace trefoil::explorer
