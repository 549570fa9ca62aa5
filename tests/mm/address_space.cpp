// SPDX-License-Identifier: Apache-2.0
// The three stages of an address space: what goes when, where that may happen, and what becomes of
// a birth that fails half-way.
#include "board.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace board;
using lines = std::vector<std::string>;

class address_space_test : public board_test {
 protected:
  machine box{64};
  ref<user_namespace> root = make<user_namespace>(box.all, 0U);

  address_space_test() {
    box.notes.look = [this] {
      static constexpr const char* names[]{"any", "atomic", "process"};
      const context::level here = platform::state().here();
      // To count frames takes a lock, which nobody may at level any.
      const std::string frames =
          here == context::any ? "" : std::to_string(box.frames.in_use()) + " frames, ";
      return frames + names[static_cast<std::size_t>(here)];
    };
  }

  /// Two pages under tables of their own: 1 + 2 * 3 + 2 = 9 frames.
  static constexpr std::size_t frames_of_one = 9;
  [[nodiscard]] user_ref new_space() {
    user_ref made = make<address_space>(box.all, root, 1U);
    EXPECT_TRUE(map(made, {0x1000, 0x3000, true, false}));
    EXPECT_TRUE(map(made, {0x7000'0000'0000, 0x7000'0000'1000, false, true}));
    EXPECT_TRUE(touch(made, 0x1000));
    EXPECT_TRUE(touch(made, 0x7000'0000'0000));
    EXPECT_EQ(box.frames.in_use(), frames_of_one);
    static_cast<void>(box.notes.take());
    return made;
  }
};

TEST_F(address_space_test, IsBuiltFromTheInsideOut) {
  user_ref made = make<address_space>(box.all, root, 17U);
  EXPECT_EQ(box.notes.take(), (lines{"+identity 1 0 frames, process", "+pgd 2 1 frames, process",
                                     "+mappings 3 1 frames, process"}));
  EXPECT_EQ(made.at<identity>().number(), 17U);
  EXPECT_EQ(&made.at<identity>().machine(), &box.all);
  EXPECT_EQ(&made.at<page_directory>().machine(), &box.all);
  EXPECT_EQ(made.at<identity>().user_ns(), root);
  EXPECT_EQ(made.at<identity>().note().born, 3);
}

TEST_F(address_space_test, TheLastUserTakesEverythingOuterFirst) {
  user_ref space = new_space();
  user_ref second = space;
  second.drop();
  EXPECT_EQ(box.notes.take(), lines{});
  space.drop();
  EXPECT_EQ(box.notes.take(), (lines{"-mappings 1 1 frames, process", "-pgd 2 0 frames, process",
                                     "-identity 3 0 frames, process"}));
}

TEST_F(address_space_test, ALazyHolderKeepsOneFrameAndABareOneNone) {
  user_ref space = new_space();
  lazy_ref lazy = space.share<page_directory>();
  bare_ref bare = space.share<identity>();
  space.drop();
  EXPECT_EQ(box.notes.take(), lines{"-mappings 1 1 frames, process"});
  EXPECT_FALSE(lazy.promote<mappings>());
  lazy.drop();
  EXPECT_EQ(box.notes.take(), lines{"-pgd 2 0 frames, process"});
  EXPECT_FALSE(bare.promote<page_directory>());
  EXPECT_EQ(bare->number(), 1U) << "which is what it is kept for";
  bare.drop();
  EXPECT_EQ(box.notes.take(), lines{"-identity 3 0 frames, process"});
}

// ---- births that fail ----------------------------------------------------------------------------

TEST_F(address_space_test, WithoutAFrameForThePageDirectoryNothingIsBorn) {
  machine none{1};
  const physical taken = none.frames.allocate();
  EXPECT_FALSE(try_make<address_space>(none.all, root, 1U));
  EXPECT_EQ(none.notes.take(), (lines{"+identity 1", "-identity 1"}));
  try {
    static_cast<void>(make<address_space>(none.all, root, 1U));
    ADD_FAILURE() << "made";
  } catch (const trefoil::make_failed& e) { EXPECT_EQ(e.why(), trefoil::make_failure::refused); }
  EXPECT_EQ(none.notes.alive(), 0);
  EXPECT_EQ(none.all.page_directories(), 0U);
  EXPECT_EQ(root.use_count(), 1U) << "the identity gave its namespace back";
  none.frames.free(taken);
  EXPECT_TRUE(try_make<address_space>(none.all, root, 1U)) << "and with one it is";
  EXPECT_EQ(none.frames.in_use(), 0U);
}

// ---- where the second stage may happen -----------------------------------------------------------

