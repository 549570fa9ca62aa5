// SPDX-License-Identifier: Apache-2.0
// Programs of their own: teardowns that mint, drop or defer in turn; keys; the worker's sleep; the
// saturation edge; the pool.
#include "verify/explorer/core_operations.hpp"

namespace trefoil::explorer {

namespace {

program program_of(std::string name, unsigned threads, std::function<void()> main) {
  program p;
  p.name = std::move(name);
  p.threads = threads;
  p.main = std::move(main);
  p.at_end = [] { return journal::now().verdict(); };
  return p;
}

void spawn(std::function<void()> body) { execution::current()->spawn(std::move(body)); }

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

// ---- keys ------------------------------------------------------------------------------------------

/// The slot of memory is used again, for another key, while a finder looks.
program slot_used_again() {
  using T = object_of<2, findable_traits<polled>>;
  return program_of("findable: its memory is used again while a finder looks", 2, [] {
    ref_to<T, 0> first = make<T>(some_key);
    T* const address = first.address();
    spawn([address] {
      const ref_to<T, 1> found = try_acquire<tier_at<T, 1>>(address, some_key);
      if (!found) return;
      found->use();
      if (found->object() != 0)
        execution::current()->fail("found another object than it looked for");
    });
    first.drop();
    ref_to<T, 0> second = make<T>(some_key + 1);
    second->use();
    second.drop();
    execution::current()->join_all();
  });
}

/// Found while it is being built: every tier is there, or nothing is found.
program found_when_young() {
  using T = object_of<2, findable_traits<polled>>;
  return program_of("findable: found as soon as it is there", 2, [] {
    T* const address = make<T>(some_key + 1).address();  // and dropped: the next one is there
    spawn([address] {
      const ref_to<T, 0> found = try_acquire<tier_at<T, 0>>(address, some_key);
      if (!found) return;
      found->use();
      found.at<tier_at<T, 1>>().use();
    });
    const ref_to<T, 0> mine = make<T>(some_key);
    mine->use();
    execution::current()->join_all();
  });
}

struct minting_at_birth;
using young_one = basic_staged<findable_traits<polled>, minting_at_birth, stage<1, any>>;
/// Its constructor takes a reference to the tier inside and gives it back.
struct minting_at_birth {
  static constexpr auto teardown = any;
  explicit minting_at_birth(stage<1, any>& inner) {
    const ref_to<young_one, 1> mine = ref_from_tier<young_one>(inner);
    if (!mine) execution::current()->fail("a constructor cannot mint what it stands on");
  }
};

/// By minting, the inner tier is open before the object is finished.
program found_when_minted() {
  return program_of("findable: found as soon as a constructor mints a lower reference", 2, [] {
    young_one* const address = make<young_one>(some_key + 1).address();
    spawn([address] {
      const ref_to<young_one, 1> found = try_acquire<stage<1, any>>(address, some_key);
      if (found) found->use();
    });
    const ref_to<young_one, 0> mine = make<young_one>(some_key);
    execution::current()->join_all();
  });
}

// ---- slots of findable objects ---------------------------------------------------------------------

/// Whoever loads the first object on fresh memory sees its count word constructed.
program first_in_slot() {
  using T = object_of<2, findable_traits<polled>>;
  return program_of("findable: the first on fresh memory, by a slot", 2, [] {
    slot<ref_to<T, 0>> place;
    spawn([&place] {
      const ref_to<T, 0> seen = place.load();
      if (seen) seen->look();
    });
    ref_to<T, 0> mine = make<T>(some_key);
    mine->use();
    place.store(std::move(mine));
    execution::current()->join_all();
  });
}

/// Three objects in turn on one piece of memory; the third is never in the slot.
program same_memory_in_slot(bool third_stays_out) {
  using T = object_of<1, findable_traits<polled>>;
  return program_of(std::string("findable: the same memory again, ") +
                        (third_stays_out ? "not in the slot" : "in the slot"),
                    2, [third_stays_out] {
                      slot<ref_to<T, 0>> place;
                      std::vector<bool> was_in_slot;
                      const auto put = [&](bool into_slot) {
                        ref_to<T, 0> made = make<T>(some_key);
                        made->use();
                        was_in_slot.resize(made->object() + 1);
                        was_in_slot[made->object()] = into_slot;
                        if (!into_slot) return made;
                        place.store(std::move(made));
                        return ref_to<T, 0>();
                      };
                      put(true);
                      spawn([&] {
                        const ref_to<T, 0> seen = place.load();
                        if (!seen) return;
                        seen->look();
                        if (!was_in_slot[seen->object()])
                          execution::current()->fail("loaded what was never stored");
                      });
                      place.clear();
                      const ref_to<T, 0> kept = put(!third_stays_out);
                      execution::current()->join_all();
                    });
}

// ---- the worker ------------------------------------------------------------------------------------

using deferring = object_of<1, traits<worker>>;

void drop_in_interrupt(void* given) {
  const scope inside(any);
  ref_to<deferring, 0>::adopt(given).drop();
}

/// Detached. Who starts the worker by that has done all this before the worker takes its first step.
std::vector<void*> some_objects(unsigned count) {
  execution::current()->set_alone(true);
  std::vector<void*> all(count);
  for (void*& each : all) each = make<deferring>().detach();
  execution::current()->set_alone(false);
  return all;
}

program pushers(unsigned count, bool asleep, bool large) {
  program p =
      program_of(std::string(asleep ? "the sleeping worker" : "the worker, as it starts,") +
                     " against " + std::to_string(count) + (count == 1 ? " pusher" : " pushers"),
                 count + 1, [count, asleep] {
                   std::vector<void*> given(count);
                   for (void*& each : given) each = make<deferring>().detach();
                   if (asleep) execution::current()->until_idle();
                   for (unsigned i = 1; i < count; ++i)
                     spawn([one = given[i]] { drop_in_interrupt(one); });
                   drop_in_interrupt(given[0]);
                   execution::current()->join_all();
                 });
  p.large = large;
  return p;
}

/// A helper that takes more than it runs leaves the rest to the worker, who may be about to sleep.
program helper_that_leaves_some(bool of_its_own) {
  program p = program_of(
      of_its_own ? "the worker, about to sleep, against a helper that leaves some"
                 : "the worker, about to sleep, against a pusher that helps, and leaves some",
      of_its_own ? 3 : 2, [of_its_own] {
        const std::vector<void*> given = some_objects(2);
        if (of_its_own) spawn([] { static_cast<void>(worker::help(1)); });
        for (void* const one : given) drop_in_interrupt(one);
        if (!of_its_own) static_cast<void>(worker::help(1));
        execution::current()->join_all();
      });
  p.large = of_its_own;
  return p;
}

struct with_statistics : platform {
  template <class T>
  using statistic = explorer::atomic<T>;
};

/// The numbers themselves, whose order the other programs leave out.
program tally() {
  return program_of("the tally: no more is pending than was deferred", 2, [] {
    reclaimer_tally<with_statistics> counts;
    const auto defer_and_run = [&counts] {
      counts.deferred_one();
      counts.begun_one();
    };
    spawn(defer_and_run);
    defer_and_run();
    execution::current()->join_all();
    if (counts.read().pending != 0) execution::current()->fail("pending, though all has run");
    if (counts.read().peak > 2) execution::current()->fail("more pending than there were");
    if (counts.read().peak == 0) execution::current()->fail("none was ever pending");
  });
}

program shut_down() {
  program p = program_of("shutdown against a deferral", 3, [] {
    void* const given = some_objects(1).front();
    execution::current()->until_idle();
    spawn([given] { drop_in_interrupt(given); });
    worker::shutdown();
    execution::current()->join_all();
    worker::flush();  // what came too late for the thread
  });
  p.large = true;
  return p;
}

/// Nobody runs what is deferred, or a barrier, once the thread has ended: flush() must see that.
program flush_against_shutdown() {
  program p = program_of("flush against shutdown", 3, [] {
    static_cast<void>(make<deferring>());
    execution::current()->until_idle();
    spawn([] { worker::flush(); });
    worker::shutdown();
    execution::current()->join_all();
  });
  p.large = true;
  return p;
}

/// A limit is in force once set_limit() and a make() beside it are through.
program limit_against_make() {
  return program_of("set_limit against make()", 3, [] {
    const std::vector<void*> given = some_objects(1);
    execution::current()->until_idle();
    spawn([] { worker::set_limit(1, at_limit::fail); });
    static_cast<void>(make<deferring>());
    execution::current()->join_all();
    execution::current()->set_alone(true);  // the worker does not come to it
    drop_in_interrupt(given.front());
    if (try_make<deferring>()) execution::current()->fail("the limit is not kept");
    execution::current()->set_alone(false);
  });
}

/// A limit of one: make() runs what is pending itself, or finds that the worker has.
program limited() {
  return program_of("make() at the limit against the worker", 2, [] {
    void* const given = some_objects(1).front();
    execution::current()->until_idle();
    worker::set_limit(1);
    drop_in_interrupt(given);
    const ref_to<deferring, 0> another = make<deferring>();
    another->use();
  });
}

/// A node of flush() passes only when what was deferred before it has run.
program flush_after_own_push() {
  return program_of("flush returns when what was deferred before has run", 2, [] {
    void* const given = some_objects(1).front();
    execution::current()->until_idle();
    drop_in_interrupt(given);
    if (!worker::flush()) execution::current()->fail("flush refused");
    if (!journal::now().verdict().empty()) {
      execution::current()->fail("flush came back too early");
    }
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

const registered special("special", []() -> std::vector<program> {
  return {
      minting_against("alone", false, false),
      minting_against("against a lower holder", true, false),
      minting_against("against who finds it in a slot", false, true),
      minting_against("against a lower holder and who finds it in a slot", true, true),
      nested_ends(),
      slot_used_again(),
      found_when_young(),
      found_when_minted(),
      first_in_slot(),
      same_memory_in_slot(false),
      same_memory_in_slot(true),
      pushers(1, true, false),
      pushers(2, true, false),
      pushers(1, false, false),
      pushers(2, false, true),
      helper_that_leaves_some(false),
      helper_that_leaves_some(true),
      tally(),
      shut_down(),
      flush_against_shutdown(),
      limit_against_make(),
      limited(),
      flush_after_own_push(),
      over_the_edge(0),
      over_the_edge(1),
      pool_from_two_sides(),
  };
});

}  // namespace

}  // namespace trefoil::explorer
