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
  program made = threads_that<T>::make(
      std::to_string(T::tier_count) + tiers + kind + ": " + a.name + " | " + b.name, {a, b});
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