TEST_F(address_space_test, TheLastLazyHolderAtAtomicTearsDownThere) {
  lazy_ref lazy = new_space().share<page_directory>();
  static_cast<void>(box.notes.take());
  {
    const scope preemption_off(context::atomic);
    lazy.drop();
    EXPECT_EQ(box.notes.take(), (lines{"-pgd 2 0 frames, atomic", "-identity 3 0 frames, atomic"}));
  }
  EXPECT_EQ(deferred_spaces::counters().pending, 0U);
}

TEST_F(address_space_test, TheLastLazyHolderAtAnyIsDeferred) {
  lazy_ref lazy = new_space().share<page_directory>();
  static_cast<void>(box.notes.take());
  {
    const scope interrupt(context::any);
    lazy.drop();
  }
  EXPECT_EQ(box.notes.take(), lines{});
  EXPECT_EQ(box.all.page_directories(), 1U);
  EXPECT_EQ(deferred_spaces::counters().pending, 1U);
  {
    const scope callback_thread(context::atomic);
    EXPECT_EQ(deferred_spaces::poll(), 1U);
  }
  EXPECT_EQ(box.notes.take(), (lines{"-pgd 2 0 frames, atomic", "-identity 3 0 frames, atomic"}));
}

TEST_F(address_space_test, TheLastBareHolderAtAnyIsNot) {
  bare_ref bare = new_space().share<identity>();
  static_cast<void>(box.notes.take());
  const scope interrupt(context::any);
  bare.drop();
  EXPECT_EQ(box.notes.take(), lines{"-identity 3 any"});
}

TEST_F(address_space_test, TheLastUserAtAtomicIsDeferredAsAWhole) {
  user_ref space = new_space();
  {
    const scope preemption_off(context::atomic);
    space.drop();
    EXPECT_EQ(deferred_spaces::poll(), 1U) << "runs, and finds that the level is too low here, too";
  }
  EXPECT_EQ(box.notes.take(), lines{});
  EXPECT_EQ(box.frames.in_use(), frames_of_one);
  EXPECT_EQ(deferred_spaces::poll(), 1U);
  EXPECT_EQ(box.notes.take(), (lines{"-mappings 1 1 frames, process", "-pgd 2 0 frames, process",
                                     "-identity 3 0 frames, process"}));
}

TEST_F(address_space_test, TheLastDropUnderPgdLockItselfIsDeferred) {
  lazy_ref lazy = new_space().share<page_directory>();
  static_cast<void>(box.notes.take());
  box.notes.look = nullptr;
  std::optional<context::level> under_the_lock;
  const void* lock = nullptr;
  lock_word::when_taken = [&](const lock_word* word) {
    lock = word;
    under_the_lock = platform::state().here();
    lazy.drop();  // pgd_free takes the lock that we hold
  };
  box.all.set_kernel_entry(1, 0x1234);
  lock_word::when_taken = nullptr;
  // It was pgd_lock: a word inside the kernel, and there is only one.
  EXPECT_GE(lock, static_cast<const void*>(&box.all));
  EXPECT_LT(lock, static_cast<const void*>(&box.all + 1));
  EXPECT_EQ(under_the_lock, context::any);
  EXPECT_FALSE(lazy);
  EXPECT_EQ(box.notes.take(), lines{});
  EXPECT_EQ(deferred_spaces::poll(), 1U);
  EXPECT_EQ(box.notes.take(), (lines{"-pgd 2", "-identity 3"}));
  EXPECT_EQ(box.all.page_directories(), 0U);
}

TEST_F(address_space_test, TheLastDropUnderTheFrameAllocatorsLockIsDeferred) {
  lazy_ref lazy = new_space().share<page_directory>();
  static_cast<void>(box.notes.take());
  box.notes.look = nullptr;
  lock_word::when_taken = [&](const lock_word*) { lazy.drop(); };
  const physical f = box.frames.allocate();
  EXPECT_FALSE(lazy);
  EXPECT_EQ(box.notes.take(), lines{});
  EXPECT_EQ(deferred_spaces::poll(), 1U);
  EXPECT_EQ(box.notes.take(), (lines{"-pgd 2", "-identity 3"}));
  box.frames.free(f);
}

TEST_F(address_space_test, TheIdentityGoesUnderALockAtOnce) {
  bare_ref bare = new_space().share<identity>();
  static_cast<void>(box.notes.take());
  box.notes.look = nullptr;
  trefoil::mm::spinlock<platform> own;
  const guard locked(own);
  bare.drop();
  EXPECT_EQ(box.notes.take(), lines{"-identity 3"});
}

// ---- user namespaces -----------------------------------------------------------------------------

class user_namespace_test : public board_test {
 protected:
  machine box{8};
};

