// SPDX-License-Identifier: Apache-2.0
// The depot: the exchange of blocks between threads, slabs that come and go.
#include <array>
#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "trefoil/memory/depot.hpp"
#include "verify/explorer/core_memory.hpp"

namespace trefoil::explorer {

namespace {

template <class P, std::size_t Size, bool TypeStable = false>
class exchange {
  using blocks = marked_blocks<P, TypeStable>;
  using depot = trefoil::depot<P, Size, 64, blocks>;
  using node = deferred<P>;
  using slab = typename depot::slab;

 public:
  /// What a thread does. It is given a chain of blocks of its own, `batch` of them.
  struct operation {
    std::string name;
    std::function<void(exchange&, node*)> does;
    bool needs_blocks = true;
    bool interrupts = false;  // comes in between the first thread's steps
  };

  static std::vector<operation> operations() {
    return {
        {"take", [](exchange& d, node*) { d.keep(d.take(process, depot::batch)); }, false},
        {"take and put_magazine",
         [](exchange& d, node*) { d.put_or_drop(d.take(process, depot::batch), process); }, false},
        {"take one at atomic",
         [](exchange& d, node*) {
           const level_scope<P> here(atomic_level);
           d.keep(d.take(atomic_level, 1));
         },
         false},
        {"put_magazine", [](exchange& d, node* mine) { d.put_magazine(mine, process); }},
        {"put_magazine at atomic",
         [](exchange& d, node* mine) {
           const level_scope<P> here(atomic_level);
           d.put_magazine(mine, atomic_level);
         }},
        {"put", [](exchange& d, node* mine) { d.put_each(mine, process); }},
        {"put_all", [](exchange& d, node* mine) { d.depot_.put_all(d.given(mine)); }},
        {"drop", [](exchange& d, node* mine) { d.drop_each(mine); }},
        {"drop in an interrupt", [](exchange& d, node* mine) { d.drop_each(mine); }, true, true},
        {"tidy", [](exchange& d, node*) { d.depot_.tidy(process); }, false},
        {"trim", [](exchange& d, node*) { static_cast<void>(d.depot_.trim()); }, false},
        {"figures", [](exchange& d, node*) { d.look(); }, false},
    };
  }

  /// How it is when the operations begin.
  enum class start : unsigned char {
    nothing,        // what operations are given comes from one slab; nothing else is there
    slab_used_up,   // and all else of the slab is held by the first thread, to the end
    magazine_full,  // and there is a magazine
    dropped_some,   // and something was dropped that nobody has looked at
  };
  static const char* name_of(start s) {
    switch (s) {
      case start::nothing: return "";
      case start::slab_used_up: return ", of a slab that is used up";
      case start::magazine_full: return ", beside a magazine";
      case start::dropped_some: return ", beside dropped blocks";
    }
    return "";
  }

  static program make(const std::string& where, std::vector<operation> each, start from) {
    std::string name = where + ": ";
    for (const operation& o : each) name += (&o == each.data() ? "" : " | ") + o.name;
    name += name_of(from);
    const auto threads = static_cast<unsigned>(each.size());
    return program_on_memory(std::move(name), threads, [each = std::move(each), from] {
      exchange here;
      here.run(each, from);
    });
  }

 private:
  static void for_each(node* chain, const std::function<void(node&)>& does) {
    while (chain != nullptr) {
      node* const next = chain->next.get();
      does(*chain);
      chain = next;
    }
  }
  static node* taken(node* chain, std::size_t count) {
    for_each(chain, [&](node& n) {
      owners::now().has(&n);
      blocks::use(&n);
      --count;
    });
    must(count == 0, "take() gives another number of blocks than it says");
    return chain;
  }
  /// As a chain of free blocks.
  static node* given(node* chain) {
    node* all = nullptr;
    for_each(chain, [&](node& n) {
      owners::now().gives(&n);
      node* const free = blocks::freed(&n);
      free->next.set(all);
      all = free;
    });
    return all;
  }

  node* take(context::level here, std::size_t wanted) {
    std::size_t got = 0;
    node* const chain = depot_.take(here, wanted, got);
    must(got <= wanted, "take() gives more than was wanted");
    if (here == process) must(got != 0, "no memory, though the platform has some");
    return taken(chain, got);
  }
  void keep(node* chain) {
    if (chain != nullptr) kept_[execution::current()->running()].push_back(chain);
  }
  void put_magazine(node* chain, context::level here) { depot_.put_magazine(*given(chain), here); }
  // What is less than a magazine cannot be put as one.
  void put_or_drop(node* chain, context::level here) {
    std::size_t count = 0;
    for_each(chain, [&](node&) { ++count; });
    if (count == depot::batch) return put_magazine(chain, here);
    drop_each(chain);
  }
  void put_each(node* chain, context::level here) {
    for_each(given(chain), [&](node& n) { depot_.put(n, here); });
  }
  void drop_each(node* chain) {
    const level_scope<P> here(any);
    for_each(given(chain), [&](node& n) { depot_.drop(n); });
  }
  void look() {
    const pool_figures f = depot_.figures(process);
    must(f.living + f.cached + f.shared == f.slabs * slab::blocks(), "the figures do not add up");
    must(f.bytes == f.slabs * slab::bytes(), "the bytes are not those of the slabs");
  }

