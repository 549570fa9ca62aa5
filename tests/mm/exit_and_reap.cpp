// SPDX-License-Identifier: Apache-2.0
// The end of mappings: in the kernel's order, and with an OOM reaper that holds the identity alone.
#include "hardware.hpp"

#include <string>
#include <thread>
#include <vector>

namespace {

using namespace board;
using file = trefoil::mm::file<platform>;
using trefoil::mm::access;
using trefoil::mm::error;
using trefoil::mm::fault_result;
namespace flag = trefoil::mm::map_flag;
namespace mmf = trefoil::mm::mmf;
namespace prot = trefoil::mm::prot;

constexpr unsigned rw = prot::read | prot::write;
constexpr std::uint64_t at = 0x40'0000;
constexpr std::uint64_t shared_at = 0x80'0000;
constexpr std::uint64_t pages = 8;

class exit_and_reap : public board_test {
 protected:
  machine box{200};
  mmu hardware{box.ram};
  ref<user_namespace> root = make<user_namespace>(box.all, 0U);
  ref<file> memfd = make<file>(box.all, pages* page_size);

  user_ref new_space() {
    user_ref space = make<address_space>(box.all, root, 1U);
    EXPECT_TRUE(
        space->mmap(at, pages * page_size, rw, flag::privately | flag::anonymous | flag::fixed));
    EXPECT_TRUE(space->mmap(shared_at, pages * page_size, rw, flag::shared | flag::fixed, {memfd}));
    for (std::uint64_t p = 0; p < pages; ++p) {
      EXPECT_TRUE(touch(space, at + p * page_size));
      EXPECT_EQ(space->fault(shared_at + p * page_size, access::write), fault_result::ok);
    }
    return space;
  }
};

TEST_F(exit_and_reap, TheReaperTakesPrivatePagesOfTheLiving) {
  user_ref victim = new_space();
  const bare_ref reaper = victim.share<identity>();
  const std::size_t in_use = box.frames.in_use();
  const auto first = reaper->reap();
  EXPECT_TRUE(first.reaped);
  EXPECT_EQ(first.pages, pages);
  EXPECT_EQ(box.frames.in_use(), in_use - pages);
  EXPECT_TRUE(reaper->flags().test(mmf::oom_skip));
  const auto second = reaper->reap();
  EXPECT_FALSE(second.reaped) << "once is enough";
  EXPECT_EQ(second.pages, 0U);
  // Data are gone: they must not be read as zeros. Shared pages are whole.
  std::uint64_t v = 0;
  EXPECT_EQ(victim->copy_from(at, &v, sizeof v), 0U);
  EXPECT_EQ(victim->fault(at, access::write), fault_result::bus_error);
  EXPECT_EQ(victim->copy_from(shared_at, &v, sizeof v), sizeof v);
  EXPECT_FALSE(trefoil::mm::fork(victim, 2)) << "its child would read zeros";
  victim.drop();
  EXPECT_EQ(box.frames.in_use(), pages + 1) << "those of the file";
}

TEST_F(exit_and_reap, AReaperThatComesTooLateFindsNothing) {
  user_ref victim = new_space();
  const bare_ref reaper = victim.share<identity>();
  victim.drop();
  EXPECT_FALSE(reaper->reap().reaped);
  EXPECT_TRUE(reaper->flags().test(mmf::oom_skip));
  EXPECT_FALSE(reaper->flags().test(mmf::unstable)) << "nobody took anything from under it";
}

TEST_F(exit_and_reap, AFileThatWasMappedLastGoesAfterTheLock) {
  user_ref space = new_space();
  memfd.drop();
  space.drop();
  EXPECT_EQ(box.frames.in_use(), 0U);
  EXPECT_EQ(deferred_namespaces::counters().pending, 0U) << "not left to anybody";
  memfd = make<file>(box.all, pages * page_size);
  space = new_space();
  memfd.drop();
  EXPECT_EQ(space->munmap(shared_at, pages * page_size), error::none);
  EXPECT_EQ(deferred_namespaces::counters().pending, 0U);
}

TEST_F(exit_and_reap, TheReaperAndTheExitAtOnce) {
  platform::alone = false;
  for (int round = 0; round < 400; ++round) {
    user_ref victim = new_space();
    bare_ref reaper = victim.share<identity>();
    std::size_t reaped = 0;
    std::thread oom([&] {
      for (int turn = 0; turn < 3; ++turn) reaped += reaper->reap().pages;
      reaper.drop();
    });
    victim.drop();
    oom.join();
    ASSERT_LE(reaped, pages);
    ASSERT_EQ(box.frames.in_use(), pages + 1) << "every private page once";
    ASSERT_EQ(box.notes.alive(), 0);
  }
  platform::alone = true;
}

// ---- notifiers -----------------------------------------------------------------------------------

class plain : public trefoil::mm::notifier<platform> {
 public:
  explicit plain(machine& m) : box_(m) {}
  void release() noexcept override { note("release"); }
  void invalidate_range_start(std::uint64_t s, std::uint64_t e) noexcept override {
    note("start " + std::to_string((s - at) / page_size) + " " +
         std::to_string((e - s) / page_size));
  }
  void invalidate_range_end(std::uint64_t, std::uint64_t) noexcept override { note("end"); }