TEST_F(user_namespace_test, TheLastPutAtProcessIsInline) {
  auto ns = make<user_namespace>(box.all, 1000U);
  EXPECT_EQ(ns->owner_uid(), 1000U);
  EXPECT_EQ(box.notes.user_namespaces(), 1);
  const int blocks = heap::blocks();
  ns.drop();
  EXPECT_EQ(box.notes.user_namespaces(), 0);
  EXPECT_EQ(heap::blocks(), blocks - 1);
  EXPECT_EQ(deferred_namespaces::counters().pending, 0U);
}

TEST_F(user_namespace_test, TheLastPutBelowIsDeferred) {
  for (const context::level here : {context::any, context::atomic}) {
    auto ns = make<user_namespace>(box.all, 1000U);
    const int blocks = heap::blocks();
    {
      const scope lower(here);
      ns.drop();
    }
    EXPECT_EQ(heap::blocks(), blocks);
    EXPECT_EQ(box.notes.user_namespaces(), 1);
    EXPECT_EQ(deferred_namespaces::poll(), 1U);
    EXPECT_EQ(heap::blocks(), blocks - 1);
    EXPECT_EQ(box.notes.user_namespaces(), 0);
  }
}

TEST_F(user_namespace_test, AnIdentityThatHadTheLastReferenceGoesAtAnyAndItsNamespaceLater) {
  auto ns = make<user_namespace>(box.all, 1000U);
  bare_ref bare = make<address_space>(box.all, ns, 1U).share<identity>();
  ns.drop();
  const int blocks = heap::blocks();
  {
    const scope interrupt(context::any);
    bare.drop();
    EXPECT_EQ(heap::blocks(), blocks - 1);
    EXPECT_EQ(box.notes.identities(), 0);
  }
  EXPECT_EQ(deferred_spaces::counters().pending, 0U) << "the identity itself needed nobody";
  EXPECT_EQ(deferred_namespaces::poll(), 1U);
  EXPECT_EQ(heap::blocks(), blocks - 2);
}

TEST_F(user_namespace_test, TheSameAtProcessIsOverWhenTheDropReturns) {
  auto ns = make<user_namespace>(box.all, 1000U);
  user_ref space = make<address_space>(box.all, std::move(ns), 1U);
  const int blocks = heap::blocks();
  space.drop();
  EXPECT_EQ(heap::blocks(), blocks - 4) << "itself, two tiers outside it, the namespace";
  EXPECT_EQ(deferred_namespaces::counters().pending, 0U);
}

// ---- what is asked of identities and exec states -------------------------------------------------

TEST_F(user_namespace_test, PinnedPagesAreGivenBackAfterExit) {
  user_ref space = make<address_space>(box.all, make<user_namespace>(box.all, 0U), 1U);
  const bare_ref device = space.share<identity>();
  device->account_pinned(512);
  space.at<identity>().account_pinned(8);
  EXPECT_EQ(device->pinned(), 520);
  space.drop();
  const scope interrupt(context::any);
  device->account_pinned(-520);
  EXPECT_EQ(device->pinned(), 0);
}

TEST_F(user_namespace_test, DumpabilityIsThatOfAnOrdinaryProgramUntilSet) {
  using trefoil::mm::dumpable;
  user_ref space = make<address_space>(box.all, make<user_namespace>(box.all, 0U), 1U);
  const bare_ref bare = space.share<identity>();
  EXPECT_EQ(bare->dumpability(), dumpable::user);
  space.at<identity>().set_dumpability(dumpable::root);
  space.drop();
  EXPECT_EQ(bare->dumpability(), dumpable::root) << "outlives the mappings";
}

TEST_F(user_namespace_test, AnExecStateIsSharedAndGoesAnywhere) {
  using trefoil::mm::dumpable;
  auto ns = make<user_namespace>(box.all, 1000U);
  ref<exec_state> parent = make<exec_state>(ns, dumpable::no);
  ref<exec_state> child = parent;
  EXPECT_EQ(child->dumpability(), dumpable::no);
  child->set_dumpability(dumpable::user);
  EXPECT_EQ(parent->dumpability(), dumpable::user);
  EXPECT_EQ(parent->user_ns(), ns);
  EXPECT_EQ(box.notes.exec_states(), 1);
  parent.drop();
  ns.drop();
  const int blocks = heap::blocks();
  {
    const scope rcu_callback(context::any);
    child.drop();
    EXPECT_EQ(heap::blocks(), blocks - 1);
    EXPECT_EQ(box.notes.exec_states(), 0);
  }
  EXPECT_EQ(deferred_namespaces::poll(), 1U) << "the namespace, nothing else";
  EXPECT_EQ(heap::blocks(), blocks - 2);
}

}  // namespace
