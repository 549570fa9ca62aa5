// SPDX-License-Identifier: Apache-2.0
// What an allocation costs does not depend on how much free memory there is.
#include <trefoil/trefoil.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace {

namespace context = trefoil::context;

/// Reads of shared data that is not atomic: the links of the free blocks, above all.
std::uint64_t reads = 0;  // one thread works here

/// A place without lists of its own for each thread, as a kernel may be, that counts.
struct bare_place {
  template <class T>
  using atomic = std::atomic<T>;

  template <class T>
  class cell {
   public:
    constexpr cell() noexcept = default;
    constexpr explicit cell(T value) noexcept : value_(value) {}
    [[nodiscard]] T get() const noexcept {
      ++reads;
      return value_;
    }
    void set(T value) noexcept { value_ = value; }

   private:
    T value_;
  };

  static context::state<bare_place>& state() noexcept {
    static constinit thread_local context::state<bare_place> mine;
    return mine;
  }
  static void report(trefoil::misuse, const void*) noexcept {}
  static void* allocate(std::size_t bytes, std::size_t align) noexcept {
    return trefoil::threads::allocate(bytes, align);
  }
  static void deallocate(void* p, std::size_t bytes, std::size_t align) noexcept {
    trefoil::threads::deallocate(p, bytes, align);
  }
  static void relax() noexcept {}
};
static_assert(trefoil::platform<bare_place>);

/// The same, with a list per thread.
struct place_with_lists : bare_place {
  static context::state<place_with_lists>& state() noexcept {
    static constinit thread_local context::state<place_with_lists> mine;
    return mine;
  }
  template <class T>
  static T& local() noexcept {
    static constinit thread_local T mine{};
    return mine;
  }
  static bool at_thread_exit(trefoil::thread_exit_hook& hook) noexcept {
    last_hook = &hook;
    return true;
  }
  static inline trefoil::thread_exit_hook* last_hook = nullptr;
};

template <class Place>
using pool_of = trefoil::pool<Place, 64, 16>;

template <class Place>
class pool_cost : public ::testing::Test {
 protected:
  ~pool_cost() override { pool_of<Place>::trim(); }

  /// So many free blocks that a walk over them all would show.
  void fill_the_free_list() {
    std::vector<void*> blocks(20'000);
    for (auto& each : blocks) each = pool_of<Place>::allocate(context::process);
    for (auto* const each : blocks)
      pool_of<Place>::release(each, context::any);  // to the shared list
  }
};
using places = ::testing::Types<bare_place, place_with_lists>;
TYPED_TEST_SUITE(pool_cost, places);

TYPED_TEST(pool_cost, of_an_allocation_is_that_of_a_batch_at_most) {
  using pool = pool_of<TypeParam>;
  this->fill_the_free_list();
  std::uint64_t most = 0;
  std::vector<void*> blocks(300);
  for (auto& each : blocks) {
    const std::uint64_t before = reads;
    each = pool::allocate(context::process);
    most = std::max(most, reads - before);
  }
  EXPECT_LE(most, 8 * pool::thread_room);
  for (auto* const each : blocks) pool::release(each, context::process);
}

}  // namespace
