// SPDX-License-Identifier: Apache-2.0
// Memory straight from the system: aligned, apart, zero or as it was left, and gone when it is given back.
#include <trefoil/os/pages.hpp>
#include <trefoil/os/threads.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include "../reclaim/support.hpp"
#include "sanitized.hpp"

namespace {

using memory = trefoil::detail::pages<trefoil::threads>;

std::uintptr_t address(const void* p) { return reinterpret_cast<std::uintptr_t>(p); }

struct request {
  std::size_t bytes;
  std::size_t align;
};

/// What pools ask for, and what else a platform may be asked for.
std::vector<request> requests() {
  std::vector<request> all;
  for (std::size_t bytes = 4096; bytes <= 256 * 1024; bytes *= 2) all.push_back({bytes, bytes});
  for (const std::size_t bytes : {16UL, 100UL, 4096UL, 65535UL, 65536UL, 65552UL, 1000000UL})
    for (const std::size_t align : {16UL, 64UL, 4096UL})
      all.push_back({(bytes + align - 1) / align * align, align});
  all.push_back({1 << 20, 1 << 20});
  all.push_back({2 << 20, 64 * 1024});
  return all;
}

TEST(pages, are_aligned_and_writable_from_end_to_end) {
  for (const request r : requests()) {
    auto* const p = static_cast<unsigned char*>(memory::allocate(r.bytes, r.align));
    ASSERT_NE(p, nullptr) << r.bytes;
    EXPECT_EQ(address(p) % r.align, 0U) << r.bytes << " aligned to " << r.align;
    p[0] = 1;
    p[r.bytes - 1] = 2;
    EXPECT_EQ(p[0], 1);
    memory::deallocate(p, r.bytes, r.align);
  }
}

TEST(pages, of_different_owners_are_apart) {
  // Each fills all of its memory with its number; whoever shares some sees it.
  std::mt19937 random(7);
  const std::vector<request> kinds = requests();
  struct owned {
    unsigned char* at;
    request size;
    unsigned char mark;
  };
  std::vector<owned> all;
  const auto check = [](const owned& o) {
    return std::all_of(o.at, o.at + o.size.bytes, [&](unsigned char c) { return c == o.mark; });
  };
  for (int i = 0; i < 3000; ++i) {
    if (all.size() > 100 || (!all.empty() && random() % 3 == 0)) {
      const std::size_t which = random() % all.size();
      ASSERT_TRUE(check(all[which])) << i;
      memory::deallocate(all[which].at, all[which].size.bytes, all[which].size.align);
      all[which] = all.back();
      all.pop_back();
    } else {
      const request r = kinds[random() % 12];  // the small ones
      const auto mark = static_cast<unsigned char>(i);
      auto* const at = static_cast<unsigned char*>(memory::allocate(r.bytes, r.align));
      ASSERT_NE(at, nullptr);
      std::memset(at, mark, r.bytes);
      all.push_back({at, r, mark});
    }
  }
  for (const owned& o : all) {
    EXPECT_TRUE(check(o));
    memory::deallocate(o.at, o.size.bytes, o.size.align);
  }
}

// Sanitizers have memory of their own.
#if defined(__linux__) && !defined(UNDER_ADDRESS_SANITIZER) && !defined(UNDER_THREAD_SANITIZER)

std::size_t mappings() {
  std::ifstream maps("/proc/self/maps");
  std::size_t lines = 0;
  for (std::string line; std::getline(maps, line);) ++lines;
  return lines;
}
struct of_process {
  std::size_t mapped = 0;
  std::size_t resident = 0;
};
of_process memory_now() {
  std::ifstream statm("/proc/self/statm");
  of_process now;
  statm >> now.mapped >> now.resident;
  return {now.mapped * 4096, now.resident * 4096};
}
std::size_t resident() { return memory_now().resident; }

constexpr std::size_t mib = std::size_t{1} << 20U;

struct leaving;

TEST(pages, slabs_that_go_leave_nothing_but_a_share) {
  using own = trefoil::detail::pages<test::own_threads<leaving>>;  // nobody else's chunks
  const of_process before = memory_now();
  constexpr std::size_t slab = 4096;
  std::vector<void*> all(16'384);  // 64 MiB
  for (void*& p : all) {
    p = own::allocate(slab, slab);
    ASSERT_NE(p, nullptr);
    std::memset(p, 1, slab);
  }
  EXPECT_GE(resident(), before.resident + all.size() * slab);
  std::shuffle(all.begin(), all.end(), std::mt19937(3));
  for (void* const p : all) own::deallocate(p, slab, slab);
  EXPECT_LT(resident(), before.resident + 2 * mib);
  EXPECT_LT(memory_now().mapped, before.mapped + 4 * mib);
}

TEST(pages, slabs_that_come_and_go_do_not_split_mappings) {
  constexpr std::size_t slab = 4096;
  std::vector<void*> all(16'384);
  for (void*& p : all) p = memory::allocate(slab, slab);
  const std::size_t before = mappings();
  for (std::size_t i = 0; i < all.size(); i += 2) memory::deallocate(all[i], slab, slab);
  EXPECT_LE(mappings(), before + 4);
  for (std::size_t i = 1; i < all.size(); i += 2) memory::deallocate(all[i], slab, slab);
}

struct beside;

TEST(pages, beside_one_in_use_go_back) {
  using own = trefoil::detail::pages<test::own_threads<beside>>;
  const std::size_t before = resident();
  std::vector<void*> all(8192);  // 32 MiB
  for (void*& p : all) {
    p = own::allocate(4096, 4096);
    ASSERT_NE(p, nullptr);
    std::memset(p, 1, 4096);
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i % 100 != 0) own::deallocate(all[i], 4096, 4096);
  }
  EXPECT_LT(resident(), before + (4U << 20U));
  for (std::size_t i = 0; i < all.size(); i += 100) own::deallocate(all[i], 4096, 4096);
}

TEST(pages, big_ones_are_not_resident_until_they_are_touched) {
  const std::size_t before = resident();
  constexpr std::size_t big = std::size_t{256} << 20U;
  auto* const p = static_cast<unsigned char*>(memory::allocate(big, 16));
  ASSERT_NE(p, nullptr);
  EXPECT_LT(resident(), before + (1U << 20U));
  std::memset(p, 1, 8U << 20U);
  EXPECT_GE(resident(), before + (7U << 20U));
  memory::deallocate(p, big, 16);
  EXPECT_LT(resident(), before + (1U << 20U));
}

TEST(pages, more_than_there_is_gives_null) {
  EXPECT_EQ(memory::allocate(std::size_t{1} << 46U, 16), nullptr);
}

#endif

TEST(pages, of_many_threads_at_once) {
  std::vector<std::thread> crowd;
  std::atomic<int> wrong{0};
  for (unsigned t = 0; t < 4; ++t) {
    crowd.emplace_back([&wrong, t] {
      std::mt19937 random(t);
      std::vector<std::pair<unsigned*, std::size_t>> mine;
      for (unsigned i = 0; i < 4000; ++i) {
        const std::size_t bytes = std::size_t{4096} << (random() % 7);
        if (mine.size() > 40) {
          const std::size_t which = random() % mine.size();
          if (*mine[which].first != t) wrong.fetch_add(1);
          memory::deallocate(mine[which].first, mine[which].second, mine[which].second);
          mine[which] = mine.back();
          mine.pop_back();
        }
        auto* const p = static_cast<unsigned*>(memory::allocate(bytes, bytes));
        if (p == nullptr) continue;
        *p = t;
        mine.emplace_back(p, bytes);
      }
      for (const auto& [p, bytes] : mine) memory::deallocate(p, bytes, bytes);
    });
  }
  for (std::thread& t : crowd) t.join();
  EXPECT_EQ(wrong.load(), 0);
}

TEST(pages, a_child_of_busy_threads_goes_on) {
  if (test::under_address_sanitizer)
    GTEST_SKIP() << "AddressSanitizer leaves the child with its allocator's locks as they were";
  std::atomic<bool> stop{false};
  std::thread busy([&] {
    while (!stop.load()) memory::deallocate(memory::allocate(4096, 4096), 4096, 4096);
  });
  for (int i = 0; i < 50; ++i) {
    const pid_t child = fork();
    ASSERT_NE(child, -1);
    if (child == 0) {
      alarm(20);  // instead of a hang
      for (int j = 0; j < 100; ++j) {
        void* const p = memory::allocate(8192, 8192);
        if (p == nullptr) _exit(1);
        memory::deallocate(p, 8192, 8192);
      }
      _exit(0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_EQ(status, 0);
  }
  stop.store(true);
  busy.join();
}

}  // namespace
