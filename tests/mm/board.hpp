// SPDX-License-Identifier: Apache-2.0
/// @file
/// A machine for the tests of layer 2: a platform of its own, dirty memory, a ledger that journals.
#pragma once

#include <trefoil/mm/mm.hpp>
#include <trefoil/trefoil.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace board {

using trefoil::make;
using trefoil::ref;
using trefoil::try_make;
using trefoil::mm::page_size;
using trefoil::mm::physical;
namespace context = trefoil::context;

/// The word of a lock. Tells the test when it has been taken, so that a test can do something under
/// a lock that is nobody's business but its owner's.
class lock_word {
 public:
  constexpr lock_word(bool held) noexcept : held_(held) {}  // NOLINT(google-explicit-constructor)

  bool exchange(bool v, std::memory_order order) noexcept {
    const bool before = held_.exchange(v, order);
    if (!before && v && when_taken) {
      const auto act = std::exchange(when_taken, nullptr);
      act(this);
    }
    return before;
  }
  [[nodiscard]] bool load(std::memory_order order) const noexcept { return held_.load(order); }
  void store(bool v, std::memory_order order) noexcept { held_.store(v, order); }

  /// Called once, by this thread, with the address of the next lock word that it takes.
  static inline thread_local std::function<void(const lock_word*)> when_taken;

 private:
  std::atomic<bool> held_;
};

struct platform;

/// What the tiers say of themselves.
class ledger {
 public:
  struct account {
    int born = 0;
    int gone = 0;
  };

  void identity_born(account& a) noexcept { note("+identity", ++a.born, identities_, 1); }
  void page_directory_born(account& a) noexcept { note("+pgd", ++a.born, page_directories_, 1); }
  void mappings_born(account& a) noexcept { note("+mappings", ++a.born, mappings_, 1); }
  void identity_gone(account& a) noexcept { note("-identity", ++a.gone, identities_, -1); }
  void page_directory_gone(account& a) noexcept { note("-pgd", ++a.gone, page_directories_, -1); }
  void mappings_gone(account& a) noexcept { note("-mappings", ++a.gone, mappings_, -1); }
  void user_namespace_born() noexcept { ++user_namespaces_; }
  void user_namespace_gone() noexcept { --user_namespaces_; }
  void exec_state_born() noexcept { ++exec_states_; }
  void exec_state_gone() noexcept { --exec_states_; }

  /// One line per birth and teardown since the last look: what, how many that object has had, and,
  /// if a test asked for it, what `look` says.
  [[nodiscard]] std::vector<std::string> take() {
    const std::lock_guard lock(guard_);
    return std::exchange(lines_, {});
  }
  std::function<std::string()> look;

  [[nodiscard]] int alive() const { return identities_ + page_directories_ + mappings_; }
  [[nodiscard]] int identities() const { return identities_; }
  [[nodiscard]] int page_directories() const { return page_directories_; }
  [[nodiscard]] int mappings() const { return mappings_; }
  [[nodiscard]] int user_namespaces() const { return user_namespaces_; }
  [[nodiscard]] int exec_states() const { return exec_states_; }

 private:
  void note(const char* what, int number, std::atomic<int>& count, int by) {
    count += by;
    std::string line = std::string(what) + " " + std::to_string(number);
    if (look) line += " " + look();
    const std::lock_guard lock(guard_);
    lines_.push_back(std::move(line));
  }

  std::mutex guard_;
  std::vector<std::string> lines_;
  std::atomic<int> identities_{0};
  std::atomic<int> page_directories_{0};
  std::atomic<int> mappings_{0};
  std::atomic<int> user_namespaces_{0};
  std::atomic<int> exec_states_{0};
};

