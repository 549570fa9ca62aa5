// SPDX-License-Identifier: Apache-2.0
// Files in memory: their pages come when they are needed, stay until the last holder goes, and are
// found at every size.
#include "hardware.hpp"

#include <random>
#include <string>
#include <vector>

namespace {

using namespace board;
using file = trefoil::mm::file<platform>;
using trefoil::mm::error;
using trefoil::mm::fault_result;
namespace flag = trefoil::mm::map_flag;
namespace prot = trefoil::mm::prot;

class files : public board_test {
 protected:
  machine box{400};
  ref<user_namespace> root = make<user_namespace>(box.all, 0U);
};

TEST_F(files, TakeNothingUntilTheyAreUsed) {
  ref<file> f = make<file>(box.all, std::uint64_t{1} << 40);
  EXPECT_EQ(box.frames.in_use(), 0U);
  std::uint64_t v = 7;
  EXPECT_EQ(f->write((std::uint64_t{1} << 40) - 8, &v, 8), 8U);
  EXPECT_EQ(box.frames.in_use(), 5U) << "a page and four tables";
  v = 0;
  EXPECT_EQ(f->read((std::uint64_t{1} << 40) - 8, &v, 100), 8U) << "up to its end";
  EXPECT_EQ(v, 7U);
  EXPECT_EQ(f->read(std::uint64_t{1} << 40, &v, 8), 0U);
  f.drop();
  EXPECT_EQ(box.frames.in_use(), 0U);
}

TEST_F(files, GrowThroughEveryNumberOfTables) {
  ref<file> f = make<file>(box.all, 1U);
  std::uint64_t v = 11;
  EXPECT_EQ(f->write(0, &v, 8), 1U);
  for (unsigned bits = 12; bits <= 48; bits += 3) {
    const std::uint64_t bytes = std::uint64_t{1} << bits;
    ASSERT_TRUE(f->grow(bytes));
    EXPECT_FALSE(f->grow(bytes - 1)) << "it does not shrink";
    v = bits;
    EXPECT_EQ(f->write(bytes - 8, &v, 8), 8U);
  }
  EXPECT_FALSE(f->grow((std::uint64_t{1} << 48) + 1));
  for (unsigned bits = 12; bits <= 48; bits += 3) {
    v = 0;
    EXPECT_EQ(f->read((std::uint64_t{1} << bits) - 8, &v, 8), 8U);
    EXPECT_EQ(v, bits);
  }
  v = 0;
  EXPECT_EQ(f->read(0, &v, 8), 8U);
  EXPECT_EQ(v, 11U) << "what was there before it grew";
  f.drop();
  EXPECT_EQ(box.frames.in_use(), 0U);
}

TEST_F(files, KeepPagesThatMappingsWroteAndTheOtherWayRound) {
  ref<file> f = make<file>(box.all, 2 * page_size);
  user_ref space = make<address_space>(box.all, root, 1U);
  const auto at = space->mmap(0, 4 * page_size, prot::read | prot::write, flag::shared, {f});
  ASSERT_TRUE(at);
  const std::string text = "across the border of two pages";
  EXPECT_EQ(space->copy_to(at.address + page_size - 10, text.data(), text.size()), text.size());
  std::string seen(text.size(), ' ');
  EXPECT_EQ(f->read(page_size - 10, seen.data(), seen.size()), seen.size());
  EXPECT_EQ(seen, text);
  EXPECT_EQ(space->fault(at.address + 2 * page_size), fault_result::bus_error);
  EXPECT_EQ(space->copy_from(at.address + 2 * page_size - 4, seen.data(), 8), 4U);
  ASSERT_TRUE(f->grow(3 * page_size));
  EXPECT_EQ(space->fault(at.address + 2 * page_size), fault_result::ok) << "it has grown";
  space.drop();
  EXPECT_EQ(f->read(page_size - 10, seen.data(), seen.size()), seen.size());
  EXPECT_EQ(seen, text);
}

TEST_F(files, ThatWereOpenedForReadingAreNotWritten) {
  ref<file> f = make<file>(box.all, page_size);
  user_ref space = make<address_space>(box.all, root, 1U);
  const unsigned rw = prot::read | prot::write;
  EXPECT_EQ(space->mmap(0, page_size, rw, flag::shared, {f, 0, false}).why, error::eacces);
  EXPECT_TRUE(space->mmap(0, page_size, rw, flag::privately, {f, 0, false}));
  const auto at = space->mmap(0, page_size, prot::read, flag::shared, {f, 0, false});
  ASSERT_TRUE(at);
  EXPECT_EQ(space->mprotect(at.address, page_size, rw), error::eacces);
  EXPECT_EQ(space->mprotect(at.address, page_size, prot::read | prot::exec), error::none);
}

TEST_F(files, RunOutOfFramesPolitely) {
  machine tight{3};
  ref<file> f = make<file>(tight.all, 600 * page_size);  // two levels
  std::vector<std::uint64_t> in(2 * page_size / 8, 5);
  EXPECT_EQ(f->write(0, in.data(), 2 * page_size), page_size);
  EXPECT_EQ(f->page(1), physical{0});
  EXPECT_FALSE(f->grow(std::uint64_t{1} << 40));
  f.drop();
  EXPECT_EQ(tight.frames.in_use(), 0U);
}

}  // namespace
