// SPDX-License-Identifier: Apache-2.0
/// @file
/// What objects and references take. Lines "what bytes payload", separated by tabs: payload is what the
/// program asked for, the rest is what counting and deferral cost.
#include <cstddef>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include <trefoil/trefoil.hpp>

namespace {

using trefoil::context::process;

/// One long per tier.
template <std::size_t>
struct tier {
  static constexpr auto teardown = process;
  long value = 1;
};

template <class Counts>
struct with : trefoil::default_traits {
  using counts = Counts;
};

template <class Traits, class Indices>
struct object;
template <class Traits, std::size_t... I>
struct object<Traits, std::index_sequence<I...>> {
  using type = trefoil::basic_staged<Traits, tier<I>...>;
};

void say(const std::string& what, std::size_t bytes, std::size_t payload) {
  std::printf("%s\t%zu\t%zu\n", what.c_str(), bytes, payload);
}

template <class Traits, std::size_t... N>
void say_all(const char* counts, std::index_sequence<N...>) {
  (say("staged, " + std::to_string(N + 1) + (N == 0 ? " tier, " : " tiers, ") + counts,
       sizeof(typename object<Traits, std::make_index_sequence<N + 1>>::type),
       (N + 1) * sizeof(long)),
   ...);
}

/// Tells how much make_shared asks for.
template <class T>
struct told {
  using value_type = T;
  std::size_t* bytes;
  explicit told(std::size_t* b) : bytes(b) {}
  template <class U>
  told(const told<U>& other) : bytes(other.bytes) {}  // NOLINT(google-explicit-constructor)
  T* allocate(std::size_t n) {
    *bytes += n * sizeof(T);
    return std::allocator<T>().allocate(n);
  }
  void deallocate(T* p, std::size_t n) { std::allocator<T>().deallocate(p, n); }
  template <class U>
  bool operator==(const told<U>&) const {
    return true;
  }
};

}  // namespace

int main() {
  using object_of_one = trefoil::staged<tier<0>>;
  say("ref", sizeof(trefoil::ref<object_of_one>), sizeof(void*));
  say("std::shared_ptr", sizeof(std::shared_ptr<long>), sizeof(void*));
  say("std::weak_ptr", sizeof(std::weak_ptr<long>), sizeof(void*));
  say_all<trefoil::default_traits>("packed counts", std::make_index_sequence<4>{});
  say_all<with<trefoil::wide_counts>>("wide counts", std::make_index_sequence<4>{});
  say_all<with<trefoil::padded_counts>>("padded counts", std::make_index_sequence<4>{});
  std::size_t bytes = 0;
  static_cast<void>(std::allocate_shared<long>(told<long>(&bytes), 1L));
  say("make_shared, 1 stage", bytes, sizeof(long));
}