/// Memory straight from operator new, so that the address sanitizer sees every touch of what is gone.
class heap {
 public:
  template <class P, std::size_t Size, std::size_t Align, class Blocks = trefoil::raw_blocks<P>>
  struct source {
    static void* allocate(context::level here) noexcept {
      if (here == context::any) return nullptr;
      if (allocations_until_none == 0) return nullptr;
      if (allocations_until_none > 0) --allocations_until_none;
      ++blocks_;
      bytes_ += static_cast<std::ptrdiff_t>(Size);
      return ::operator new(Size, std::align_val_t{Align});
    }
    static void release(void* block, context::level) noexcept {
      --blocks_;
      bytes_ -= static_cast<std::ptrdiff_t>(Size);
      ::operator delete(block, std::align_val_t{Align});
    }
    static std::size_t trim() noexcept { return 0; }
  };
  [[nodiscard]] static int blocks() { return blocks_; }
  [[nodiscard]] static std::ptrdiff_t bytes() { return bytes_; }

  /// How many more allocations succeed on this thread; negative: all.
  static inline thread_local int allocations_until_none = -1;

 private:
  static inline std::atomic<int> blocks_{0};
  static inline std::atomic<std::ptrdiff_t> bytes_{0};
};

struct platform {
  template <class T>
  using atomic = std::conditional_t<std::is_same_v<T, bool>, lock_word, std::atomic<T>>;
  template <class T>
  using cell = trefoil::plain_cell<T>;
  using ledger = board::ledger;

  static context::state<platform>& state() noexcept {
    static constinit thread_local context::state<platform> here;
    return here;
  }
  static void report(trefoil::misuse, const void*) noexcept { ++misuses; }
  static void* allocate(std::size_t bytes, std::size_t align) noexcept {
    return ::operator new(bytes, std::align_val_t{align}, std::nothrow);
  }
  static void deallocate(void* p, std::size_t, std::size_t align) noexcept {
    ::operator delete(p, std::align_val_t{align});
  }
  /// A lock that its own thread holds is never released: says so instead of hanging.
  static void relax() noexcept {
    ++relaxed;
    if (!alone) return std::this_thread::yield();
    if (++turns > 1'000'000) {
      std::fputs("deadlock: a thread spins on a lock that it holds itself\n", stderr);
      std::_Exit(3);
    }
  }

  /// Every lock of every test: in order, at a level where it may be taken.
  static void lock_acquire(trefoil::mm::lock_class c, const void*) noexcept {
    using trefoil::mm::lock_class;
    const bool waits = c == lock_class::mmap_lock;
    const context::level here = state().here();
    bool wrong = false;
    if (held.empty()) {
      wrong = here < (waits ? context::process : context::atomic);
    } else {
      wrong = waits || c <= held.back();
    }
    if (wrong) {
      ++misuses;
      std::fprintf(stderr, "%s taken at level %d under %zu locks, the last %s\n", name_of(c).data(),
                   static_cast<int>(here), held.size(),
                   held.empty() ? "-" : name_of(held.back()).data());
    }
    held.push_back(c);
    if (taken != nullptr) taken->push_back(c);
  }
  static void lock_release(trefoil::mm::lock_class, const void*) noexcept { held.pop_back(); }

  struct traits {
    using platform = board::platform;
    using counts = trefoil::default_counts;
    using reclaimer = trefoil::basic_polled<platform, struct address_spaces>;
    using storage = heap;
  };
  struct namespace_traits : traits {
    using reclaimer = trefoil::basic_polled<platform, struct namespaces>;
  };

  static inline thread_local std::vector<trefoil::mm::lock_class> held;
  /// A test wants to know.
  static inline thread_local std::vector<trefoil::mm::lock_class>* taken = nullptr;
  static inline std::atomic<int> misuses{0};
  static inline bool alone = true;  // no other thread takes locks
  static inline thread_local unsigned turns = 0;
  static inline std::atomic<unsigned> relaxed{0};  // turns of all threads
};

