// SPDX-License-Identifier: Apache-2.0
// Families of address spaces that fork, write and die in any order, against a model that copies
// everything at once: each sees what it wrote itself and what was there when it was born, shared
// memory is one for all, and the frames add up.
#include "hardware.hpp"

#include <array>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace {

using namespace board;
using file = trefoil::mm::file<platform>;
using file_ref = ref<file>;
using trefoil::mm::access;
using trefoil::mm::error;
using trefoil::mm::fault_result;
using trefoil::mm::force;
namespace flag = trefoil::mm::map_flag;
namespace prot = trefoil::mm::prot;

constexpr std::uint64_t pages = 12;  // of each of the three regions
constexpr std::uint64_t words = page_size / 8;
constexpr std::uint64_t anonymous_at = 0x40'0000 - 3 * page_size;  // across two tables
constexpr std::uint64_t private_at = 0x7000'0000'0000;
constexpr std::uint64_t shared_at = 0x2000'0000;

using contents = std::vector<std::uint64_t>;  // by word

struct process {
  user_ref space;
  contents anonymous = contents(pages * words);
  std::map<std::uint64_t, std::uint64_t> written;  // in the private file mapping, by word
  std::set<std::uint64_t> own;                     // its pages there that are copies already
};

class copy_on_write_test : public board_test {
 protected:
  machine box{600};
  mmu hardware{box.ram};
  ref<user_namespace> root = make<user_namespace>(box.all, 0U);
  file_ref memfd = make<file>(box.all, pages* page_size);
  contents in_file = contents(pages * words);

  process first() {
    process p;
    p.space = make<address_space>(box.all, root, 1U);
    const unsigned rw = prot::read | prot::write;
    EXPECT_TRUE(p.space->mmap(anonymous_at, pages * page_size, rw,
                              flag::privately | flag::anonymous | flag::fixed));
    EXPECT_TRUE(
        p.space->mmap(private_at, pages * page_size, rw, flag::privately | flag::fixed, {memfd}));
    EXPECT_TRUE(
        p.space->mmap(shared_at, pages * page_size, rw, flag::shared | flag::fixed, {memfd}));
    return p;
  }

  static std::uint64_t read(const process& p, std::uint64_t address) {
    std::uint64_t v = 0;
    EXPECT_EQ(p.space->copy_from(address, &v, sizeof v), sizeof v);
    return v;
  }
  static void write(const process& p, std::uint64_t address, std::uint64_t v) {
    EXPECT_EQ(p.space->copy_to(address, &v, sizeof v), sizeof v);
  }

  /// Every page that hardware finds has a count for each time it is found, and for the file.
  void expect_counts_add_up(const std::vector<process>& all) {
    std::map<std::uint64_t, std::uint32_t> found;
    std::set<std::uint64_t> tables;
    for (const process& p : all) {
      for (const auto& [at, frame] : hardware.pages(cr3(p.space))) ++found[frame];
      for (const std::uint64_t t : hardware.tables(cr3(p.space))) {
        EXPECT_TRUE(tables.insert(t).second) << "a table that two share";
      }
      EXPECT_TRUE(tables.insert(cr3(p.space)).second);
    }
    std::set<std::uint64_t> of_file;
    for (std::uint64_t i = 0; i < pages; ++i) {
      const physical f = memfd->page(i);
      of_file.insert(static_cast<std::uint64_t>(f));
      box.frames.put(f);
    }
    for (const std::uint64_t f : of_file) ++found[f];
    for (const auto& [frame, times] : found) {
      EXPECT_EQ(box.frames.count(physical{frame}), times);
      EXPECT_EQ(tables.count(frame), 0U) << "a page that is a table";
    }
    EXPECT_EQ(box.frames.in_use(), found.size() + tables.size() + 1) << "the file has one table";
  }
};

TEST_F(copy_on_write_test, AnyOrderOfForksWritesAndDeaths) {
  for (std::uint32_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    const auto below = [&](std::uint64_t n) { return random() % n; };
    std::vector<process> all;
    all.push_back(first());
    for (int step = 0; step < 250; ++step) {
      process& p = all[below(all.size())];
      const std::uint64_t word = below(pages * words);
      const std::uint64_t page = word / words;
      const std::uint64_t value = random() | 1U;
      switch (below(10)) {
        case 0:
          if (all.size() < 6) {
            process child;
            child.space = trefoil::mm::fork(p.space, 2);
            ASSERT_TRUE(child.space);
            child.anonymous = p.anonymous;
            child.written = p.written;
            child.own = p.own;
            all.push_back(std::move(child));
          }
          break;
        case 1:
          if (all.size() > 1) {
            std::swap(p, all.back());
            all.pop_back();
          }
          break;
        case 2:
        case 3:
          write(p, anonymous_at + word * 8, value);
          p.anonymous[word] = value;
          break;
        case 4: ASSERT_EQ(read(p, anonymous_at + word * 8), p.anonymous[word]); break;
        case 5:
          write(p, shared_at + word * 8, value);
          in_file[word] = value;
          break;
        case 6: ASSERT_EQ(read(p, shared_at + word * 8), in_file[word]); break;
        case 7:  // its own copy of the page, as it is now
          if (p.own.insert(page).second) {
            for (std::uint64_t w = page * words; w < (page + 1) * words; ++w) {
              p.written[w] = in_file[w];
            }
          }
          write(p, private_at + word * 8, value);
          p.written[word] = value;
          break;
        case 8:
          ASSERT_EQ(read(p, private_at + word * 8),
                    p.own.count(page) != 0 ? p.written[word] : in_file[word]);
          break;
        default: {  // a program touches its page by itself
          const access wanted = below(2) == 0 ? access::read : access::write;
          ASSERT_EQ(p.space->fault(anonymous_at + word * 8, wanted), fault_result::ok);
          const auto seen = hardware.walk(cr3(p.space), anonymous_at + word * 8);
          ASSERT_TRUE(seen && seen->user && !seen->executable);
          ASSERT_TRUE(wanted != access::write || seen->writable);
          ASSERT_TRUE(!seen->writable || box.frames.count(physical{seen->frame}) == 1);
          break;
        }
      }
      if (step % 50 == 0) expect_counts_add_up(all);
    }
    expect_counts_add_up(all);
    for (const process& p : all) {
      for (std::uint64_t w = 0; w < pages * words; w += 61) {
        ASSERT_EQ(read(p, anonymous_at + w * 8), p.anonymous[w]);
      }
    }
  }
  memfd.drop();
  EXPECT_EQ(box.frames.in_use(), 0U);
}

