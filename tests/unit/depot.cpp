// SPDX-License-Identifier: Apache-2.0
// The depot: every block is in one place, slabs come and go as they should, and nothing is carried off.
#include <trefoil/os/threads.hpp>
#include <trefoil/pool.hpp>

#include <gtest/gtest.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <new>
#include <set>
#include <vector>

#include "counted_memory.hpp"

namespace {

namespace context = trefoil::context;
using context::any;
using context::atomic;
using context::process;
using test::counted_memory;

template <class P>
using node_of = trefoil::deferred<P>;

template <class P, std::size_t Size = 64>
using depot_of = trefoil::depot<P, Size, 16, trefoil::raw_blocks<P>>;

template <class Depot>
std::vector<typename Depot::node*> take(Depot& from, std::size_t wanted,
                                        context::level here = process) {
  std::size_t got = 0;
  std::vector<typename Depot::node*> all;
  for (auto* n = from.take(here, wanted, got); n != nullptr; n = n->next.get()) all.push_back(n);
  EXPECT_EQ(all.size(), got);
  return all;
}
template <class Depot>
std::vector<typename Depot::node*> take_many(Depot& from, std::size_t wanted) {
  std::vector<typename Depot::node*> all;
  while (all.size() < wanted) {
    const auto some = take(from, Depot::batch);
    if (some.empty()) break;
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}
template <class Node>
Node* chain_of(const std::vector<Node*>& nodes) {
  Node* chain = nullptr;
  for (Node* const n : nodes) {
    n->next.set(chain);
    chain = n;
  }
  return chain;
}

struct first_things;

TEST(depot, gives_what_it_was_given_before_it_asks_the_platform) {
  using P = counted_memory<first_things>;
  depot_of<P> depot;
  EXPECT_TRUE(take(depot, 1, atomic).empty());  // nothing at hand
  EXPECT_EQ(P::pieces, 0);
  const auto batch = take(depot, depot.batch);
  EXPECT_GT(batch.size(), 1U);
  EXPECT_EQ(P::pieces, 1);
  const std::set<node_of<P>*> different(batch.begin(), batch.end());
  EXPECT_EQ(different.size(), batch.size());
  depot.drop(*batch[0]);  // as from level any
  EXPECT_TRUE(depot.dropped_some());
  EXPECT_EQ(take(depot, 1, atomic).at(0), batch[0]);
  EXPECT_FALSE(depot.dropped_some());
  depot.put(*batch[1], process);
  EXPECT_EQ(take(depot, 1, atomic).at(0), batch[1]);
  depot.put_all(chain_of(batch));
  EXPECT_EQ(depot.figures(process).living, 0U);
  EXPECT_EQ(depot.trim(), depot_of<P>::slab::bytes());
  EXPECT_EQ(P::pieces, 0);
}

struct used_up;

TEST(depot, finds_what_comes_back_to_a_slab_that_was_used_up) {
  using P = counted_memory<used_up>;
  depot_of<P> depot;
  std::vector<node_of<P>*> all = take(depot, 1);
  for (auto one = take(depot, 1, atomic); !one.empty(); one = take(depot, 1, atomic))
    all.push_back(one[0]);
  ASSERT_EQ(all.size(), depot_of<P>::slab::blocks());
  depot.put(*all[7], process);
  EXPECT_EQ(take(depot, 1, atomic), std::vector<node_of<P>*>{all[7]});
  depot.put_all(chain_of(all));
  depot.trim();
  EXPECT_EQ(P::pieces, 0);
}

struct magazines;

TEST(depot, hands_magazines_on_unopened_and_keeps_few) {
  using P = counted_memory<magazines>;
  using depot_type = depot_of<P>;
  depot_type depot;
  std::vector<std::vector<node_of<P>*>> full;
  for (int i = 0; i < 12; ++i) {
    full.push_back(take_many(depot, depot_type::batch));
    while (full.back().size() > depot_type::batch) {
      depot.put(*full.back().back(), process);
      full.back().pop_back();
    }
  }
  auto* const last = chain_of(full.back());
  for (std::size_t i = 0; i + 1 < full.size(); ++i) depot.put_magazine(*chain_of(full[i]), process);
  depot.put_magazine(*last, process);
  std::size_t got = 0;
  EXPECT_EQ(depot.take(process, depot_type::batch, got), last);  // the warmest, as it was
  EXPECT_EQ(got, depot_type::batch);
  // Of the others, all but a few went home to their slabs, and most of these to the platform.
  const trefoil::pool_figures f = depot.figures(process);
  EXPECT_EQ(f.living, depot_type::batch);
  EXPECT_LE(static_cast<std::size_t>(P::pieces), 20U);
  depot.put_all(last);
  EXPECT_EQ(depot.trim(), depot_type::slab::bytes() * f.slabs);
  EXPECT_EQ(P::pieces, 0);
}

struct levels;

TEST(depot, below_process_it_asks_the_platform_for_nothing) {
  using P = counted_memory<levels>;
  using depot_type = depot_of<P>;
  depot_type depot;
  const auto all = take_many(depot, 5000);
  const int most = P::pieces;
  for (auto* const n : all) depot.drop(*n);
  // At atomic blocks are sorted, but no slab goes back.
  while (depot.dropped_some()) depot.tidy(atomic);
  EXPECT_EQ(P::pieces, most);
  std::vector<node_of<P>*> again;
  for (auto one = take(depot, 1, atomic); !one.empty(); one = take(depot, 1, atomic))
    again.push_back(one[0]);
  EXPECT_GE(again.size(), all.size());
  EXPECT_EQ(P::pieces, most);
  depot.put_all(chain_of(again));
  EXPECT_LT(P::pieces, most / 4);
  depot.trim();
  EXPECT_EQ(P::pieces, 0);
}

struct bursts;

TEST(depot, a_burst_dropped_at_any_goes_back_by_looking_after_it) {
  using P = counted_memory<bursts>;
  using depot_type = depot_of<P>;
  depot_type depot;
  constexpr std::size_t many = 50'000;
  const auto all = take_many(depot, many);
  for (auto* const n : all) depot.drop(*n);
  std::size_t visits = 0;
  for (; depot.dropped_some(); ++visits) depot.tidy(process);
  EXPECT_LE(visits, all.size() / depot_type::batch);
  EXPECT_LE(static_cast<std::size_t>(P::pieces) * depot_type::slab::bytes(), 65536U);
  depot.trim();
  EXPECT_EQ(P::pieces, 0);
}

struct busy;

TEST(depot, whoever_finds_the_lock_held_drops_and_does_not_wait) {
  using P = counted_memory<busy>;
  depot_of<P> depot;
  const auto some = take(depot, depot.batch);
  depot.before_fork(process);  // holds the lock
  depot.put_magazine(*chain_of(some), process);
  EXPECT_TRUE(depot.dropped_some());
  depot.tidy(process);  // comes back at once
  depot.after_fork_in_parent(process);
  EXPECT_EQ(depot.figures(process).living, 0U);
  EXPECT_FALSE(depot.dropped_some());
  depot.trim();
  EXPECT_EQ(P::pieces, 0);
}

struct figures_tag;

TEST(depot, its_figures_add_up) {
  using P = counted_memory<figures_tag>;
  using depot_type = depot_of<P>;
  depot_type depot;
  const auto all = take_many(depot, 1000);
  const auto check = [&](std::size_t living) {
    const trefoil::pool_figures f = depot.figures(process);
    EXPECT_EQ(f.block_bytes, 64U);
    EXPECT_EQ(f.living, living);
    EXPECT_EQ(f.cached, 0U);
    EXPECT_EQ(f.slabs, static_cast<std::size_t>(P::pieces));
    EXPECT_EQ(f.bytes, f.slabs * depot_type::slab::bytes());
    EXPECT_EQ(f.living + f.shared, f.slabs * depot_type::slab::blocks());
  };
  check(all.size());
  std::size_t living = all.size();
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i % 3 == 0) {
      depot.drop(*all[i]);
    } else {
      depot.put(*all[i], i % 2 == 0 ? process : atomic);
    }
    --living;
    if (i % 100 == 0) check(living);
  }
  check(0);
  depot.trim();
  EXPECT_EQ(depot.figures(process).bytes, 0U);
}

