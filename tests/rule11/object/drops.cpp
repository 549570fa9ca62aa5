// SPDX-License-Identifier: Apache-2.0
// Compiled, not run: call_graph.cpp reads the object file. Each function is one operation.
#include <utility>

#include "trefoil/trefoil.hpp"

namespace context = trefoil::context;

namespace {

// Defined elsewhere as far as the compiler knows, so that the teardowns stay calls.
template <int Stage>
struct light {
  static constexpr auto teardown = context::any;
  light() noexcept = default;
  light(const light&) = delete;
  light& operator=(const light&) = delete;
  ~light() { gone = gone + 1; }
  static inline volatile int gone = 0;
};
struct heavy {
  static constexpr auto teardown = context::process;
};

struct wide_traits : trefoil::default_traits {
  using counts = trefoil::wide_counts;
};
struct findable_traits : trefoil::default_traits {
  static constexpr bool findable = true;
};

using packed = trefoil::staged<light<0>, light<1>, light<2>>;
using wide = trefoil::basic_staged<wide_traits, light<0>, light<1>, light<2>>;
using findable = trefoil::basic_staged<findable_traits, light<0>, light<1>, light<2>>;
using deferring = trefoil::staged<heavy>;

template <class T>
using user = trefoil::ref<T, light<0>>;
template <class T>
using bare = trefoil::ref<T, light<2>>;

}  // namespace

extern "C" {

// What rule 11 is about. `clean_` is the mark for call_graph.cpp.
void clean_drop_packed(user<packed>& r) { r.drop(context::in_any); }
void clean_drop_wide(user<wide>& r) { r.drop(context::in_any); }
void clean_drop_findable(user<findable>& r) { r.drop(context::in_any); }
void clean_drop_bare(bare<packed>& r) { r.drop(context::in_any); }
void clean_drop_wherever(user<packed>& r) {
  const context::scope here(context::any);
  r.drop();
}
void clean_copy(user<packed>& r, user<packed>& other) {
  const context::scope here(context::any);
  r = other;
}
bool clean_promote(bare<packed>& r) {
  const context::scope here(context::any);
  return static_cast<bool>(r.promote<light<0>>());
}
void clean_demote(user<packed>& r, bare<packed>& low) {
  const context::scope here(context::any);
  low = std::move(r).demote<light<2>>(context::in_any);
}
void clean_slot(trefoil::slot<user<findable>>& s) {
  const context::scope here(context::any);
  auto r = s.load();
  s.clear();
}
void clean_drop_into(trefoil::ref<deferring>& r, trefoil::deferred_list& later) {
  r.drop_into(later);
}

// The controls, which have to be seen as what they are.
void allocating_make(user<packed>& r) { r = trefoil::make<packed>(); }
void waking_drop(trefoil::ref<deferring>& r) { r.drop(context::in_any); }
void trapping() { asm volatile("syscall" ::: "memory", "rcx", "r11"); }
}
