// SPDX-License-Identifier: Apache-2.0
// A CPU collects what was deferred on it, in order, and nothing of other CPUs.
#include "machine/cpu.hpp"

#include "world.hpp"

#include <vector>

namespace trefoil::machine {
namespace {

class cpu_test : public ::testing::Test {
 protected:
  memory ram{40};
  ledger notes{flavour::ordinary};
  mm::kernel<platform> kernel{ram.frames, notes};
  ref<mm::user_namespace<platform>> root = make<mm::user_namespace<platform>>(kernel, 0U);

  [[nodiscard]] lazy_ref dead_one(std::uint64_t number) {
    return make<address_space>(kernel, root, number).share<page_directory>();
  }
  /// Drops in a softirq: each is deferred.
  static void interrupt(cpu& on, std::vector<lazy_ref>& all) {
    const runs_on here(on.as_processor(), flavour::ordinary, place::softirq);
    on.as_processor().dropping = holder::oom_mm;
    for (lazy_ref& r : all) r.drop();
  }
  static void run(cpu& on, deferred<platform>* n) {
    const runs_on here(on.as_processor(), flavour::ordinary, place::task);
    auto& state = platform::state();
    state.begin_teardown();
    while (n != nullptr) {
      deferred<platform>* const next = n->next.get();
      detail::worker_tally.begun_one();
      n->run.get()(*n);
      n = next;
    }
    state.end_teardown();
  }
};

TEST_F(cpu_test, WhatWasDeferredIsTakenOldestFirstAndOnce) {
  trefoil::take_all_list<platform> errands;
  cpu first(notes, errands, false);
  cpu second(notes, errands, false);
  std::vector<lazy_ref> all;
  std::vector<const void*> order;
  for (std::uint64_t i = 0; i < 4; ++i) {
    all.push_back(dead_one(i));
    order.push_back(&*all.back());
  }
  EXPECT_EQ(notes.page_directories(), 4);
  interrupt(first, all);
  EXPECT_EQ(notes.page_directories(), 4);
  EXPECT_EQ(notes.deferrals(sampled::softirq), 4);
  EXPECT_EQ(second.take_deferred(), nullptr);

  deferred<platform>* const taken = first.take_deferred();
  EXPECT_EQ(first.take_deferred(), nullptr);
  std::vector<const deferred<platform>*> nodes;
  for (const deferred<platform>* n = taken; n != nullptr; n = n->next.get()) nodes.push_back(n);
  ASSERT_EQ(nodes.size(), 4U);
  // A node is its object's first member: the tiers have the same offset from it in all of them.
  const auto offset = [&](std::size_t i) {
    return static_cast<const std::byte*>(order[i]) - reinterpret_cast<const std::byte*>(nodes[i]);
  };
  for (std::size_t i = 1; i < 4; ++i) EXPECT_EQ(offset(i), offset(0));
  run(second, taken);
  EXPECT_EQ(notes.page_directories(), 0);
  EXPECT_EQ(notes.identities(), 0);
  EXPECT_EQ(ram.frames.in_use(), 0U);
}

}  // namespace
}  // namespace trefoil::machine
