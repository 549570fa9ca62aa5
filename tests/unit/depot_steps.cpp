// SPDX-License-Identifier: Apache-2.0
// The pool's single steps, of which each must be there: what is counted, what a child after fork()
// finds, who looks after what.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <latch>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <trefoil/pool.hpp>

#include "../reclaim/support.hpp"
#include "sanitized.hpp"

namespace {

namespace context = trefoil::context;
using context::any;
using context::atomic;
using context::process;
using test::own_threads;

template <class Tag, std::size_t Size = 64>
using pool_of = trefoil::pooled::source<own_threads<Tag>, Size, 16>;

template <class Pool>
std::vector<void*> make(std::size_t n) {
  std::vector<void*> all(n);
  for (void*& block : all) block = Pool::allocate(process);
  return all;
}
template <class Pool>
void drop(const std::vector<void*>& all, context::level here) {
  for (void* const block : all) Pool::release(block, here);
}

// ---- counts --------------------------------------------------------------------------------------

struct counts;

TEST(depot_steps, a_threads_stock_is_told_from_what_lives) {
  using pool = pool_of<counts>;
  const std::vector<void*> some = make<pool>(3);
  EXPECT_EQ(pool::figures().living, 3U);
  EXPECT_EQ(pool::figures().cached, pool::figures().cached_here);
  EXPECT_GT(pool::figures().cached, 0U);
  drop<pool>(some, process);
  EXPECT_EQ(pool::figures().living, 0U);
  pool::trim();
  EXPECT_EQ(pool::bytes_reserved(), 0U);
}

/// Drops what is taken from there, as from level any.
template <class Depot>
void drop_chain(Depot& to, typename Depot::node* n) {
  while (n != nullptr) {
    auto* const next = n->next.get();
    to.drop(*n);
    n = next;
  }
}

struct trimmed;

TEST(depot_steps, trim_finds_what_was_dropped_at_any) {
  using P = own_threads<trimmed>;
  trefoil::depot<P, 64, 16, trefoil::raw_blocks<P>> depot;
  std::size_t got = 0;
  for (int i = 0; i < 10; ++i) drop_chain(depot, depot.take(process, depot.batch, got));
  EXPECT_GT(depot.trim(), 0U);
  EXPECT_EQ(depot.bytes(), 0U);
}

struct sorted;

TEST(depot_steps, what_is_not_sorted_yet_waits_beside_what_is_dropped_meanwhile) {
  using P = own_threads<sorted>;
  trefoil::depot<P, 64, 16, trefoil::raw_blocks<P>> depot;
  std::size_t got = 0;
  auto* const one = depot.take(process, 1, got);
  auto* const other = depot.take(process, 1, got);
  for (auto* n : {depot.take(process, depot.batch, got), depot.take(process, depot.batch, got),
                  depot.take(process, depot.batch, got)})
    drop_chain(depot, n);
  depot.put(*one, process);  // sorts one batch
  drop_chain(depot, other);
  EXPECT_EQ(depot.figures(process).living, 0U);
  depot.trim();
  EXPECT_EQ(depot.bytes(), 0U);
}

struct handed_on;

TEST(depot_steps, trim_leaves_no_magazine) {
  using P = own_threads<handed_on>;
  trefoil::depot<P, 4096, 16, trefoil::raw_blocks<P>> depot;
  std::size_t got = 0;
  auto* const full = depot.take(process, depot.batch, got);
  ASSERT_EQ(got, depot.batch);
  depot.put_magazine(*full, process);
  EXPECT_GT(depot.trim(), 0U);
  EXPECT_EQ(depot.take(atomic, depot.batch, got), nullptr);
}

struct come_and_go;

TEST(depot_steps, figures_ask_no_thread_that_is_gone) {
  using pool = pool_of<come_and_go>;
  for (int i = 0; i < 3; ++i) {
    std::thread([] { drop<pool>(make<pool>(1), process); }).join();
    EXPECT_EQ(pool::figures().cached, 0U);
  }
}

// ---- a thread that never makes anything ----------------------------------------------------------

struct only_drops;

TEST(depot_steps, a_thread_without_a_stock_looks_after_what_it_drops) {
  using pool = pool_of<only_drops>;
  const std::vector<void*> all = make<pool>(5000);
  const std::size_t most = pool::bytes_reserved();
  std::thread([&] {
    drop<pool>(all, process);
    EXPECT_LT(pool::bytes_reserved(), most / 2);
  }).join();
}

// ---- fork ----------------------------------------------------------------------------------------

/// Exit status 0: `does` has returned true, before the alarm.
int in_a_child(bool (*does)()) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);  // instead of a hang
    _exit(does() ? 0 : 1);
  }
  int status = -1;
  if (child == -1 || waitpid(child, &status, 0) != child) return -1;
  return status;
}

struct forking;

TEST(depot_steps, a_child_has_the_stock_of_its_own_thread_alone) {
  if (test::under_address_sanitizer)
    GTEST_SKIP() << "AddressSanitizer leaves the child with its allocator's locks as they were";
  using pool = pool_of<forking>;
  const std::vector<void*> some = make<pool>(3);
  std::latch there{1};
  std::latch done{1};
  std::thread other([&] {
    drop<pool>(make<pool>(10), process);
    there.count_down();
    done.wait();
  });
  there.wait();
  EXPECT_GT(pool::figures().cached, pool::figures().cached_here);
  EXPECT_EQ(in_a_child([] {
              const trefoil::pool_figures f = pool::figures();
              drop<pool>(make<pool>(1000), process);
              return f.cached == f.cached_here && f.cached != 0;
            }),
            0);
  done.count_down();
  other.join();
  drop<pool>(some, process);
}

struct busy;

TEST(depot_steps, a_child_finds_the_depot_unlocked) {
  if (test::under_address_sanitizer)
    GTEST_SKIP() << "AddressSanitizer leaves the child with its allocator's locks as they were";
  using pool = pool_of<busy, 16384>;  // few blocks at a time: most operations go to the depot
  drop<pool>(make<pool>(1), process);
  std::atomic<bool> stop{false};
  std::thread crowd([&] {
    while (!stop.load()) drop<pool>(make<pool>(20), process);
  });
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(in_a_child([] {
                drop<pool>(make<pool>(20), process);
                return true;
              }),
              0);
  }
  stop.store(true);
  crowd.join();
}

}  // namespace