struct poor;

TEST(depot, without_memory_it_gives_what_there_is) {
  using P = counted_memory<poor>;
  depot_of<P> depot;
  P::left = 2;
  const auto all = take_many(depot, 1'000'000);
  EXPECT_EQ(all.size(), 2U * depot_of<P>::slab::blocks());
  EXPECT_TRUE(take(depot, 1).empty());
  depot.drop(*all[5]);
  EXPECT_EQ(take(depot, depot.batch), std::vector<node_of<P>*>{all[5]});
  depot.put_all(chain_of(all));
  depot.trim();
  EXPECT_EQ(P::pieces, 0);
}

/// Blocks that stay what they are, and say when they are made.
template <class P>
struct stable {
  static constexpr bool type_stable = true;
  static trefoil::deferred<P>* carve(void* at) noexcept {
    ++made;
    return ::new (at) trefoil::deferred<P>;
  }
  static trefoil::deferred<P>* freed(void* at) noexcept {
    return static_cast<trefoil::deferred<P>*>(at);
  }
  static inline int made = 0;
};
struct lasting;

TEST(depot, slabs_of_type_stable_blocks_stay_until_trim) {
  using P = counted_memory<lasting>;
  trefoil::depot<P, 64, 16, stable<P>> depot;
  const auto all = take_many(depot, 5000);
  EXPECT_EQ(stable<P>::made, static_cast<int>(all.size()));
  const int most = P::pieces;
  depot.put_all(chain_of(all));
  EXPECT_EQ(P::pieces, most);
  const auto again = take_many(depot, 4000);
  EXPECT_EQ(stable<P>::made, static_cast<int>(all.size()));  // constructed once
  EXPECT_EQ(P::pieces, most);
  depot.put_all(chain_of(again));
  depot.trim();
  EXPECT_EQ(P::pieces, 0);
}

