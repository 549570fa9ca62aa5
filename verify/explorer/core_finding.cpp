// SPDX-License-Identifier: Apache-2.0
// Findable objects whose memory is young or used again: keys, and slots that hold them.
#include "verify/explorer/core_operations.hpp"

namespace trefoil::explorer {

namespace {

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

const registered finding("finding", []() -> std::vector<program> {
  return {
      slot_used_again(), found_when_young(),         found_when_minted(),
      first_in_slot(),   same_memory_in_slot(false), same_memory_in_slot(true),
  };
});

}  // namespace

}  // namespace trefoil::explorer
