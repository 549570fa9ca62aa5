// SPDX-License-Identifier: Apache-2.0
// Every operation beside every other, on objects of one, two and three tiers.
#include "verify/explorer/core_threads.hpp"

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
program pair(const char* kind, const operation<T>& a, const operation<T>& b) {
  const std::string tiers = T::tier_count == 1 ? " tier" : " tiers";
  operation<T> first = a;
  first.long_after_start = is_large(a, b);
  program made = threads_that<T>::make(
      std::to_string(T::tier_count) + tiers + kind + ": " + a.name + " | " + b.name, {first, b});
  made.large = is_large(a, b);
  if (made.large) made.most_stale_reads = 1;
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

template <std::size_t Tiers>
void add_pairs(std::vector<program>& to) {
  using plain = object_of<Tiers, traits<polled>>;
  all_pairs(to, "", operations<plain>::ordinary());

  using deferring = object_of<Tiers, traits<worker>>;
  const auto drops = operations<deferring>::deferring();
  const auto others = operations<deferring>::reclaiming();
  all_pairs(to, ", worker", drops);
  each_with(to, ", worker", drops, others);
  if constexpr (Tiers == 1) all_pairs(to, ", worker", others);
  each_with(to, ", worker", drops, operations<deferring>::ordinary());
  each_with(to, ", worker", others, operations<deferring>::ordinary());

  using found = object_of<Tiers, findable_traits<polled>>;
  all_pairs(to, ", findable", operations<found>::finding());
  each_with(to, ", findable", operations<found>::finding(), operations<found>::ordinary());
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
