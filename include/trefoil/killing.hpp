// SPDX-License-Identifier: Apache-2.0
/// @file
/// The end of counting per CPU: what kill() does (kill.hpp).
///
/// | step                                            | where                                            |
/// | ----------------------------------------------- | ------------------------------------------------ |
/// | the cells are closed; once                      | in kill()                                        |
/// | they are added up, the caller is told           | there, too; where that has to wait and the level does not allow it, in the reclaimer, by the count's own node |
/// | the bias goes; perhaps it was the last          | right after that                                 |
///
/// The object's own node is not free for this: its outer tiers may be dying meanwhile.
#pragma once

#include <cstddef>

#include "trefoil/attributes.hpp"
#include "trefoil/context.hpp"
#include "trefoil/deferred.hpp"
#include "trefoil/misuse.hpp"
#include "trefoil/per_cpu_count.hpp"
#include "trefoil/staged_facts.hpp"
#include "trefoil/tier.hpp"

namespace trefoil::detail {

template <class T>
class killing;

template <class Traits, class... Tiers>
class killing<basic_staged<Traits, Tiers...>> {
  using self = basic_staged<Traits, Tiers...>;
  using P = typename Traits::platform;
  using R = typename Traits::reclaimer;
  using count = per_cpu_count<P>;
  template <std::size_t K>
  using nth_tier = typename nth<K, Tiers...>::type;

 public:
  template <std::size_t K>
  using when_confirmed = void (*)(nth_tier<K>&) noexcept;

  /// By a holder of tier K or of one outside it. False: it was killed before.
  template <std::size_t K>
  static bool begin(self& o, when_confirmed<K> confirmed) noexcept {
    count& cells = o.template cpu_count<K>();
    if constexpr (!R::defers) {
      if (cells.waits() && P::state().here() != context::process) [[unlikely]] {
        P::report(misuse::kill_refused, &o);
        return false;
      }
    }
    const typename count::closing how = cells.close();
    if (how == count::closing::done_before) return false;
    cells.node().confirmed.set(reinterpret_cast<void (*)()>(confirmed));
    if (how == count::closing::settles_anywhere) {
      settle<K>(o, false);
    } else if (P::state().here() == context::process) {
      settle<K>(o, true);
    } else {
      cells.node().object.set(&o);
      defer<K>(o);
    }
    return true;
  }

 private:
  /// The cells are closed; the bias keeps tier K.
  template <std::size_t K>
  static void settle(self& o, bool sections) noexcept {
    count& cells = o.template cpu_count<K>();
    if (!cells.settle(sections)) [[unlikely]]
      return P::report(misuse::kill_refused, &o);
    if (auto* const confirmed = cells.node().confirmed.get(); confirmed != nullptr)
      reinterpret_cast<when_confirmed<K>>(confirmed)(*o.template tier<K>());
    if (cells.settled()) o.template put_counted<K>(wherever{});
  }

  template <std::size_t K>
  TREFOIL_COLD static void defer(self& o) noexcept {
    if constexpr (R::defers) {
      auto& own = o.template cpu_count<K>().node();
      own.run.set(&resume<K>);
      R::defer(own);
    }
  }

  template <std::size_t K>
  static void resume(deferred<P>& n) noexcept {
    self& o = *static_cast<self*>(static_cast<typename count::kill_node&>(n).object.get());
    if (P::state().here() != context::process) return defer<K>(o);
    settle<K>(o, true);
  }
};

}  // namespace trefoil::detail
