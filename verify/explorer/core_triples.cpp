// SPDX-License-Identifier: Apache-2.0
// Three threads, and four where it finishes, on an object as an address space: 0 is mappings, 1 the
// page directory, 2 identity.
#include "verify/explorer/core_threads.hpp"

namespace trefoil::explorer {

namespace {

template <class T>
void add(std::vector<program>& to, const char* kind, std::vector<operation<T>> each,
         bool large = false) {
  std::string name = each.size() == 3 ? "three threads" : "four threads";
  name += kind;
  for (std::size_t i = 0; i < each.size(); ++i) name += (i == 0 ? ": " : " | ") + each[i].name;
  program made = threads_that<T>::make(std::move(name), std::move(each));
  made.large = large;
  if (large) made.most_stale_reads = 1;
  to.push_back(std::move(made));
}

// The last drop of each tier against who wants it and who leaves it.
template <class T>
void add_ends(std::vector<program>& to, const char* kind) {
  using o = operations<T>;
  using tiers = std::vector<operation<T>>;
  const auto one = [&](tiers each) { add<T>(to, kind, std::move(each)); };
  one({o::template drop<0>(), o::template promote<2, 0>(), o::template demote<0, 2>()});
  one({o::template drop<0>(), o::template promote<1, 0>(), o::template demote<0, 1>()});
  one({o::template drop<0>(), o::template promote<2, 1>(), o::template demote<0, 1>()});
  one({o::template drop<1>(), o::template promote<2, 1>(), o::template demote<1, 2>()});
  one({o::template drop<1>(), o::template promote<2, 0>(), o::template demote<0, 1>()});
  one({o::template drop<2>(), o::template promote<2, 1>(), o::template demote<1, 2>()});
  one({o::template drop<2>(), o::template promote<2, 0>(), o::template demote<0, 2>()});
  one({o::template drop<0>(), o::template drop<1>(), o::template drop<2>()});
  one({o::template demote<0, 1>(), o::template demote<1, 2>(), o::template drop<2>()});
  one({o::template promote<2, 0>(), o::template promote<2, 1>(), o::template drop<1>()});
  one({o::template share<0, 2>(), o::template drop<0>(), o::template drop<2>()});
}

template <class T>
void add_plain(std::vector<program>& to) {
  using o = operations<T>;
  using tiers = std::vector<operation<T>>;
  const auto one = [&](tiers each) { add<T>(to, "", std::move(each)); };
  one({o::template drop<0>(), o::template drop<0>(), o::template drop<0>()});
  one({o::template drop<1>(), o::template drop<1>(), o::template drop<1>()});
  one({o::template drop<2>(), o::template drop<2>(), o::template drop<2>()});
  one({o::template demote<0, 2>(), o::template demote<0, 2>(), o::template demote<0, 2>()});
  one({o::template promote<2, 0>(), o::template promote<2, 0>(), o::template drop<0>()});
  add<T>(to, "",
         {o::template share<0, 1>(), o::template demote<0, 1>(), o::template promote<2, 1>()},
         /*large=*/true);
  one({o::template copy<0>(), o::template drop<0>(), o::template promote<1, 0>()});
  one({o::template copy<2>(), o::template drop<2>(), o::template demote<1, 2>()});
  one({o::template drop_into<0>(), o::template drop<0>(), o::template promote<2, 0>()});
  one({o::template drop_into<1>(), o::template demote<0, 1>(), o::template drop<1>()});
  one({o::slot_store(), o::template slot_load<0>(), o::template drop<0>()});
  one({o::slot_store(), o::template slot_load<2>(), o::template promote<2, 0>()});
  one({o::slot_store(), o::template slot_load<0>(), o::template slot_load<2>()});
  one({o::slot_store(), o::slot_store(), o::template slot_load<0>()});

  const auto four = [&](tiers each) { add<T>(to, "", std::move(each)); };
  four(
      {o::template drop<0>(), o::template drop<1>(), o::template drop<2>(), o::template drop<2>()});
  four({o::template drop<0>(), o::template promote<2, 0>(), o::template drop<1>(),
        o::template drop<2>()});
  four({o::template drop<0>(), o::template demote<0, 1>(), o::template demote<1, 2>(),
        o::template drop<2>()});
}

// The interrupt is the third thread.
template <class T>
void add_signals(std::vector<program>& to) {
  using o = operations<T>;
  using tiers = std::vector<operation<T>>;
  const auto one = [&](tiers each) { add<T>(to, " and a signal", std::move(each)); };
  one({o::template signal<0>(), o::template drop<0>(), o::template promote<2, 0>()});
  one({o::template signal<2>(), o::template demote<1, 2>(), o::template drop<2>()});
  one({o::template signal<1>(), o::template drop<0>(), o::template drop<2>()});
}

// And the worker, which sleeps at first.
template <class T>
void add_deferring(std::vector<program>& to) {
  using o = operations<T>;
  using tiers = std::vector<operation<T>>;
  const auto one = [&](tiers each) { add<T>(to, " and the worker", std::move(each)); };
  one({o::template deferred_drop<0>(), o::template drop<1>(), o::template drop<2>()});
  one({o::template deferred_drop<0>(), o::template deferred_drop<1>(), o::template drop<2>()});
  add<T>(to, " and the worker",
         {o::template deferred_drop<1>(), o::template promote<2, 1>(), o::template drop<2>()},
         /*large=*/true);
  one({o::template deferred_drop<0>(), o::template demote<0, 1>(), o::template drop<1>()});
  add<T>(to, " and the worker",
         {o::template deferred_drop<0>(), o::template promote<2, 0>(), o::template demote<0, 1>()},
         /*large=*/true);
  add<T>(to, " and the worker", {o::template deferred_drop<0>(), o::template drop<1>(), o::help()},
         /*large=*/true);
}

// The unique owner against finders.
template <class T>
void add_finding(std::vector<program>& to) {
  using o = operations<T>;
  using tiers = std::vector<operation<T>>;
  const auto one = [&](tiers each) { add<T>(to, ", findable", std::move(each)); };
  one({o::template drop<0>(), o::template try_acquire<0>(), o::template try_acquire<0>()});
  one({o::template drop<0>(), o::template try_acquire<0>(), o::template try_acquire<2>()});
  one({o::template drop<0>(), o::template try_acquire<1>(), o::template drop<2>()});
  add<T>(to, ", findable",
         {o::template drop<1>(), o::template try_acquire<1>(), o::template try_acquire<2>()},
         /*large=*/true);
  one({o::template demote<0, 2>(), o::template try_acquire<0>(), o::template promote<2, 0>()});
  one({o::slot_store(), o::template slot_load<0>(), o::template try_acquire<0>()});
}

const registered triples("triples", [] {
  std::vector<program> all;
  add_ends<object_of<3, traits<polled>>>(all, "");
  add_ends<object_of<3, traits<polled, wide_counts>>>(all, ", wide counts");
  add_plain<object_of<3, traits<polled>>>(all);
  add_signals<object_of<3, traits<polled>>>(all);
  add_deferring<object_of<3, traits<worker>>>(all);
  add_finding<object_of<3, findable_traits<polled>>>(all);
  return all;
});

}  // namespace

}  // namespace trefoil::explorer
