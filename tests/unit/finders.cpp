// SPDX-License-Identifier: Apache-2.0
// Threads that find objects by stale addresses and read slots, while others make, replace and drop
// them: nobody ever sees a tier that is not whole, and each object is torn down once.
#include "staged_test.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <random>
#include <thread>
#include <utility>
#include <vector>

namespace {

using trefoil::make;
using trefoil::ref;
using trefoil::slot;
using trefoil::try_acquire;
namespace context = trefoil::context;

/// Tiers alive now, by kind; atomic: they die on any thread.
std::atomic<int> accounts{0};
std::atomic<int> connections{0};

constexpr std::uint64_t whole = 0x5EC0'0A11'7EED'F00D;

struct account final {
  static constexpr auto teardown = context::any;
  explicit account(std::uint64_t n) : number(n) { accounts.fetch_add(1); }
  account(const account&) = delete;
  account& operator=(const account&) = delete;
  ~account() {
    mark = 0;
    accounts.fetch_sub(1);
  }
  std::uint64_t number;
  std::uint64_t mark = whole;
};
struct connection final {
  static constexpr auto teardown = context::any;
  explicit connection(account& a) : number(a.number) { connections.fetch_add(1); }
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;
  ~connection() {
    mark = 0;
    connections.fetch_sub(1);
  }
  std::uint64_t number;
  std::uint64_t mark = whole;
};

template <class Counts>
struct found_by_number : test_traits<Counts, trefoil::pooled> {
  static constexpr bool findable = true;
  using key = std::uint64_t;
};
template <class Counts>
using session_of = trefoil::basic_staged<found_by_number<Counts>, connection, account>;

/// Not findable: its slots lock.
template <class Counts>
using line_of = trefoil::basic_staged<test_traits<Counts, trefoil::pooled>, connection, account>;

template <class T>
ref<T, connection> make_numbered(std::uint64_t number) {
  if constexpr (trefoil::findable<T>) {
    return make<T>(number, number);
  } else {
    return make<T>(number);
  }
}

/// What a holder of the outer tier must find, whatever the others do. Not EXPECT_*: it is called a
/// million times.
template <class T>
bool is_whole(const ref<T, connection>& held) {
  const account& inner = held.template at<account>();
  return held->mark == whole && inner.mark == whole && held->number == inner.number;
}

constexpr std::size_t readers = 2;
constexpr std::uint64_t objects = 20'000;
constexpr std::uint64_t never_in_a_slot = objects + 1;

/// Runs `write` on this thread and `read(stop)` on the others until it returns.
template <class Write, class Read>
void write_while_others_read(const Write& write, const Read& read) {
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < readers; ++i) {
    threads.emplace_back([&, i] { read(i, stop); });
  }
  write();
  stop.store(true);
  for (auto& each : threads) each.join();
}

struct finders : staged_test {
  ~finders() override {
    EXPECT_EQ(accounts.load(), 0);
    EXPECT_EQ(connections.load(), 0);
  }
};

template <class Counts>
struct finders_by_key : finders {};
using kinds = ::testing::Types<trefoil::packed_counts<>, trefoil::wide_counts>;
TYPED_TEST_SUITE(finders_by_key, kinds);

