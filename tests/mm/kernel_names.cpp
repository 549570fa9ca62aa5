// SPDX-License-Identifier: Apache-2.0
// The calls of Linux by their names do what the table in kernel_names.hpp says; static address
// spaces never die.
#include "board.hpp"

#include <trefoil/mm/kernel_names.hpp>

#include <type_traits>
#include <utility>

namespace {

using namespace board;
using namespace trefoil::mm::kernel_names;  // NOLINT(google-build-using-namespace)

class kernel_names_test : public board_test {
 protected:
  machine box{64};
  ref<user_namespace> root = make<user_namespace>(box.all, 0U);
};

TEST_F(kernel_names_test, EachKeepsWhatItsNameSays) {
  board::user_ref mm = make<address_space>(box.all, root, 1U);
  const auto pgd = mmget_pgd(mm);
  auto grabbed = mmgrab(pgd);
  auto bare = mm_ref(mm);
  static_assert(std::is_same_v<decltype(mmget(mm)), board::user_ref>);
  static_assert(std::is_same_v<decltype(pgd), const board::lazy_ref>);
  static_assert(std::is_same_v<decltype(bare), board::bare_ref>);
  EXPECT_EQ(mm.use_count(), 1U);
  EXPECT_EQ(mm.use_count<page_directory>(), 2U);
  EXPECT_EQ(mm.use_count<identity>(), 3U);
  auto second = mmget(mm);
  EXPECT_EQ(mm.use_count(), 2U);
  mmput(std::move(second));
  EXPECT_FALSE(second);  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(mm.use_count(), 1U);
  EXPECT_TRUE(mmget_not_zero(bare));
  mmput(std::move(mm));
  EXPECT_EQ(box.notes.mappings(), 0);
  EXPECT_FALSE(mmget_not_zero(bare));
  EXPECT_FALSE(mmget_not_zero(pgd));
  EXPECT_TRUE(mmget_pgd_not_zero(bare));
  auto last = mmget_pgd(pgd);
  EXPECT_EQ(box.notes.page_directories(), 1);
  mmput_pgd(std::move(last));
  mmdrop(std::move(grabbed));
  const_cast<board::lazy_ref&>(pgd).drop();
  EXPECT_EQ(box.notes.page_directories(), 0);
  EXPECT_FALSE(mmget_pgd_not_zero(bare));
  EXPECT_EQ(box.notes.identities(), 1);
  {
    const scope interrupt(context::any);
    mm_unref(std::move(bare));
  }
  EXPECT_EQ(box.notes.identities(), 0);
}

TEST_F(kernel_names_test, MmputAsyncLeavesTheTeardownToAWorkerEverywhere) {
  board::user_ref mm = make<address_space>(box.all, root, 1U);
  mmput_async(mmget(mm));
  EXPECT_EQ(deferred_spaces::counters().pending, 0U) << "not the last";
  mmput_async(std::move(mm));
  EXPECT_EQ(box.notes.mappings(), 1);
  EXPECT_EQ(deferred_spaces::poll(), 1U);
  EXPECT_EQ(box.notes.alive(), 0);
}

TEST(static_mms_test, RefuseTheirLastDrop) {
  // As those of a kernel: in memory that is there until the end.
  struct kept {
    machine box{64};
    trefoil::mm::static_mms<platform> mms{box.all, make<user_namespace>(box.all, 0U)};
  };
  static kept& k = *new kept;
  EXPECT_EQ(k.box.notes.identities(), 3);
  EXPECT_EQ(k.box.all.page_directories(), 3U);
  for (auto* const mm : {&k.mms.init_mm, &k.mms.efi_mm, &k.mms.tboot_mm}) {
    auto user = mm->get();
    EXPECT_EQ(user.use_count(), 2U) << "as mm_users of init_mm";
    user.drop();
    void* const mine = mm->get<page_directory>().address();
    EXPECT_NE(mine, nullptr);
    // One drop too many, of every tier.
    auto again = board::user_ref::adopt(mine);
    again.drop();
    EXPECT_EQ(platform::misuses, 1);
    auto bare = mm->get<identity>();
    EXPECT_TRUE(mmget_not_zero(bare));
    EXPECT_EQ(k.box.notes.alive(), 9);
    platform::misuses = 0;
  }
}

}  // namespace
