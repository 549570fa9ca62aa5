// SPDX-License-Identifier: Apache-2.0
// Every allocation of every call fails once, of the heap and of frames: the call says ENOMEM, and
// nothing has changed: not the VMAs, not what is in memory, not what is in use.
#include "hardware.hpp"

#include <functional>
#include <optional>
#include <string>
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
constexpr std::uint64_t at = 0x4000'0000 - 8 * page_size;  // across the border of two tables
constexpr std::uint64_t pages = 16;

class no_memory : public board_test {
 protected:
  machine box{120};
  mmu hardware{box.ram};
  ref<user_namespace> root = make<user_namespace>(box.all, 0U);
  ref<file> memfd = make<file>(box.all, pages* page_size);

  ~no_memory() override { heap::allocations_until_none = -1; }
  no_memory() = default;
  no_memory(const no_memory&) = delete;
  no_memory& operator=(const no_memory&) = delete;

  user_ref new_space() {
    user_ref space = make<address_space>(box.all, root, 1U);
    EXPECT_TRUE(
        space->mmap(at, pages * page_size, rw, flag::privately | flag::anonymous | flag::fixed));
    for (std::uint64_t p = 0; p < pages; ++p) {
      const std::uint64_t v = p + 1;
      EXPECT_EQ(space->copy_to(at + p * page_size, &v, sizeof v), sizeof v);
    }
    return space;
  }
  void expect_contents(const user_ref& space) {
    for (std::uint64_t p = 0; p < pages; ++p) {
      std::uint64_t v = 0;
      EXPECT_EQ(space->copy_from(at + p * page_size, &v, sizeof v), sizeof v);
      EXPECT_EQ(v, p + 1);
    }
  }

  using call = std::function<error(const user_ref&)>;

  /// Returns how often the call failed before it had memory enough.
  int heap_runs_out_in(const call& f) {
    for (int left = 0;; ++left) {
      user_ref space = new_space();
      const auto before = space->vmas();
      const std::size_t in_use = box.frames.in_use();
      const int blocks = heap::blocks();
      heap::allocations_until_none = left;
      const error said = f(space);
      heap::allocations_until_none = -1;
      if (said == error::none) return left;
      EXPECT_EQ(said, error::enomem);
      EXPECT_EQ(space->vmas(), before);
      EXPECT_EQ(box.frames.in_use(), in_use);
      EXPECT_EQ(heap::blocks(), blocks);
      expect_contents(space);
      if (HasFailure()) return -1;
    }
  }
  int frames_run_out_in(const call& f) {
    for (int left = 0;; ++left) {
      user_ref space = new_space();
      const auto before = space->vmas();
      std::vector<physical> taken;
      for (physical p = box.frames.allocate(); p != physical{0}; p = box.frames.allocate()) {
        taken.push_back(p);
      }
      for (int i = 0; i < left; ++i) {
        box.frames.free(taken.back());
        taken.pop_back();
      }
      const std::size_t in_use = box.frames.in_use();
      const error said = f(space);
      if (said != error::none) {
        EXPECT_EQ(said, error::enomem);
        EXPECT_EQ(space->vmas(), before);
        EXPECT_EQ(box.frames.in_use(), in_use);
        expect_contents(space);
      }
      for (const physical p : taken) box.frames.free(p);
      if (said == error::none || HasFailure()) return left;
    }
  }
  static error said(const trefoil::mm::address_result& r) { return r.why; }
};

TEST_F(no_memory, MmapIntoTheMiddle) {
  EXPECT_EQ(heap_runs_out_in([](const user_ref& s) {
              return said(s->mmap(at + page_size, page_size, prot::read,
                                  flag::privately | flag::anonymous | flag::fixed));
            }),
            3);
}

TEST_F(no_memory, MmapOfSharedMemoryNeedsAFileToo) {
  EXPECT_EQ(heap_runs_out_in([](const user_ref& s) {
              return said(s->mmap(at + page_size, page_size, prot::read,
                                  flag::shared | flag::anonymous | flag::fixed));
            }),
            4);
}

