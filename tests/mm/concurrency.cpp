// SPDX-License-Identifier: Apache-2.0
// Threads of one process fault, map, unmap, protect, fork and read each other's memory while the OOM
// reaper is at it: nothing races (ThreadSanitizer watches), nobody sees what is not his, and at the
// end everything has been given back.
#include "hardware.hpp"

#include <atomic>
#include <functional>
#include <random>
#include <thread>
#include <vector>

namespace {

using namespace board;
using file = trefoil::mm::file<platform>;
using trefoil::mm::access;
using trefoil::mm::error;
using trefoil::mm::fault_result;
namespace flag = trefoil::mm::map_flag;
namespace prot = trefoil::mm::prot;

constexpr unsigned rw = prot::read | prot::write;
constexpr std::uint64_t base = 0x4000'0000 - 16 * page_size;
constexpr std::uint64_t pages = 32;

class concurrency : public board_test {
 protected:
  machine box{1500};
  mmu hardware{box.ram};
  ref<user_namespace> root = make<user_namespace>(box.all, 0U);
  std::atomic<int> wrong{0};

  concurrency() { platform::alone = false; }
  ~concurrency() override { platform::alone = true; }
  concurrency(const concurrency&) = delete;
  concurrency& operator=(const concurrency&) = delete;

  void expect(bool right) {
    if (!right) ++wrong;
  }
  static void run(const std::vector<std::function<void()>>& all) {
    std::vector<std::thread> threads;
    threads.reserve(all.size());
    for (const auto& f : all) threads.emplace_back(f);
    for (std::thread& t : threads) t.join();
  }
  user_ref new_space() {
    user_ref space = make<address_space>(box.all, root, 1U);
    EXPECT_TRUE(
        space->mmap(base, pages * page_size, rw, flag::privately | flag::anonymous | flag::fixed));
    return space;
  }
};

TEST_F(concurrency, FaultsOnOnePageMakeOnePage) {
  for (int round = 0; round < 50; ++round) {
    user_ref space = new_space();
    const auto toucher = [&] {
      for (std::uint64_t p = 0; p < pages; ++p) {
        expect(space->fault(base + p * page_size, access::write) == fault_result::ok);
      }
    };
    run({toucher, toucher, toucher, toucher});
    ASSERT_EQ(hardware.pages(cr3(space)).size(), pages);
    ASSERT_EQ(box.frames.in_use(), 1 + 5 + pages) << "one table, and two of the lower levels each";
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(box.frames.in_use(), 0U);
}

TEST_F(concurrency, EveryThreadKeepsItsOwnWords) {
  // Copies on write happen all the time: one thread forks, the others write into the same pages.
  user_ref space = new_space();
  std::atomic<bool> stop{false};
  const auto writer = [&](std::uint64_t me) {
    return [&, me] {
      std::mt19937 random(static_cast<std::uint32_t>(me));
      std::vector<std::uint64_t> mine(pages);
      for (std::uint64_t n = 1; n < 3000; ++n) {
        const std::uint64_t p = random() % pages;
        const std::uint64_t where = base + p * page_size + me * 8;
        std::uint64_t v = 0;
        expect(space->copy_from(where, &v, sizeof v) == sizeof v);
        expect(v == mine[p]);
        v = mine[p] = n;
        expect(space->copy_to(where, &v, sizeof v) == sizeof v);
      }
      stop = true;
    };
  };
  const auto forker = [&] {
    std::uint64_t number = 1;
    while (!stop) {
      const user_ref child = trefoil::mm::fork(space, ++number);
      expect(bool(child));
      if (!child) continue;
      // What it saw at its birth stays.
      for (std::uint64_t p = 0; p < pages; p += 5) {
        std::uint64_t first = 0;
        std::uint64_t second = 0;
        child->copy_from(base + p * page_size, &first, sizeof first);
        std::this_thread::yield();
        child->copy_from(base + p * page_size, &second, sizeof second);
        expect(first == second);
        second = ~first;
        child->copy_to(base + p * page_size, &second, sizeof second);
      }
    }
  };
  run({writer(0), writer(1), writer(2), forker, forker});
  EXPECT_EQ(wrong, 0);
  space.drop();
  EXPECT_EQ(box.frames.in_use(), 0U);
}

TEST_F(concurrency, EverythingAtOnce) {
  for (int round = 0; round < 6; ++round) {
    ref<file> memfd = make<file>(box.all, pages * page_size);
    user_ref space = new_space();
    std::vector<std::function<void()>> all;
    for (std::uint32_t me = 0; me < 4; ++me) {
      all.emplace_back([&, me] {
        std::mt19937 random(me + static_cast<std::uint32_t>(round) * 10);
        const auto below = [&](std::uint64_t n) { return random() % n; };
        for (int step = 0; step < 600; ++step) {
          const std::uint64_t at = base + below(pages) * page_size;
          const std::uint64_t length = (1 + below(6)) * page_size;
          std::uint64_t word = me;
          switch (below(10)) {
            case 0: static_cast<void>(space->munmap(at, length)); break;
            case 1: static_cast<void>(space->mprotect(at, length, below(8) & 7U)); break;
            case 2:
              static_cast<void>(
                  space->mmap(at, length, rw, flag::privately | flag::anonymous | flag::fixed));
              break;
            case 3:
              static_cast<void>(
                  space->mmap(at, length, rw, flag::shared | flag::fixed, {memfd, 0}));
              break;
            case 4:
              static_cast<void>(space->mremap(at, length, length, 3, base + 64 * page_size));
              break;
            case 5: {
              const user_ref child = trefoil::mm::fork(space, 2);
              if (child) static_cast<void>(child->copy_to(at, &word, sizeof word));
              break;
            }
            case 6: static_cast<void>(space->copy_from(at, &word, sizeof word)); break;
            case 7: static_cast<void>(space->copy_to(at, &word, sizeof word)); break;
            default:
              static_cast<void>(space->fault(at, below(2) == 0 ? access::read : access::write));
          }
        }
      });
    }
    const bare_ref reaper = space.share<identity>();
    if (round % 2 == 1) {
      all.emplace_back([&] {
        for (int i = 0; i < 2000; ++i) std::this_thread::yield();
        static_cast<void>(reaper->reap());
      });
    }
    run(all);
    space.drop();
    memfd.drop();
    ASSERT_EQ(box.frames.in_use(), 0U);
  }
}

TEST_F(concurrency, SharedMemoryIsOneForAll) {
  ref<file> memfd = make<file>(box.all, page_size);
  std::vector<user_ref> spaces;
  constexpr int processes = 3;
  for (int i = 0; i < processes; ++i) {
    spaces.push_back(new_space());
    ASSERT_TRUE(
        spaces.back()->mmap(0x1000'0000, page_size, rw, flag::shared | flag::fixed, {memfd}));
  }
  std::vector<std::function<void()>> all;
  for (int i = 0; i < processes; ++i) {
    all.emplace_back([&, i] {
      const auto me = static_cast<std::uint64_t>(i);
      for (std::uint64_t n = 1; n <= 2000; ++n) {
        expect(spaces[me]->copy_to(0x1000'0000 + me * 8, &n, sizeof n) == sizeof n);
        // A neighbour that has nothing mapped for a moment has read nothing.
        std::uint64_t v = 0;
        if (spaces[(me + 1) % processes]->copy_from(0x1000'0000 + me * 8, &v, sizeof v) != 0) {
          expect(v == n);
        }
        if (n % 50 == 0) {
          expect(spaces[me]->munmap(0x1000'0000, page_size) == error::none);
          expect(bool(
              spaces[me]->mmap(0x1000'0000, page_size, rw, flag::shared | flag::fixed, {memfd})));
        }
      }
    });
  }
  run(all);
  EXPECT_EQ(wrong, 0);
  spaces.clear();
  EXPECT_EQ(memfd->bytes(), page_size);
  std::uint64_t v = 0;
  for (std::uint64_t i = 0; i < processes; ++i) {
    EXPECT_EQ(memfd->read(i * 8, &v, sizeof v), sizeof v);
    EXPECT_EQ(v, 2000U);
  }
  memfd.drop();
  EXPECT_EQ(box.frames.in_use(), 0U);
}

// ---- which locks -----------------------------------------------------------------------------------

/// What a call locks, in order; the frame allocator's own lock left out.
std::vector<std::string> locks_of(const std::function<void()>& f) {
  std::vector<trefoil::mm::lock_class> all;
  platform::taken = &all;
  f();
  platform::taken = nullptr;
  std::vector<std::string> names;
  for (const trefoil::mm::lock_class c : all) {
    if (c != trefoil::mm::lock_class::frames) names.emplace_back(name_of(c));
  }
  return names;
}

TEST_F(concurrency, EveryCallTakesItsLocks) {
  using names = std::vector<std::string>;
  const std::string mmap_lock = "mmap_lock";
  const std::string table = "page_table_lock";
  user_ref space = new_space();
  const ref<file> memfd = make<file>(box.all, page_size);
  EXPECT_EQ(locks_of([&] { expect(space->fault(base) == fault_result::ok); }),
            (names{mmap_lock, table, table}))
      << "a look, and the page";
  EXPECT_EQ(locks_of([&] { expect(space->fault(base) == fault_result::ok); }),
            (names{mmap_lock, table}));
  user_ref child;
  EXPECT_EQ(locks_of([&] { child = trefoil::mm::fork(space, 2); }),
            (names{"pgd_lock", mmap_lock, mmap_lock}));
  EXPECT_EQ(locks_of([&] { expect(space->fault(base, access::write) == fault_result::ok); }),
            (names{mmap_lock, table, table, table}))
      << "a look, what to copy, the copy";
  std::uint64_t word = 1;
  EXPECT_EQ(locks_of([&] { space->copy_to(base, &word, sizeof word); }), (names{mmap_lock, table}));
  EXPECT_EQ(locks_of([&] { expect(space->munmap(base, page_size) == error::none); }),
            names{mmap_lock});
  EXPECT_EQ(locks_of([&] {
              expect(bool(space->mmap(base, page_size, rw, flag::shared | flag::fixed, {memfd})));
            }),
            names{mmap_lock});
  EXPECT_EQ(locks_of([&] { expect(space->fault(base) == fault_result::ok); }),
            (names{mmap_lock, table, "file", table}));
  EXPECT_EQ(locks_of([&] { expect(space->mprotect(base, page_size, prot::read) == error::none); }),
            names{mmap_lock});
  EXPECT_EQ(locks_of([&] { expect(bool(space->mremap(base, page_size, 2 * page_size, 1))); }),
            names{mmap_lock});
  EXPECT_EQ(locks_of([&] { static_cast<void>(space.at<identity>().reap()); }),
            (names{mmap_lock, table}))
      << "one private VMA";
  EXPECT_EQ(locks_of([&] { child.drop(); }),
            (names{mmap_lock, mmap_lock, table, mmap_lock, "pgd_lock"}))
      << "release; unmap; free tables; the page directory";
  EXPECT_EQ(wrong, 0);
}

TEST_F(concurrency, TheLastUserUnderMmapLockIsDeferred) {
  user_ref space = new_space();
  const bare_ref bare = space.share<identity>();
  {
    const trefoil::mm::rw_semaphore<platform>::read_guard locked(bare->mmap_lock());
    space.drop();  // exit_mmap takes the lock that we hold
    EXPECT_EQ(box.notes.mappings(), 1);
  }
  EXPECT_EQ(deferred_spaces::poll(), 1U);
  EXPECT_EQ(box.notes.mappings(), 0);
}

}  // namespace