  void run(const std::vector<operation>& each, start from) {
    execution& now = *execution::current();
    std::vector<node*> chains(each.size());
    for (std::size_t i = 0; i != each.size(); ++i) {
      if (each[i].needs_blocks) chains[i] = take(process, depot::batch);
    }
    std::vector<node*> others;
    if (from != start::nothing) others.push_back(take(process, depot::batch));
    if (from == start::slab_used_up) {
      const level_scope<P> here(atomic_level);
      while (node* const more = take(atomic_level, 1)) others.push_back(more);
    }
    if (from == start::magazine_full) put_magazine(std::exchange(others.back(), nullptr), process);
    if (from == start::dropped_some) drop_each(std::exchange(others.back(), nullptr));
    for (std::size_t i = 1; i != each.size(); ++i) {
      now.spawn([this, &each, &chains, i] { each[i].does(*this, chains[i]); }, /*daemon=*/false,
                each[i].interrupts ? 0 : execution::nobody);
    }
    each[0].does(*this, chains[0]);
    now.join_all();
    end(others);
  }

  void end(const std::vector<node*>& others) {
    const pool_figures f = depot_.figures(process);
    must(f.living == owners::now().held(), "blocks are lost, or counted as living");
    must(f.cached == 0, "blocks that nobody has are counted as cached");
    for (const auto& of_thread : kept_) {
      for (node* const chain : of_thread) depot_.put_all(given(chain));
    }
    for (node* const chain : others) depot_.put_all(given(chain));
    must(owners::now().held() == 0, "the program has lost a block");
    const std::size_t had = depot_.bytes();
    must(depot_.trim() == had, "trim() tells another number than it gave back");
    must(depot_.bytes() == 0, "trim() does not give all back");
  }

  depot depot_;
  std::array<std::vector<node*>, most_threads> kept_;
};

/// What was dropped at level `any` goes back though the only thread that is at it needs nothing from
/// the depot: it looks whether something was dropped.
program noticed() {
  program p = program_on_memory("the depot: what is dropped at any is noticed", 2, [] {
    using P = unsure;
    using depot = trefoil::depot<P, 32768, 64, marked_blocks<P>>;  // each block has its slab
    depot all;
    std::array<deferred<P>*, 3> blocks{};
    std::size_t got = 0;
    for (auto& b : blocks) b = all.take(process, 1, got);
    spawn([&] {
      const level_scope<P> here(any);
      for (auto* const b : blocks) all.drop(*marked_blocks<P>::freed(b));
    });
    const auto look = [&all] {
      if (all.dropped_some()) all.tidy(process);
    };
    look();
    look();
    execution::current()->join_all();
    for (int i = 0; i != 4; ++i) look();
    must(all.slabs() <= 1, "what was dropped at any stays");
    static_cast<void>(all.trim());
  });
  p.most_stale_reads = 0;  // the notice is a hint: a stale one is made good by the next
  p.never_stale = true;
  return p;
}

template <class Exchange>
void add_pairs(std::vector<program>& all, const std::string& where, bool large) {
  using start = typename Exchange::start;
  using operations = std::vector<typename Exchange::operation>;
  for (const start from :
       {start::nothing, start::slab_used_up, start::magazine_full, start::dropped_some}) {
    for_each_pair<typename Exchange::operation>(
        Exchange::operations(), [&](operations each, bool often) {
          all.push_back(Exchange::make(where, std::move(each), from));
          all.back().large = large || often;
        });
  }
}

/// Three threads: the named operations.
template <class Exchange>
program three(const std::string& where, const std::array<const char*, 3>& names,
              typename Exchange::start from, bool large) {
  std::vector<typename Exchange::operation> each;
  for (const char* const name : names) {
    for (const auto& o : Exchange::operations()) {
      if (o.name == name) each.push_back(o);
    }
  }
  program p = Exchange::make(where, std::move(each), from);
  p.large = large;
  p.most_stale_reads = 1;
  return p;
}

const registered depots("memory", []() -> std::vector<program> {
  std::vector<program> all;
  using ones = exchange<hasty, 32768>;
  using twos = exchange<hasty, 15360>;
  add_pairs<ones>(all, "a depot, blocks one by one", false);
  add_pairs<twos>(all, "a depot, blocks in twos", true);
  add_pairs<exchange<patient, 32768>>(all, "a depot, whose lock turns", true);
  using start = ones::start;
  const std::string where = "a depot, blocks one by one";
  const auto add = [&](const std::array<const char*, 3>& names, start from, bool large) {
    all.push_back(three<ones>(where, names, from, large));
  };
  add({"take", "take", "put_magazine"}, start::nothing, true);
  add({"take", "put_magazine", "drop"}, start::slab_used_up, false);
  add({"take", "put", "drop in an interrupt"}, start::nothing, false);
  add({"put_magazine", "put", "drop"}, start::slab_used_up, false);
  add({"put_magazine", "put_magazine", "tidy"}, start::magazine_full, true);
  add({"take", "trim", "put_magazine"}, start::magazine_full, true);
  add({"take one at atomic", "put_magazine at atomic", "drop"}, start::dropped_some, false);
  add({"put_all", "take", "drop"}, start::dropped_some, true);
  all.push_back(noticed());
  return all;
});

}  // namespace

}  // namespace trefoil::explorer
