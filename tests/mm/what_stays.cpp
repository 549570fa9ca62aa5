// SPDX-License-Identifier: Apache-2.0
// Each tier takes its memory along when it goes: what an address space that has been dead for long
// still occupies is its identity, and that is small, whatever was mapped, whoever subscribed.
#include "board.hpp"

#include <cstddef>

namespace {

using namespace board;
using trefoil::mm::access;
using trefoil::mm::fault_result;
namespace flag = trefoil::mm::map_flag;
namespace prot = trefoil::mm::prot;

/// The goal, for an address space whose ledger notes as much with it as the machine's does.
constexpr std::size_t most = 256;
static_assert(sizeof(address_space) <= most - 80 + sizeof(ledger::account));

class what_stays : public board_test {
 protected:
  static constexpr std::uint64_t pages = 600;
  machine box{pages + 16};
  ref<user_namespace> root = make<user_namespace>(box.all, 0U);
  std::ptrdiff_t bytes_before = heap::bytes();
  int blocks_before = heap::blocks();
  user_ref space = make<address_space>(box.all, root, 1U);

  what_stays() {
    for (std::uint64_t i = 0; i < 20; ++i) {
      EXPECT_TRUE(space->mmap(0, page_size, i % 2 == 0 ? prot::read : prot::none,
                              flag::privately | flag::anonymous));
    }
    constexpr std::uint64_t at = 0x4000'0000;
    EXPECT_TRUE(space->mmap(at, pages * page_size, prot::read | prot::write,
                            flag::privately | flag::anonymous | flag::fixed));
    for (std::uint64_t i = 0; i < pages; ++i) {
      EXPECT_EQ(space->fault(at + i * page_size, access::write), fault_result::ok);
    }
  }

  void expect_only_the_identity() const {
    EXPECT_EQ(box.frames.in_use(), 0U);
    EXPECT_EQ(heap::blocks(), blocks_before + 1);
    EXPECT_EQ(heap::bytes(), bytes_before + static_cast<std::ptrdiff_t>(sizeof(address_space)));
    EXPECT_LE(heap::bytes() - bytes_before, static_cast<std::ptrdiff_t>(most));
  }
};

TEST_F(what_stays, TierByTier) {
  lazy_ref lazy = space.share<page_directory>();
  const bare_ref bare = space.share<identity>();
  EXPECT_EQ(box.frames.in_use(), pages + 5);
  space.drop();
  EXPECT_EQ(box.frames.in_use(), 1U) << "the page directory's own";
  EXPECT_EQ(heap::blocks(), blocks_before + 2) << "no VMA, no mappings";
  lazy.drop();
  expect_only_the_identity();
}

TEST_F(what_stays, BothAtOnceByItsUniqueOwner) {
  const bare_ref bare = std::move(space).demote<identity>();
  expect_only_the_identity();
}

TEST_F(what_stays, WhereTheTeardownsHadToBeDeferred) {
  const bare_ref bare = space.share<identity>();
  {
    const scope interrupt(context::any);
    space.drop();
  }
  EXPECT_EQ(deferred_spaces::poll(), 1U);
  expect_only_the_identity();
}

TEST_F(what_stays, OfSubscribersNothing) {
  struct final_notifier final : trefoil::mm::notifier<platform> {
  } device;  // in memory of its own
  ASSERT_TRUE(device.subscribe(space.share<identity>()));
  space.drop();
  expect_only_the_identity();
  device.unsubscribe();
}

}  // namespace