TEST_F(no_memory, MunmapOfTheMiddle) {
  EXPECT_EQ(
      heap_runs_out_in([](const user_ref& s) { return s->munmap(at + page_size, page_size); }), 2);
}

TEST_F(no_memory, MprotectOfTheMiddle) {
  EXPECT_EQ(heap_runs_out_in([](const user_ref& s) {
              return s->mprotect(at + page_size, page_size, prot::read);
            }),
            2);
}

TEST_F(no_memory, MremapOfTheMiddle) {
  const call move = [](const user_ref& s) {
    return said(s->mremap(at + page_size, 10 * page_size, 10 * page_size, 3, 0x7000'0000'0000));
  };
  EXPECT_GE(heap_runs_out_in(move), 3);
  EXPECT_EQ(frames_run_out_in(move), 3) << "tables of three levels for its new place";
  const call grow = [](const user_ref& s) {
    return said(s->mremap(at, page_size, 40 * page_size, 1));
  };
  EXPECT_GE(heap_runs_out_in(grow), 3);
  EXPECT_EQ(frames_run_out_in(grow), 3);
}

TEST_F(no_memory, MremapOfSeveral) {
  const call move = [](const user_ref& s) {
    const error split = s->mprotect(at + 2 * page_size, page_size, prot::read);
    if (split != error::none) return split;
    const error moved = s->mremap(at, 8 * page_size, 8 * page_size, 3, 0x7000'0000'0000).why;
    if (moved != error::none) {
      EXPECT_EQ(s->map_count(), 3U);
      static_cast<void>(heap::allocations_until_none = -1);
      EXPECT_EQ(s->mprotect(at + 2 * page_size, page_size, rw), error::none);
    }
    return moved;
  };
  EXPECT_GE(heap_runs_out_in(move), 15);
}