TEST_F(copy_on_write_test, AForkThatFailsAnywhereLeavesNothingAndDoesNoHarm) {
  // Frames run out at every place there is, one after the other; and so does the heap.
  std::size_t failures = 0;
  for (std::size_t left = 0;; ++left) {
    process parent = first();
    for (std::uint64_t p = 0; p < pages; ++p) {
      write(parent, anonymous_at + p * page_size, p + 1);
      write(parent, private_at + p * page_size, p + 101);
    }
    std::vector<physical> taken;
    for (physical f = box.frames.allocate(); f != physical{0}; f = box.frames.allocate()) {
      taken.push_back(f);
    }
    for (std::size_t i = 0; i < left; ++i) {
      box.frames.free(taken.back());
      taken.pop_back();
    }
    const std::size_t in_use = box.frames.in_use();
    const int blocks = heap::blocks();
    user_ref child = trefoil::mm::fork(parent.space, 2);
    if (!child) {
      ++failures;
      EXPECT_EQ(box.frames.in_use(), in_use);
      EXPECT_EQ(heap::blocks(), blocks);
      EXPECT_EQ(box.all.page_directories(), 1U);
    }
    // Even with no frame to be had at all the parent goes on: what it has is its own.
    const bool born = bool(child);
    child.drop();
    EXPECT_EQ(box.frames.in_use(), in_use);
    for (physical f = box.frames.allocate(); f != physical{0}; f = box.frames.allocate()) {
      taken.push_back(f);
    }
    for (std::uint64_t p = 0; p < pages; ++p) {
      EXPECT_EQ(read(parent, anonymous_at + p * page_size), p + 1);
      write(parent, anonymous_at + p * page_size, p + 51);
      EXPECT_EQ(read(parent, private_at + p * page_size), p + 101);
      write(parent, private_at + p * page_size, p + 151);  // without a copy: there is no frame
    }
    for (const physical f : taken) box.frames.free(f);
    if (born) break;
  }
  EXPECT_EQ(failures, 8U) << "a page directory, tables for three places that share the first";
  process parent = first();
  for (int left = 0;; ++left) {
    const int blocks = heap::blocks();
    heap::allocations_until_none = left;
    const user_ref child = trefoil::mm::fork(parent.space, 2);
    heap::allocations_until_none = -1;
    if (child) {
      EXPECT_EQ(left, 6) << "itself, two tiers that go before it, and three VMAs";
      break;
    }
    EXPECT_EQ(heap::blocks(), blocks);
  }
}

TEST_F(copy_on_write_test, PtraceWritesIntoMemoryThatTheProgramMayNot) {
  process parent = first();
  write(parent, anonymous_at, 7);
  ASSERT_EQ(parent.space->mprotect(anonymous_at, pages * page_size, prot::read), error::none);
  std::uint64_t v = 8;
  EXPECT_EQ(parent.space->copy_to(anonymous_at, &v, sizeof v), 0U);
  const process child{trefoil::mm::fork(parent.space, 2), {}, {}, {}};
  EXPECT_EQ(parent.space->copy_to(anonymous_at, &v, sizeof v, force::yes), sizeof v);
  EXPECT_EQ(read(parent, anonymous_at), 8U);
  EXPECT_EQ(read(child, anonymous_at), 7U) << "a copy of its own, which stays read-only";
  EXPECT_FALSE(hardware.walk(cr3(parent.space), anonymous_at)->writable);
  EXPECT_EQ(parent.space->fault(anonymous_at, access::write), fault_result::not_permitted);
  // Untouched pages of a file, too; the file does not change.
  ASSERT_EQ(parent.space->mprotect(private_at, pages * page_size, prot::none), error::none);
  EXPECT_EQ(parent.space->copy_from(private_at, &v, sizeof v), 0U);
  EXPECT_EQ(parent.space->copy_to(private_at + 8, &v, sizeof v, force::yes), sizeof v);
  v = 0;
  EXPECT_EQ(parent.space->copy_from(private_at + 8, &v, sizeof v, force::yes), sizeof v);
  EXPECT_EQ(v, 8U);
  EXPECT_EQ(read(child, shared_at + 8), 0U);
  EXPECT_FALSE(hardware.walk(cr3(parent.space), private_at)) << "PROT_NONE is not present";
  // But not into shared memory.
  ASSERT_EQ(parent.space->mprotect(shared_at, pages * page_size, prot::read), error::none);
  EXPECT_EQ(parent.space->copy_to(shared_at, &v, sizeof v, force::yes), 0U);
}

}  // namespace
