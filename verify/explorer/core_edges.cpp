// SPDX-License-Identifier: Apache-2.0
// Teardowns that mint a reference or drop another object; the saturation edge; the pool.
#include "trefoil/take_all_list.hpp"
#include "verify/explorer/core_threads.hpp"

namespace trefoil::explorer {

namespace {

// ---- a teardown that mints a reference to a tier inside --------------------------------------------

struct minting;
using minted = basic_staged<traits<polled>, minting, stage<1, any>>;

/// Its teardown leaves a reference to the tier inside it in a slot, if there is one.
struct minting {
  static constexpr auto teardown = any;
  explicit minting(stage<1, any>& i) noexcept : inner(&i) {}
  minting(const minting&) = delete;
  minting& operator=(const minting&) = delete;
  ~minting();

  stage<1, any>* inner;
  slot<ref_to<minted, 1>>* left_in = nullptr;
};
minting::~minting() {
  ref_to<minted, 1> mine = ref_from_tier<minted>(*inner);
  if (!mine) execution::current()->fail("a teardown cannot mint what it keeps alive");
  mine->use();
  if (left_in != nullptr) left_in->store(std::move(mine));
}

program minting_against(const char* what, bool shared, bool loaded) {
  return program_of(std::string("a teardown that mints a lower reference, ") + what,
                    2 + (shared && loaded), [shared, loaded] {
                      slot<ref_to<minted, 1>> left;
                      ref_to<minted, 0> outer = make<minted>();
                      outer->left_in = &left;
                      if (shared) {
                        spawn([lower = outer.share<stage<1, any>>().detach()] {
                          ref_to<minted, 1> mine = ref_to<minted, 1>::adopt(lower);
                          if (const ref_to<minted, 0> up = mine.promote<minting>())
                            up.at<stage<1, any>>().use();
                          mine->use();
                        });
                      }
                      if (loaded) {
                        spawn([&left] {
                          if (const ref_to<minted, 1> seen = left.load()) seen->use();
                        });
                      }
                      outer.drop();
                      execution::current()->join_all();
                    });
}

// ---- a teardown that drops another object's last reference ------------------------------------------

using inner_object = object_of<2, traits<polled>>;
struct keeping;
using outer_object = basic_staged<traits<polled>, keeping>;
struct keeping {
  static constexpr auto teardown = any;
  ref_to<inner_object, 0> kept;
};

program nested_ends() {
  return program_of("a teardown drops another object, which a second thread drops too", 2, [] {
    ref_to<inner_object, 0> shared = make<inner_object>();
    ref_to<outer_object, 0> outer = make<outer_object>();
    outer->kept = shared;
    spawn([given = std::move(shared).detach()] {
      const ref_to<inner_object, 0> mine = ref_to<inner_object, 0>::adopt(given);
      mine->use();
    });
    outer.drop();
    execution::current()->join_all();
  });
}

// ---- the saturation edge ---------------------------------------------------------------------------

/// Fields of eight bits: 63 references at most.
using narrow = basic_staged<traits<polled, packed_counts<8, 8>>, stage<0, any>, stage<1, any>>;

/// References that are never given back, so that `left` more can be taken.
template <std::size_t K>
void take_all_but(const ref_to<narrow, 0>& outer, std::uint64_t left) {
  while (outer.use_count<tier_at<narrow, K>>() < 63 - left) {
    static_cast<void>(share_detached<narrow>(outer, K));
  }
}

/// More are taken than fit, by two threads at once: one report, both references good, the object kept
/// for ever; the neighbour's count is as it was.
program over_the_edge(std::size_t tier) {
  program p = program_of(
      "saturation edge: two threads take the last reference to tier " + std::to_string(tier), 2,
      [tier] {
        platform::expect_misuse();
        ref_to<narrow, 0> outer = make<narrow>();
        tier == 0 ? take_all_but<0>(outer, 1) : take_all_but<1>(outer, 1);
        const std::uint64_t neighbour =
            tier == 0 ? outer.use_count<tier_at<narrow, 1>>() : outer.use_count();
        const auto one_more = [tier](const ref_to<narrow, 0>& from) {
          if (tier == 0) {
            ref_to<narrow, 0> more;
            more = from;
            more->use();
          } else {
            const ref_to<narrow, 1> more = from.share<tier_at<narrow, 1>>();
            more->use();
          }
        };
        spawn([&] { one_more(outer); });
        one_more(outer);
        execution::current()->join_all();
        outer->use();
        const std::uint64_t now =
            tier == 0 ? outer.use_count<tier_at<narrow, 1>>() : outer.use_count();
        if (now != neighbour) execution::current()->fail("the neighbour's count has changed");
        static_cast<void>(std::move(outer).detach());
      });
  p.at_end = [] {
    return platform::misuses() <= 1 ? std::string() : "one misuse was reported more than once";
  };
  return p;
}

// ---- the pool --------------------------------------------------------------------------------------

struct pool_traits : traits<polled> {
  using storage = pooled;
};
using in_pool = basic_staged<pool_traits, stage<0, any>>;

/// Blocks that come back from a thread and from a signal are handed out once each.
program pool_from_two_sides() {
  return program_of("the pool: blocks come back from a thread and from level any", 2, [] {
    void* const first = make<in_pool>().detach();
    void* const second = make<in_pool>().detach();
    spawn([first] {
      const scope inside(any);
      ref_to<in_pool, 0>::adopt(first).drop();
    });
    ref_to<in_pool, 0>::adopt(second).drop();
    const ref_to<in_pool, 0> a = make<in_pool>();
    const ref_to<in_pool, 0> b = make<in_pool>();
    a->use();
    b->use();
    execution::current()->join_all();
  });
}

/// Blocks that a thread puts back, as a chain, against one who takes whatever is there.
program chain_put_back() {
  return program_of("the pool: a chain that is put back, against who takes it", 2, [] {
    take_all_list<platform> blocks;
    deferred<platform> first;
    deferred<platform> second;
    spawn([&] {
      unsigned taken = 0;
      for (auto* n = blocks.take_if_any(); n != nullptr; n = n->next.get()) ++taken;
      if (taken == 1) execution::current()->fail("half a chain");
    });
    first.next.set(&second);
    second.next.set(nullptr);
    if (!blocks.put_if_empty(first))
      execution::current()->fail("the list is empty and takes nothing");
    execution::current()->join_all();
  });
}

const registered edges("edges", []() -> std::vector<program> {
  return {
      minting_against("alone", false, false),
      minting_against("against a lower holder", true, false),
      minting_against("against who finds it in a slot", false, true),
      minting_against("against a lower holder and who finds it in a slot", true, true),
      nested_ends(),
      over_the_edge(0),
      over_the_edge(1),
      pool_from_two_sides(),
      chain_put_back(),
  };
});

}  // namespace

}  // namespace trefoil::explorer