TYPED_TEST(finders_by_key, never_get_another_object_nor_half_of_one) {
  using session = session_of<TypeParam>;
  // Addresses and keys are published separately, as in a table without locks: finders mix them up.
  std::array<std::atomic<session*>, 4> table{};
  std::atomic<std::uint64_t> newest{0};
  std::array<std::atomic<std::uint64_t>, readers> found{};
  std::atomic<std::uint64_t> wrong{0};

  write_while_others_read(
      [&] {
        std::array<ref<session, connection>, 4> alive;
        for (std::uint64_t n = 1; n <= objects; ++n) {
          auto& place = alive[n % alive.size()];
          if (n % 3 == 0) {
            // Half-way first: the inner tier goes by a counted drop, not with the unique owner.
            const auto inner = place.template share<account>();
            place.drop();
          }
          place.drop();
          place = make_numbered<session>(n);
          table[n % table.size()].store(place.address());
          newest.store(n);
        }
        // Whatever the machine's load, somebody has found something.
        while (found[0].load() + found[1].load() == 0) std::this_thread::yield();
      },
      [&](std::size_t reader, const std::atomic<bool>& stop) {
        std::minstd_rand random(static_cast<unsigned>(reader + 1));
        while (!stop.load(std::memory_order_relaxed)) {
          session* const address = table[random() % table.size()].load();
          const std::uint64_t key = newest.load() - random() % table.size();
          if (auto outer = try_acquire<connection>(address, key)) {
            if (outer->number != key || !is_whole(outer)) wrong.fetch_add(1);
            found[reader].fetch_add(1);
          }
          if (auto inner = try_acquire<account>(address, key)) {
            if (inner->number != key || inner->mark != whole) wrong.fetch_add(1);
            if (auto outer = inner.template promote<connection>()) {
              if (!is_whole(outer)) wrong.fetch_add(1);
            }
          }
          if (auto any = try_acquire<connection>(address)) {
            if (!is_whole(any)) wrong.fetch_add(1);
          }
        }
      });
  EXPECT_EQ(wrong.load(), 0U);
}

template <class T>
struct slot_readers : finders {};
using slotted =
    ::testing::Types<line_of<trefoil::packed_counts<>>, line_of<trefoil::wide_counts>,
                     session_of<trefoil::packed_counts<>>, session_of<trefoil::wide_counts>>;
TYPED_TEST_SUITE(slot_readers, slotted);

TYPED_TEST(slot_readers, see_the_old_one_or_the_new_one_whole) {
  slot<ref<TypeParam, connection>> active(make_numbered<TypeParam>(0));
  std::array<std::atomic<std::uint64_t>, readers> loaded{};
  std::atomic<std::uint64_t> wrong{0};

  write_while_others_read(
      [&] {
        ref<TypeParam, connection> decoy;
        for (std::uint64_t n = 1; n <= objects; ++n) {
          if (n % 2 == 0) {
            active.store(make_numbered<TypeParam>(n));
          } else {
            auto old = active.exchange(make_numbered<TypeParam>(n));
            if (!old || old->number != n - 1) wrong.fetch_add(1);
          }
          // Takes the memory of the one just dropped, at which a reader may still be looking.
          decoy = make_numbered<TypeParam>(never_in_a_slot);
        }
        while (loaded[0].load() == 0 || loaded[1].load() == 0) std::this_thread::yield();
      },
      [&](std::size_t reader, const std::atomic<bool>& stop) {
        std::uint64_t last = 0;
        while (!stop.load(std::memory_order_relaxed)) {
          if (auto held = active.load()) {
            // Newer than what this reader saw before: a slot does not go back in time.
            const std::uint64_t number = held->number;
            if (number < last || number == never_in_a_slot || !is_whole(held)) wrong.fetch_add(1);
            if (number != never_in_a_slot) last = number;
          } else {
            wrong.fetch_add(1);  // the slot is never empty
          }
          if (auto inner = active.template load<account>()) {
            if (inner->number < last || inner->mark != whole) wrong.fetch_add(1);
            if (inner->number == never_in_a_slot) wrong.fetch_add(1);
          }
          loaded[reader].fetch_add(1);
        }
      });
  EXPECT_EQ(wrong.load(), 0U);
  active.clear();
}

TYPED_TEST(slot_readers, and_two_writers_drop_each_object_once) {
  slot<ref<TypeParam, connection>> active;
  std::atomic<std::uint64_t> wrong{0};
  write_while_others_read(
      [&] {
        for (std::uint64_t n = 1; n <= objects; ++n) active.store(make_numbered<TypeParam>(n));
      },
      [&](std::size_t, const std::atomic<bool>& stop) {
        while (!stop.load(std::memory_order_relaxed)) {
          auto taken = active.exchange({});
          if (taken && !is_whole(taken)) wrong.fetch_add(1);
        }
      });
  EXPECT_EQ(wrong.load(), 0U);
  active.clear();
}

}  // namespace
