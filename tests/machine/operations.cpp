// SPDX-License-Identifier: Apache-2.0
// Atomic operations on counts: the same for the same life, each one that the machine makes counted
// once, and on the machine that made it.
#include "world.hpp"

#include <utility>

namespace trefoil::machine {
namespace {

class operations : public ::testing::TestWithParam<kind> {
 protected:
  world w{*GetParam().lifetimes, GetParam().kernel};
  step& h = w.h;

  /// fork, exec, exit, free: one process.
  static void live(world& on, const task& parent) {
    task child;
    on.start(child, parent);
    on.h.mmput(0, on.h.exec(child, on.h.create(0, ++on.numbers)));
    on.exit(child);
    on.h.free_task(0, child);
    on.h.advance(on.h.figures().now_ns() + 1000);
  }
  template <class F>
  [[nodiscard]] std::uint64_t cost(F&& f) {
    const std::uint64_t before = h.count_operations();
    f();
    return h.count_operations() - before;
  }
};
INSTANTIATE_TEST_SUITE_P(every, operations, ::testing::ValuesIn(all_kinds()), name_of_kind);

TEST_P(operations, ALifeCostsTheSameWheneverItIsLived) {
  task parent;
  w.start(parent);
  const std::uint64_t first = cost([&] { live(w, parent); });
  EXPECT_GT(first, 0U);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(cost([&] { live(w, parent); }), first);
  // On another machine of the kind, too, and none of it is this one's.
  const std::uint64_t here = h.count_operations();
  {
    world other(*GetParam().lifetimes, GetParam().kernel);
    task its_parent;
    other.start(its_parent);
    const std::uint64_t before = other.h.count_operations();
    live(other, its_parent);
    EXPECT_EQ(other.h.count_operations() - before, first);
    other.exit(its_parent);
    other.h.free_task(0, its_parent);
  }
  EXPECT_EQ(h.count_operations(), here);
  w.exit(parent);
  h.free_task(0, parent);
}

TEST_P(operations, EveryReferenceThatTheMachineTakesIsOne) {
  // Births take a reference to the user namespace, and that is all.
  const std::uint64_t per_exec_state = GetParam().lifetimes->has_exec_state ? 1 : 0;
  task parent;
  EXPECT_EQ(cost([&] { w.start(parent); }), 1 + per_exec_state);
  for (const holder whose : {holder::exit_mm, holder::oom_mm, holder::struct_only}) {
    held slot;
    const bool keeps = GetParam().lifetimes->keeps_of(whose) != kept::nothing;
    EXPECT_EQ(cost([&] { slot = h.hold(whose, parent.mm.load()); }), keeps ? 1U : 0U);
    EXPECT_EQ(cost([&] { h.drop(0, slot, whose, place::task); }), keeps ? 1U : 0U);
  }
  const std::uint64_t per_borrow = GetParam().lifetimes->lazy_slots ? 0 : 1;
  EXPECT_EQ(cost([&] { h.borrow(1, parent.mm.load()); }), per_borrow);
  EXPECT_EQ(cost([&] { h.give_back(1); }), per_borrow);

  // The exec state is shared with a child; exec leaves it and makes one.
  task child;
  user_ref space = h.create(0, 2);
  EXPECT_EQ(cost([&] { h.fork(parent, child, std::move(space)); }), per_exec_state);
  user_ref next = h.create(0, 3);
  user_ref old;
  EXPECT_EQ(cost([&] { old = h.exec(child, std::move(next)); }), 2 * per_exec_state);
  h.mmput(0, std::move(old));

  // exit_mm: the task's own and the CPU's.
  const std::uint64_t published =
      GetParam().lifetimes->keeps_of(holder::exit_mm) == kept::nothing ? 0 : 1;
  EXPECT_EQ(cost([&] { h.exit_mm(0, child); }), published + per_borrow);
  h.mmput(0, std::move(child.leaving));
  h.give_back(0);
  h.free_task(0, child);
  w.exit(parent);
  h.free_task(0, parent);
}

}  // namespace
}  // namespace trefoil::machine
