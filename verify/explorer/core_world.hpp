// SPDX-License-Identifier: Apache-2.0
/// @file
/// Staged objects for the explorer's programs, and what must be true of them whatever the order:
/// each tier dies once, after those outside it, at a level that allows it; who holds it, or promoted
/// to it, finds it alive; all that is done to it happens before its teardown; no memory is left.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "trefoil/context.hpp"
#include "trefoil/default_counts.hpp"
#include "trefoil/findable.hpp"
#include "trefoil/lazy_pin.hpp"
#include "trefoil/make.hpp"
#include "trefoil/polled.hpp"
#include "trefoil/pool.hpp"
#include "trefoil/ref.hpp"
#include "trefoil/slot.hpp"
#include "trefoil/staged.hpp"
#include "trefoil/wide_counts.hpp"
#include "trefoil/worker.hpp"
#include "verify/explorer/execution.hpp"
#include "verify/explorer/platform.hpp"
#include "verify/explorer/program.hpp"

namespace trefoil::explorer {

inline constexpr context::level any = context::any;
inline constexpr context::level atomic_level = context::atomic;
inline constexpr context::level process = context::process;

using worker = basic_worker<platform>;
struct by_hand;
using polled = basic_polled<platform, by_hand>;
using scope = context::basic_scope<platform>;
using list = basic_deferred_list<platform>;

/// What became of the objects of the execution under way. Plain data: the explorer's, not the
/// program's.
class journal {
 public:
  static journal& now() {
    static journal here;
    const std::uint64_t number = execution::current()->number();
    if (here.of_ != number) {
      here = journal();
      here.of_ = number;
    }
    return here;
  }

  std::size_t made() {
    objects_.emplace_back();
    return objects_.size() - 1;
  }
  void born(std::size_t object, std::size_t stage) { objects_[object].state[stage] = alive; }
  void died(std::size_t object, std::size_t stage, context::level needs) {
    auto& state = objects_[object].state;
    if (state[stage] != alive) execution::current()->fail("a tier dies twice");
    for (std::size_t outside = 0; outside < stage; ++outside) {
      if (state[outside] == alive) execution::current()->fail("a tier dies before one outside it");
    }
    if (!context::allows(platform::state().here(), needs)) {
      execution::current()->fail("a teardown at a level that does not allow it");
    }
    state[stage] = dead;
  }
  void used(std::size_t object, std::size_t stage) const {
    if (objects_[object].state[stage] != alive) {
      execution::current()->fail("a tier is used that is not alive");
    }
  }
  [[nodiscard]] std::size_t objects() const { return objects_.size(); }

  static constexpr std::size_t none = SIZE_MAX;

  /// What is wrong at the end; empty: nothing. `kept`: the outermost tier that somebody holds for
  /// ever; those outside it must be gone all the same.
  [[nodiscard]] std::string verdict(std::size_t kept = none) const {
    for (const life& o : objects_) {
      for (std::size_t k = 0; k < o.state.size(); ++k) {
        if (o.state[k] == alive && k < kept) return "a tier lives on though nobody holds it";
        if (o.state[k] == dead && k >= kept) return "a tier is dead though somebody holds it";
      }
    }
    for (const reclaimer_counters& c : {worker::counters(), polled::counters()}) {
      if (c.pending != 0) return "a deferred teardown was not run";
      if (c.peak > objects_.size()) return "more is deferred than there are objects";
    }
    if (kept != none) return "";
    return execution::current()->bytes_in_use() == 0 ? "" : "memory is left";
  }

 private:
  enum fate : unsigned char { unborn, alive, dead };
  struct life {
    std::array<fate, 8> state{};
  };
  std::vector<life> objects_;
  std::uint64_t of_ = 0;
};

/// A tier. Each thread that uses it writes to a place of its own there; the teardown reads them all.
template <std::size_t Number, context::level Level>
class stage {
 public:
  static constexpr auto teardown = Level;

  stage() : object_(journal::now().made()) { journal::now().born(object_, Number); }
  template <class Inner>
    requires(!std::is_same_v<Inner, stage>)
  explicit stage(Inner& inner) : object_(inner.object()) {
    journal::now().born(object_, Number);
  }
  stage(const stage&) = delete;
  stage& operator=(const stage&) = delete;
  ~stage() {
    look();
    journal::now().died(object_, Number, Level);
  }

  void use() {
    journal::now().used(object_, Number);
    marks_[execution::current()->running()].set(1);
  }
  /// Sees what all others have done to it.
  void look() const {
    journal::now().used(object_, Number);
    for (const cell<int>& mark : marks_) static_cast<void>(mark.get());
  }
  [[nodiscard]] std::size_t object() const noexcept { return object_; }

 private:
  std::size_t object_;
  std::array<cell<int>, most_threads> marks_{};
};

template <class Reclaimer, class Counts = default_counts>
struct traits {
  using platform = explorer::platform;
  using counts = Counts;
  using reclaimer = Reclaimer;
  using storage = watched_storage;
};

/// Found without a reference. Their memory stays what it is: a pool's.
template <class Reclaimer, class Counts = default_counts>
struct findable_traits : traits<Reclaimer, Counts> {
  using storage = pooled;
  static constexpr bool findable = true;
  using key = int;
};

/// An object of 1 to 3 tiers, as mappings, page directory, identity.
template <std::size_t Tiers, class Traits>
struct objects;
template <class Traits>
struct objects<1, Traits> {
  using type = basic_staged<Traits, stage<0, process>>;
};
template <class Traits>
struct objects<2, Traits> {
  using type = basic_staged<Traits, stage<0, process>, stage<1, any>>;
};
template <class Traits>
struct objects<3, Traits> {
  using type = basic_staged<Traits, stage<0, process>, stage<1, atomic_level>, stage<2, any>>;
};
template <std::size_t Tiers, class Traits>
using object_of = typename objects<Tiers, Traits>::type;

template <class T, std::size_t K>
using tier_at = typename detail::facts<T>::template tier<K>;
template <class T, std::size_t K>
using ref_to = ref<T, tier_at<T, K>>;

inline constexpr int some_key = 7;

template <class T>
ref<T, outermost_tier<T>> make_one() {
  if constexpr (findable<T>) {
    return make<T>(some_key);
  } else {
    return make<T>();
  }
}

/// A program after which nothing must be left.
inline program program_of(std::string name, unsigned threads, std::function<void()> main) {
  program p;
  p.name = std::move(name);
  p.threads = threads;
  p.main = std::move(main);
  p.at_end = [] { return journal::now().verdict(); };
  return p;
}

inline void spawn(std::function<void()> body) { execution::current()->spawn(std::move(body)); }

}  // namespace trefoil::explorer