  std::vector<std::string> lines;

 private:
  void note(const std::string& what) {
    lines.push_back(what + " " + std::to_string(box_.frames.in_use()));
  }
  machine& box_;
};
using lines = std::vector<std::string>;

class notifiers : public exit_and_reap {
 protected:
  user_ref space = new_space();
  std::size_t in_use = box.frames.in_use();
  plain n{box};
  [[nodiscard]] std::string at_use(const char* what, std::size_t less = 0) const {
    return std::string(what) + " " + std::to_string(in_use - less);
  }
};

TEST_F(notifiers, AreToldBeforeAndAfterEveryChange) {
  ASSERT_TRUE(n.subscribe(space.share<identity>()));
  EXPECT_EQ(space->munmap(at + page_size, 2 * page_size), error::none);
  EXPECT_EQ(n.lines, (lines{at_use("start 1 2"), at_use("end", 2)}));
  n.lines.clear();
  EXPECT_EQ(space->mprotect(at, page_size, prot::read), error::none);
  EXPECT_EQ(n.lines, (lines{at_use("start 0 1", 2), at_use("end", 2)}));
  n.lines.clear();
  EXPECT_TRUE(touch(space, at)) << "what is there does not change";
  EXPECT_EQ(n.lines, lines{});
  const user_ref child = trefoil::mm::fork(space, 2);
  ASSERT_EQ(n.lines.size(), 4U) << "two private VMAs are write-protected";
  n.lines.clear();
  EXPECT_EQ(space->fault(at + 3 * page_size, access::write), fault_result::ok);
  ASSERT_EQ(n.lines.size(), 2U) << "another frame";
  EXPECT_EQ(n.lines[0].substr(0, 9), "start 3 1");
  n.unsubscribe();
  EXPECT_EQ(n.lines.back().substr(0, 7), "release");
  n.lines.clear();
  EXPECT_EQ(space->munmap(at, pages * page_size), error::none);
  EXPECT_EQ(n.lines, lines{});
}

TEST_F(notifiers, AreReleasedFirstOfAllAndOnce) {
  ASSERT_TRUE(n.subscribe(space.share<identity>()));
  space.drop();
  EXPECT_EQ(n.lines, lines{at_use("release")}) << "before anything went";
  EXPECT_EQ(box.notes.identities(), 1) << "which it keeps";
  EXPECT_EQ(box.all.page_directories(), 0U) << "and nothing else";
  n.unsubscribe();
  EXPECT_EQ(n.lines.size(), 1U);
  EXPECT_EQ(box.notes.identities(), 0);
}

TEST_F(notifiers, CannotSubscribeToTheDead) {
  const bare_ref bare = space.share<identity>();
  space.drop();
  EXPECT_FALSE(n.subscribe(bare));
  EXPECT_FALSE(n.whose());
}

TEST_F(notifiers, SeeTheReaper) {
  ASSERT_TRUE(n.subscribe(space.share<identity>()));
  EXPECT_TRUE(n.whose()->reap().reaped);
  EXPECT_EQ(n.lines, (lines{at_use("start 0 8"), at_use("end", pages)}));
  n.unsubscribe();
}

class device : public trefoil::mm::interval_notifier<platform> {
 public:
  void invalidate(std::uint64_t, std::uint64_t, std::uint32_t sequence) noexcept override {
    const typename trefoil::mm::spinlock<platform>::guard locked(lock);
    set_sequence(sequence);
    valid = false;
    ++told;
  }
  trefoil::mm::spinlock<platform> lock;
  bool valid = false;
  int told = 0;
};

TEST_F(notifiers, OfIntervalsHearOfTheirsAlone) {
  device near;
  device far;
  ASSERT_TRUE(near.insert(space.share<identity>(), at + page_size, 2 * page_size));
  ASSERT_TRUE(far.insert(space.share<identity>(), at + 5 * page_size, page_size));
  EXPECT_FALSE(n.whose());
  const std::uint32_t seen = near.read_begin();
  const std::uint32_t seen_far = far.read_begin();
  EXPECT_FALSE(near.read_retry(seen));
  EXPECT_EQ(space->munmap(at, page_size), error::none);
  EXPECT_EQ(space->munmap(at + 3 * page_size, 2 * page_size), error::none);
  EXPECT_EQ(near.told + far.told, 0);
  EXPECT_EQ(space->mprotect(at + 2 * page_size, page_size, prot::read), error::none);
  EXPECT_EQ(near.told, 1);
  EXPECT_TRUE(near.read_retry(seen));
  EXPECT_FALSE(far.read_retry(seen_far));
  const std::uint32_t again = near.read_begin();
  EXPECT_FALSE(near.read_retry(again)) << "nothing is under way";
  space.drop();
  EXPECT_GE(near.told, 2);
  EXPECT_GE(far.told, 1);
  EXPECT_TRUE(far.read_retry(seen_far));
  near.remove();
  far.remove();
  EXPECT_FALSE(near.insert({}, at, 0)) << "empty";
  EXPECT_EQ(box.notes.identities(), 0);
}

// ---- the handshake, step by step ----------------------------------------------------------------

/// Stops whoever changes the range, where a test wants it.
class stop : public trefoil::mm::interval_notifier<platform> {
 public:
  void invalidate(std::uint64_t, std::uint64_t, std::uint32_t sequence) noexcept override {
    set_sequence(sequence);
    when_told(++told);
  }
  std::function<void(int)> when_told;
  std::atomic<int> told{0};
};

class handshake : public exit_and_reap {
 protected:
  handshake() { platform::alone = false; }
  ~handshake() override { platform::alone = true; }
  handshake(const handshake&) = delete;
  handshake& operator=(const handshake&) = delete;

