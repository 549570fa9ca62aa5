// SPDX-License-Identifier: Apache-2.0
// The saturation edge of each tier, beside every operation, on objects of one, two and three tiers.
#include "verify/explorer/core_threads.hpp"

namespace trefoil::explorer {

namespace {

/// Fields of eight bits: 63 references at most.
template <std::size_t>
inline constexpr unsigned narrow_width = 8;
template <std::size_t... Tier>
packed_counts<narrow_width<Tier>...> narrow_for(std::index_sequence<Tier...>);
template <std::size_t Tiers>
using narrow =
    object_of<Tiers, traits<polled, decltype(narrow_for(std::make_index_sequence<Tiers>()))>>;
constexpr std::uint64_t most_references = 63;

/// Takes, for ever, all references to tier K that there is room for; `given` is one. The result is
/// another, detached.
template <class T, std::size_t K>
void* take_all_left(void* given) {
  ref_to<T, K> from = ref_to<T, K>::adopt(given);
  void* kept = nullptr;
  while (from.use_count() < most_references) kept = ref_to<T, K>(from).detach();
  static_cast<void>(std::move(from).detach());
  return kept;
}

/// One reference more than there is room for, unless somebody has given one back. Both are kept for
/// ever.
template <class T, std::size_t K>
operation<T> one_more() {
  return {"one more " + std::to_string(K), K, [](board<T>&, void* given) {
            ref_to<T, K> from = ref_to<T, K>::adopt(given);
            ref_to<T, K> more = from;
            more->use();
            static_cast<void>(std::move(more).detach());
            static_cast<void>(std::move(from).detach());
          }};
}

/// Nobody is left but who keeps tier K for ever: those outside it are gone, each of those inside it
/// has the one reference that belongs to the tier around it.
template <class T, std::size_t K>
void look_around(void* kept) {
  ref_to<T, K> mine = ref_to<T, K>::adopt(kept);
  mine->use();
  if (platform::misuses() == 0 ? mine.use_count() > most_references : !mine.saturated()) {
    execution::current()->fail("a count beyond the edge that is not reported, or not pinned");
  }
  operations<T>::for_each_tier([&]<std::size_t J>() {
    if constexpr (J < K) {
      if (mine.template promote<tier_at<T, J>>()) {
        execution::current()->fail("a dead tier outside the pinned one can be had");
      }
    } else if constexpr (J > K) {
      if (mine.template use_count<tier_at<T, J>>() != 1) {
        execution::current()->fail("the count of a tier inside the pinned one has changed");
      }
    }
  });
  static_cast<void>(std::move(mine).detach());
}

/// When the operations begin, all references to tier K that there is room for are taken, and but for
/// the operations' own nobody ever gives one back: whatever the order, K and the tiers inside it live
/// for ever, one misuse is reported at most once, and the other counts in the word are as ever.
template <class T, std::size_t K>
program at_edge(const operation<T>& a, const operation<T>& b) {
  const std::string tiers = T::tier_count == 1 ? " tier" : " tiers";
  program made = threads_that<T>::make(std::to_string(T::tier_count) + tiers + ", at the edge of " +
                                           std::to_string(K) + ": " + a.name + " | " + b.name,
                                       {a, b}, [](void* given) {
                                         platform::expect_misuse();
                                         return [kept = take_all_left<T, K>(given)] {
                                           look_around<T, K>(kept);
                                         };
                                       });
  made.at_end = [] {
    return platform::misuses() > 1 ? "one misuse was reported more than once"
                                   : journal::now().verdict(K);
  };
  return made;
}

/// Who takes one more than fits to each tier, beside every operation.
template <std::size_t Tiers>
void add_edges(std::vector<program>& to) {
  using all = operations<narrow<Tiers>>;
  all::for_each_tier([&]<std::size_t K>() {
    const auto over = one_more<narrow<Tiers>, K>();
    to.push_back(at_edge<narrow<Tiers>, K>(over, over));
    for (const auto& other : all::ordinary()) {
      to.push_back(at_edge<narrow<Tiers>, K>(over, other));
    }
  });
}

const registered edge_pairs("pairs", [] {
  std::vector<program> all;
  add_edges<1>(all);
  add_edges<2>(all);
  add_edges<3>(all);
  return all;
});

}  // namespace

}  // namespace trefoil::explorer
