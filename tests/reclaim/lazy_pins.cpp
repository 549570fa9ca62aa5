// SPDX-License-Identifier: Apache-2.0
// Lazy pins and the worker: what a CPU misses is found, and within a bounded time; many CPUs, many
// objects, all torn down once and in order.
#include "support.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <random>
#include <semaphore>
#include <thread>
#include <utility>
#include <vector>

#include "watchdog.hpp"

namespace {

using namespace test;
using trefoil::make;
using trefoil::ref;

/// Torn down at most once, after the stage outside it, and not while anybody uses it.
struct life {
  std::atomic<int> users{0};
  std::atomic<int> torn_down{0};
};

struct bare {
  static constexpr auto teardown = context::any;
  explicit bare(life& l) noexcept : of(&l) {}
  bare(const bare&) = delete;
  bare& operator=(const bare&) = delete;
  ~bare() { EXPECT_EQ(of->torn_down.fetch_add(1), 2); }
  life* of;
};
struct directory {
  static constexpr auto teardown = context::atomic;
  static constexpr bool lazy_pins = true;
  explicit directory(bare& b) noexcept : of(b.of) {}
  directory(const directory&) = delete;
  directory& operator=(const directory&) = delete;
  ~directory() {
    EXPECT_EQ(of->users.load(), 0) << "a CPU has it loaded";
    EXPECT_EQ(of->torn_down.fetch_add(1), 1);
    value = 0;
  }
  life* of;
  int value = 7;  // plain: what a CPU reads happens before the teardown
};
struct areas {
  static constexpr auto teardown = context::process;
  explicit areas(directory& d) noexcept : of(d.of) {}
  areas(const areas&) = delete;
  areas& operator=(const areas&) = delete;
  ~areas() { EXPECT_EQ(of->torn_down.fetch_add(1), 0); }
  life* of;
};

// ---- a bounded delay -------------------------------------------------------------------------------

/// Its timed waits end when the test says so, and are noted: time here is what was waited.
struct stepped : own_threads<struct stepping> {
  static context::state<stepped>& state() noexcept {
    static constinit thread_local context::state<stepped> here;
    return here;
  }
  static void wait_for(std::atomic<std::uint32_t>&, std::uint32_t, std::uint32_t ms) noexcept {
    pause_ms.store(ms);
    pauses.fetch_add(1);
    pauses.notify_all();
    steps.acquire();
  }
  static inline std::atomic<std::uint32_t> pause_ms{0};
  static inline std::atomic<int> pauses{0};
  static inline std::counting_semaphore<> steps{0};
};

TEST(lazy_pins, WhatACpuMissesIsFoundAtTheNextLookWithin64Milliseconds) {
  using mm = trefoil::basic_staged<traits_on<stepped>, areas, directory, bare>;
  using slots = trefoil::detail::lazy_slots<mm>;
  life one;
  auto* const cpu = slots::take();
  auto user = make<mm>(trefoil::with<bare>(one));
  slots::pin(*cpu, trefoil::detail::access::pinned(*user.address()));
  user.drop();
  EXPECT_EQ(one.torn_down.load(), 1);

  std::uint32_t expected = 1;
  for (int look = 1; look <= 20; ++look) {
    while (stepped::pauses.load() < look) stepped::pauses.wait(look - 1);
    EXPECT_EQ(stepped::pause_ms.load(), expected) << "1, 2, 4 ... 64, 64";
    expected = std::min(2 * expected, 64U);
    EXPECT_EQ(one.torn_down.load(), 1) << "it is pinned";
    if (look == 20) cpu->pinned.store(nullptr);  // and its CPU does not look, and sleeps on
    stepped::steps.release();
  }
  while (one.torn_down.load() != 3) std::this_thread::yield();
  EXPECT_EQ(stepped::pauses.load(), 20)
      << "one look has found it, and there is nothing to look for";
  slots::give_up(*cpu);
  trefoil::basic_worker<stepped>::shutdown();
}

// ---- many ------------------------------------------------------------------------------------------

struct crowd;
using crowded = own_threads<crowd>;
using crowded_mm = trefoil::basic_staged<traits_on<crowded>, areas, directory, bare>;

/// CPUs that run tasks and kernel threads by turns, on a few address spaces that come and go.
TEST(lazy_pins, ManyCpusAndManyObjects) {
  constexpr int cpus = 4;
  const int turns = rounds(30'000);
  struct place {
    trefoil::slot<ref<crowded_mm, areas>> now;
  };
  std::array<place, 3> table;
  std::vector<std::unique_ptr<life>> lives;
  std::mutex births;
  const auto bear = [&] {
    const std::lock_guard guard(births);
    lives.push_back(std::make_unique<life>());
    return make<crowded_mm>(trefoil::with<bare>(*lives.back()));
  };
  for (place& p : table) p.now.store(bear());

  const auto run_cpu = [&](unsigned number) {
    std::minstd_rand random(number + 1);
    trefoil::lazy_pin<crowded_mm> cpu;
    life* loaded = nullptr;
    const auto leave = [&] {
      if (loaded != nullptr) loaded->users.fetch_sub(1);
      loaded = nullptr;
    };
    for (int i = 0; i < turns; ++i) {
      place& p = table[random() % table.size()];
      switch (random() % 8) {
        case 0: {  // exec, exit: the last user may be anybody
          auto old = p.now.exchange(bear());
          drop_at<crowded>(random() % 2 == 0 ? context::process : context::any, std::move(old));
          break;
        }
        case 1:
        case 2:
          leave();
          cpu.give_back();
          break;
        default: {
          const auto task = p.now.load();
          leave();
          task->of->users.fetch_add(1);
          loaded = task->of;
          cpu.borrow(task);
        }
      }
      if (cpu) {
        EXPECT_EQ(cpu->value, 7);
        if (random() % 16 == 0) { EXPECT_EQ(cpu.share<bare>()->of, loaded); }
      }
    }
    leave();
  };
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < cpus; ++i) threads.emplace_back(run_cpu, i);
  for (std::thread& t : threads) t.join();
  for (place& p : table) p.now.clear();
  // What a CPU has missed as it went down, the worker finds.
  const auto all_gone = [&] {
    return std::all_of(lives.begin(), lives.end(),
                       [](const auto& l) { return l->torn_down.load() == 3; });
  };
  while (!all_gone()) std::this_thread::yield();
  trefoil::basic_worker<crowded>::shutdown();
  EXPECT_EQ(crowded::reported_at_all(), 0U);
}

}  // namespace
