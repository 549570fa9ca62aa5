// SPDX-License-Identifier: Apache-2.0
// map() when the heap has nothing: false, nothing changed, no exception. A program of its own: it
// replaces operator new.
#include "board.hpp"

#include <cstdlib>
#include <new>

namespace {
bool heap_is_empty = false;
}  // namespace

// Not inlined: g++ would see free() of what came from new.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  void* const p = heap_is_empty ? nullptr : std::malloc(bytes);
  if (p == nullptr) throw std::bad_alloc();
  return p;
}
[[gnu::noinline]] void operator delete(void* p) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept { std::free(p); }

namespace {

using namespace board;

class no_memory_for_ranges : public board_test {
 protected:
  ~no_memory_for_ranges() override { heap_is_empty = false; }
  no_memory_for_ranges() = default;
  no_memory_for_ranges(const no_memory_for_ranges&) = delete;
  no_memory_for_ranges& operator=(const no_memory_for_ranges&) = delete;
};

TEST_F(no_memory_for_ranges, MapSaysNoAndChangesNothing) {
  machine box{16};
  user_ref space = make<address_space>(box.all, make<user_namespace>(0U), 1U);
  // As many as go without memory; at least one is in the way of the next.
  std::uint64_t at = 0x1000;
  ASSERT_TRUE(space->map({at, at + page_size, true, false}));
  heap_is_empty = true;
  std::size_t mapped = 1;
  for (at += 2 * page_size; mapped < 1000; at += 2 * page_size) {
    if (!space->map({at, at + page_size, true, false})) break;
    ++mapped;
  }
  const bool first_again = space->map({0x1000, 0x2000, true, false});
  const bool faulted = space->fault(0x1000);
  const bool refused_faulted = space->fault(at);
  heap_is_empty = false;
  EXPECT_LT(mapped, 1000U);
  EXPECT_EQ(space->vmas().size(), mapped);
  EXPECT_FALSE(first_again);
  EXPECT_TRUE(faulted) << "frames are not from the heap";
  EXPECT_FALSE(refused_faulted);
  EXPECT_TRUE(space->map({at, at + page_size, true, false}));
  EXPECT_TRUE(space->fault(at));
  space.drop();
  EXPECT_EQ(box.frames.in_use(), 0U);
}

}  // namespace