  user_ref victim = new_space();
  bare_ref bare = victim.share<identity>();
  stop gate;

  /// It is told by the exit when notifiers are released, by the exit before it unmaps the range, and
  /// by the reaper.
  static constexpr int exit_unmaps = 2;
};

TEST_F(handshake, TheExitWaitsForAReaperThatIsInside) {
  std::atomic<bool> reaper_is_inside{false};
  std::atomic<bool> exit_is_over{false};
  bool over_too_early = false;
  std::thread oom;
  gate.when_told = [&](int times) {
    if (times == exit_unmaps) {
      // The exit holds mmap_lock for reading, and so may the reaper.
      oom = std::thread([&] { static_cast<void>(bare->reap()); });
      while (!reaper_is_inside) std::this_thread::yield();
    } else if (times == exit_unmaps + 1) {
      reaper_is_inside = true;
      // On the reaper's thread. The exit goes on until it wants the lock for writing, and spins.
      while (!bare->flags().test(mmf::oom_skip)) std::this_thread::yield();
      const unsigned before = platform::relaxed;
      while (!exit_is_over && platform::relaxed < before + 100) std::this_thread::yield();
      over_too_early = exit_is_over;
    }
  };
  ASSERT_TRUE(gate.insert(bare, at, pages * page_size));
  victim.drop();
  exit_is_over = true;
  oom.join();
  EXPECT_GE(gate.told, exit_unmaps + 1);
  EXPECT_FALSE(over_too_early);
  EXPECT_FALSE(bare->reap().reaped);
  gate.remove();
  EXPECT_EQ(box.frames.in_use(), pages + 1);
}

TEST_F(handshake, OfTwoReapersAtOnceOneHasDoneIt) {
  trefoil::mm::reap_result second;
  gate.when_told = [&](int times) {
    // The first one is inside, and has freed nothing yet.
    if (times == 1) std::thread([&] { second = bare->reap(); }).join();
  };
  ASSERT_TRUE(gate.insert(bare, at, pages * page_size));
  const trefoil::mm::reap_result first = bare->reap();
  EXPECT_TRUE(second.reaped);
  EXPECT_EQ(second.pages, pages);
  EXPECT_FALSE(first.reaped);
  EXPECT_EQ(first.pages, 0U);
  gate.remove();
}

TEST_F(handshake, TheReaperWaitsForAPageTableThatTheExitIsAt) {
  bool waited = false;
  std::atomic<bool> through{false};  // written when the exit has gone on
  std::thread oom;
  gate.when_told = [&](int times) {
    if (times != exit_unmaps) return;
    // The next lock that the exit takes; in it, the reaper comes.
    lock_word::when_taken = [&](const lock_word*) {
      const unsigned before = platform::relaxed;
      oom = std::thread([&] {
        static_cast<void>(bare->reap());
        through = true;
      });
      while (!through && platform::relaxed < before + 100) std::this_thread::yield();
      waited = !through;
      if (!waited) oom.join();
    };
  };
  ASSERT_TRUE(gate.insert(bare, at, pages * page_size));
  victim.drop();
  if (oom.joinable()) oom.join();
  EXPECT_TRUE(waited);
  gate.remove();
  EXPECT_EQ(box.frames.in_use(), pages + 1);
}

/// What a device made of a page is thrown away before the page can be another's.
TEST_F(notifiers, OfIntervalsNeverServeAPageThatWent) {
  platform::alone = false;
  device d;
  ASSERT_TRUE(d.insert(space.share<identity>(), at, pages * page_size));
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};
  std::uint64_t copy = 0;  // what the device has of the first page; guarded by d.lock
  std::thread reader([&] {
    while (!stop) {
      const std::uint32_t seen = d.read_begin();
      std::uint64_t v = 0;
      if (space->copy_from(at, &v, sizeof v) != sizeof v) continue;
      const typename trefoil::mm::spinlock<platform>::guard locked(d.lock);
      if (d.read_retry(seen)) continue;
      copy = v;
      d.valid = true;
    }
  });
  for (std::uint64_t round = 1; round <= 2000; ++round) {
    if (space->munmap(at, page_size) != error::none) ++wrong;
    {
      const typename trefoil::mm::spinlock<platform>::guard locked(d.lock);
      if (d.valid)
        ++wrong;  // there is no page: who looked before is told, who looks now finds none
    }
    if (!space->mmap(at, page_size, rw, flag::privately | flag::anonymous | flag::fixed)) ++wrong;
    if (space->copy_to(at, &round, sizeof round) != sizeof round) ++wrong;
  }
  stop = true;
  reader.join();
  platform::alone = true;
  EXPECT_EQ(wrong, 0);
  d.remove();
}

}  // namespace