TEST_F(no_memory, Brk) {
  EXPECT_EQ(heap_runs_out_in([](const user_ref& s) {
              s->set_start_brk(0x1000'0000);
              return s->brk(0x1000'2000) == 0x1000'2000 ? error::none : error::enomem;
            }),
            2);
}

TEST_F(no_memory, FaultsOfEveryKind) {
  const auto as_error = [](fault_result r) {
    EXPECT_TRUE(r == fault_result::ok || r == fault_result::no_memory);
    return r == fault_result::ok ? error::none : error::enomem;
  };
  for (const unsigned how : {flag::privately | flag::anonymous, flag::privately, flag::shared}) {
    for (const access wanted : {access::read, access::write}) {
      SCOPED_TRACE(how);
      // The frames in use do not go back to what they were: tables that were made stay, for the next
      // try, until the mapping goes.
      for (int left = 0;; ++left) {
        ref<file> fresh = make<file>(box.all, pages * page_size);
        user_ref space = new_space();
        ASSERT_TRUE(space->mmap(0x7000'0000'0000, page_size, rw, how | flag::fixed, {fresh}));
        std::vector<physical> taken;
        for (physical p = box.frames.allocate(); p != physical{0}; p = box.frames.allocate()) {
          taken.push_back(p);
        }
        for (int i = 0; i < left; ++i) {
          box.frames.free(taken.back());
          taken.pop_back();
        }
        const error result = as_error(space->fault(0x7000'0000'0000, wanted));
        expect_contents(space);
        EXPECT_EQ(bool(hardware.walk(cr3(space), 0x7000'0000'0000)), result == error::none);
        for (const physical p : taken) box.frames.free(p);
        EXPECT_EQ(as_error(space->fault(0x7000'0000'0000, wanted)), error::none) << "the next time";
        space.drop();
        fresh.drop();
        EXPECT_EQ(box.frames.in_use(), 0U);
        if (result == error::none) {
          EXPECT_GE(left, 4);
          break;
        }
      }
    }
  }
}

TEST_F(no_memory, ACopyThatCannotBeMade) {
  user_ref parent = new_space();
  const user_ref child = trefoil::mm::fork(parent, 2);
  ASSERT_TRUE(child);
  std::vector<physical> taken;
  for (physical p = box.frames.allocate(); p != physical{0}; p = box.frames.allocate()) {
    taken.push_back(p);
  }
  EXPECT_EQ(child->fault(at, access::write), fault_result::no_memory);
  EXPECT_EQ(child->fault(at, access::read), fault_result::ok);
  std::uint64_t v = 9;
  EXPECT_EQ(child->copy_to(at, &v, sizeof v), 0U);
  expect_contents(child);
  box.frames.free(taken.back());
  taken.pop_back();
  EXPECT_EQ(child->copy_to(at, &v, sizeof v), sizeof v);
  expect_contents(parent);
  for (const physical p : taken) box.frames.free(p);
}

/// Before there is an address space there is nothing that could have changed: all goes back.
TEST_F(no_memory, Create) {
  const auto create = [&](const auto& make_one) {
    const std::size_t in_use = box.frames.in_use();
    const int blocks = heap::blocks();
    const int alive = box.notes.alive();
    const bool made = bool(make_one());
    EXPECT_EQ(box.frames.in_use(), in_use);
    EXPECT_EQ(heap::blocks(), blocks);
    EXPECT_EQ(box.notes.alive(), alive);
    EXPECT_EQ(box.all.page_directories(), 0U);
    return made;
  };
  const auto runs_out_in = [&](const auto& make_one) {
    for (int left = 0;; ++left) {
      heap::allocations_until_none = left;
      const bool made = create(make_one);
      heap::allocations_until_none = -1;
      if (made || HasFailure()) return left;
    }
  };
  const auto space = [&] { return try_make<address_space>(box.all, root, 1U); };
  EXPECT_EQ(runs_out_in(space), 3) << "itself, and two tiers that go before it";
  EXPECT_EQ(runs_out_in([&] { return try_make<user_namespace>(box.all, 0U); }), 1);
  EXPECT_EQ(runs_out_in([&] { return try_make<exec_state>(root, trefoil::mm::dumpable::user); }), 1)
      << "what exec makes beside the address space";
  std::vector<physical> taken;
  for (physical p = box.frames.allocate(); p != physical{0}; p = box.frames.allocate()) {
    taken.push_back(p);
  }
  EXPECT_FALSE(create(space)) << "no frame for the page directory";
  for (const physical p : taken) box.frames.free(p);
  EXPECT_TRUE(create(space));
}

TEST_F(no_memory, TooManyMappings) {
  box.all.set_max_map_count(4);
  user_ref space = make<address_space>(box.all, root, 1U);
  const unsigned how = flag::privately | flag::anonymous | flag::fixed;
  ASSERT_TRUE(space->mmap(at, 9 * page_size, rw, how));
  EXPECT_EQ(space->mprotect(at + page_size, page_size, prot::read), error::none);
  EXPECT_EQ(space->mprotect(at + 3 * page_size, page_size, prot::read), error::enomem);
  EXPECT_EQ(space->mprotect(at + 2 * page_size, page_size, prot::read), error::none)
      << "the border moves";
  EXPECT_EQ(space->munmap(at + 5 * page_size, page_size), error::none) << "the fourth";
  EXPECT_EQ(space->munmap(at + 7 * page_size, page_size), error::enomem) << "would be five";
  EXPECT_EQ(space->munmap(at + 8 * page_size, page_size), error::none);
  EXPECT_TRUE(space->mmap(at + 20 * page_size, page_size, rw, how)) << "as in Linux: one more";
  EXPECT_EQ(space->mmap(at + 30 * page_size, page_size, rw, how).why, error::enomem);
  EXPECT_EQ(space->map_count(), 5U);
}

}  // namespace
