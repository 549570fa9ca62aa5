// SPDX-License-Identifier: Apache-2.0
// Every operation beside every other, on objects of one, two and three tiers.
#include "verify/explorer/core_operations.hpp"

namespace trefoil::explorer {

namespace {

// Hundreds of thousands of executions.
template <class T>
bool is_large(const operation<T>& a, const operation<T>& b) {
  if (b.name == "flush" && a.name != "flush") return is_large(b, a);
  if (a.name == "flush") return b.with_the_worker || b.looks_outwards || b.interrupts != 0;
  return T::tier_count > 2 && a.with_the_worker && b.interrupts != 0;
}

template <class T>
std::string name_of(const std::string& kind, const operation<T>& a, const operation<T>& b) {
  const std::string tiers = T::tier_count == 1 ? " tier" : " tiers";
  return std::to_string(T::tier_count) + tiers + kind + ": " + a.name + " | " + b.name;
}

template <class T>
program pair(const char* kind, const operation<T>& a, const operation<T>& b) {
  program made = threads_that<T>::make(name_of(kind, a, b), {a, b});
  made.large = is_large(a, b);
  return made;
}

template <class T>
void all_pairs(std::vector<program>& to, const char* kind, const std::vector<operation<T>>& all) {
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (std::size_t j = i; j < all.size(); ++j) to.push_back(pair(kind, all[i], all[j]));
  }
}
template <class T>
void each_with(std::vector<program>& to, const char* kind, const std::vector<operation<T>>& some,
               const std::vector<operation<T>>& others) {
  for (const operation<T>& a : some) {
    for (const operation<T>& b : others) to.push_back(pair(kind, a, b));
  }
}

/// Fields of eight bits: 63 references at most.
template <std::size_t... Tier>
packed_counts<(Tier, 8U)...> narrow_for(std::index_sequence<Tier...>);

/// Whoever overflows the count of each tier, beside every other operation.
template <std::size_t Tiers>
void add_edges(std::vector<program>& to) {
  using counts = decltype(narrow_for(std::make_index_sequence<Tiers>()));
  using narrow = object_of<Tiers, traits<polled, counts>>;
  operations<narrow>::for_each_tier([&]<std::size_t K>() {
    const operation<narrow> over = operations<narrow>::template take_two<K>();
    const std::string kind = ", one below the edge of " + std::to_string(K);
    to.push_back(threads_that<narrow>::template make_at_edge<K>(name_of(kind, over, over),
                                                                {over, over}));
    for (const operation<narrow>& other : operations<narrow>::ordinary()) {
      to.push_back(threads_that<narrow>::template make_at_edge<K>(name_of(kind, over, other),
                                                                  {over, other}));
    }
  });
}

template <std::size_t Tiers>
void add_pairs(std::vector<program>& to) {
  using plain = object_of<Tiers, traits<polled>>;
  all_pairs(to, "", operations<plain>::ordinary());

  using deferring = object_of<Tiers, traits<worker>>;
  all_pairs(to, ", worker", operations<deferring>::deferring());
  each_with(to, ", worker", operations<deferring>::deferring(), operations<deferring>::ordinary());

  using found = object_of<Tiers, findable_traits<polled>>;
  all_pairs(to, ", findable", operations<found>::finding());
  each_with(to, ", findable", operations<found>::finding(), operations<found>::ordinary());

  add_edges<Tiers>(to);
}

const registered pairs("pairs", [] {
  std::vector<program> all;
  add_pairs<1>(all);
  add_pairs<2>(all);
  add_pairs<3>(all);
  return all;
});

}  // namespace

}  // namespace trefoil::explorer