// ---- every size ----------------------------------------------------------------------------------

struct sized;

template <std::size_t Size>
void holds_its_geometry() {
  using P = counted_memory<sized>;
  using depot_type = depot_of<P, Size>;
  using slab = typename depot_type::slab;
  static_assert(std::has_single_bit(slab::bytes()));
  static_assert(slab::blocks() >= 1);
  static_assert(slab::bytes() <= 262'144);
  static_assert(2 * depot_type::batch * Size <= 2 * 65536, "a stock is bounded in bytes");
  static_assert(depot_type::batch == 1 || (2 * depot_type::batch + 1) * slab::bytes() <= 266'240,
                "and so is what its blocks keep");
  depot_type depot;
  const auto all = take_many(depot, slab::blocks() + 1UL);
  std::set<std::uintptr_t> places;
  for (auto* const n : all) {
    const auto at = reinterpret_cast<std::uintptr_t>(n);
    EXPECT_EQ(at % 16, 0U);
    EXPECT_GE(at % slab::bytes(), sizeof(slab));
    EXPECT_LE(at % slab::bytes() + Size, slab::bytes());
    places.insert(at);
  }
  for (auto next = places.begin(); next != places.end();) {
    const std::uintptr_t one = *next++;
    if (next != places.end()) { EXPECT_GE(*next, one + Size); }
  }
  depot.put_all(chain_of(all));
  depot.trim();
  EXPECT_EQ(P::pieces, 0);
}

TEST(depot, of_every_size) {
  holds_its_geometry<16>();
  holds_its_geometry<48>();
  holds_its_geometry<64>();
  holds_its_geometry<496>();
  holds_its_geometry<512>();
  holds_its_geometry<704>();
  holds_its_geometry<4080>();
  holds_its_geometry<4096>();
  holds_its_geometry<4112>();
  holds_its_geometry<9008>();
  holds_its_geometry<32768>();
  holds_its_geometry<40000>();
  holds_its_geometry<65520>();
}

}  // namespace