using frame_allocator = trefoil::mm::frame_allocator<platform>;
using kernel = trefoil::mm::kernel<platform>;
using identity = trefoil::mm::identity<platform>;
using page_directory = trefoil::mm::page_directory<platform>;
using mappings = trefoil::mm::mappings<platform>;
using address_space = trefoil::mm::address_space<platform>;
using user_namespace = trefoil::mm::user_namespace<platform>;
using exec_state = trefoil::mm::exec_state<platform>;
using guard = trefoil::mm::spinlock<platform>::guard;
using scope = context::basic_scope<platform>;

using user_ref = ref<address_space, mappings>;
using lazy_ref = ref<address_space, page_directory>;
using bare_ref = ref<address_space, identity>;

using deferred_spaces = platform::traits::reclaimer;
using deferred_namespaces = platform::namespace_traits::reclaimer;

/// Physical memory, full of dirt. The page behind the end is checked for touches.
class memory {
 public:
  explicit memory(std::size_t frames)
      : bytes_(frames * page_size),
        room_(static_cast<std::byte*>(
            ::operator new(bytes_ + page_size, std::align_val_t{page_size}))) {
    for (std::size_t i = 0; i < bytes_ + page_size; ++i) room_.get()[i] = dirt;
  }
  [[nodiscard]] std::byte* begin() const { return room_.get(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

  /// Nobody wrote where no frame is.
  [[nodiscard]] bool fences_intact() const {
    for (std::size_t i = 0; i < page_size; ++i) {
      if (room_.get()[bytes_ + i] != dirt) return false;
    }
    return true;
  }

  static constexpr std::byte dirt{0xAA};

 private:
  struct release {
    void operator()(std::byte* p) const { ::operator delete(p, std::align_val_t{page_size}); }
  };
  std::size_t bytes_;
  std::unique_ptr<std::byte, release> room_;
};

/// A machine with so many usable frames.
struct machine {
  explicit machine(std::size_t usable_frames)
      : ram(frames_with_counts(usable_frames)),
        frames(ram.begin(), ram.bytes()),
        all(frames, notes) {}

  /// Frames of a region of which so many can be had.
  [[nodiscard]] static std::size_t frames_with_counts(std::size_t usable) {
    std::size_t all = usable + 1;
    while (all - frame_allocator::frames_for_counts(all) < usable) ++all;
    return all;
  }

  memory ram;
  ledger notes;
  frame_allocator frames;
  kernel all;
};

/// Private anonymous memory, where nothing is mapped yet.
struct range {
  std::uint64_t start;
  std::uint64_t end;
  bool writable;
  bool executable;
};

[[nodiscard]] inline unsigned protection_of(const range& r) {
  namespace prot = trefoil::mm::prot;
  return prot::read | (r.writable ? prot::write : 0) | (r.executable ? prot::exec : 0);
}
[[nodiscard]] inline bool map(const user_ref& space, const range& r) {
  namespace flag = trefoil::mm::map_flag;
  return bool(space->mmap(r.start, r.end - r.start, protection_of(r),
                          flag::privately | flag::anonymous | flag::fixed_noreplace));
}
[[nodiscard]] inline bool touch(const user_ref& space, std::uint64_t address) {
  return space->fault(address) == trefoil::mm::fault_result::ok;
}

/// Every test ends with everything given back, no misuse, nothing pending.
class board_test : public ::testing::Test {
 protected:
  board_test() {
    platform::misuses = 0;
    platform::turns = 0;
  }
  ~board_test() override {
    EXPECT_EQ(platform::misuses, 0);
    EXPECT_EQ(heap::blocks(), blocks_before_);
    EXPECT_EQ(deferred_spaces::counters().pending, 0U);
    EXPECT_EQ(deferred_namespaces::counters().pending, 0U);
    EXPECT_EQ(platform::state().here(), context::process);
    EXPECT_FALSE(platform::state().inside_teardown());
  }
  board_test(const board_test&) = delete;
  board_test& operator=(const board_test&) = delete;

 private:
  int blocks_before_ = heap::blocks();
};

}  // namespace board
