// SPDX-License-Identifier: Apache-2.0
// Calls at random and memory that is used between them, against a model by the page: what is there,
// what may be done with it, what is in it; looked at through the walker that knows only hardware.
#include "hardware.hpp"

#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace {

using namespace board;
using file = trefoil::mm::file<platform>;
using trefoil::mm::access;
using trefoil::mm::error;
using trefoil::mm::fault_result;
using trefoil::mm::force;
namespace flag = trefoil::mm::map_flag;
namespace prot = trefoil::mm::prot;

constexpr std::uint64_t file_pages = 24;

/// One page of address space. A file is told by a number; 0: none.
struct page {
  unsigned protection = 0;
  bool shared = false;
  int file = 0;
  std::uint64_t index = 0;           // in the file
  std::optional<std::uint64_t> own;  // what was written, if that made a copy
};

class model {
 public:
  std::map<std::uint64_t, page> pages;
  std::map<std::pair<int, std::uint64_t>, std::uint64_t> in_files;
  std::map<int, std::uint64_t> pages_of_file{{1, file_pages}, {2, file_pages}};

  [[nodiscard]] bool behind_the_end(const page& p) const {
    return p.file != 0 && p.index >= pages_of_file.at(p.file);
  }
  [[nodiscard]] std::uint64_t value(const page& p) const {
    if (p.own) return *p.own;
    const auto found = in_files.find({p.file, p.index});
    return p.file == 0 || found == in_files.end() ? 0 : found->second;
  }
  void write(page& p, std::uint64_t v) {
    if (p.shared) {
      in_files[{p.file, p.index}] = v;
    } else {
      p.own = v;
    }
  }
};

class random_calls : public board_test {
 protected:
  machine box{2000};
  mmu hardware{box.ram};
  ref<user_namespace> root = make<user_namespace>(box.all, 0U);

  /// Every page of the arena is as the model says.
  void compare(const user_ref& space, model& m, std::uint64_t from, std::uint64_t to) {
    const auto present = hardware.pages(cr3(space));
    for (const auto& [at, frame] : present) {
      ASSERT_TRUE(m.pages.count(at) == 1 || at < from || at >= to) << "present, not mapped";
      ASSERT_TRUE(m.pages.count(at) == 1) << "outside";
      const page& p = m.pages[at];
      const auto seen = hardware.walk(cr3(space), at);
      ASSERT_TRUE(seen && seen->user);
      ASSERT_NE(p.protection, prot::none) << "present, not accessible";
      ASSERT_TRUE(!seen->writable || (p.protection & prot::write) != 0);
      ASSERT_EQ(seen->executable, (p.protection & prot::exec) != 0);
      // A program that writes without a fault writes where only it does.
      ASSERT_TRUE(!seen->writable || p.shared || box.frames.count(physical{frame}) == 1);
    }
    for (std::uint64_t at = from; at < to; at += page_size) {
      const auto found = m.pages.find(at);
      std::uint64_t v = 0;
      const std::size_t got = space->copy_from(at + 16, &v, sizeof v, force::yes);
      if (found == m.pages.end()) {
        ASSERT_EQ(got, 0U);
        continue;
      }
      const page& p = found->second;
      if (m.behind_the_end(p) && !p.own) {
        ASSERT_EQ(got, 0U) << "SIGBUS";
        continue;
      }
      ASSERT_EQ(got, sizeof v);
      ASSERT_EQ(v, m.value(p)) << std::hex << at;
    }
    // No table twice; no page a table; every private page that is one's own once.
    std::set<std::uint64_t> tables;
    for (const std::uint64_t t : hardware.tables(cr3(space))) ASSERT_TRUE(tables.insert(t).second);
    std::map<std::uint64_t, std::uint32_t> times;
    for (const auto& [at, frame] : hardware.pages(cr3(space))) ++times[frame];
    for (const auto& [at, frame] : hardware.pages(cr3(space))) {
      const page& p = m.pages[at];
      const bool of_file = p.file != 0 && !p.own;
      ASSERT_EQ(tables.count(frame), 0U);
      if (!of_file) {
        ASSERT_EQ(box.frames.count(physical{frame}), 1U);
        ASSERT_EQ(times[frame], 1U);
      } else {
        ASSERT_GE(box.frames.count(physical{frame}), times[frame] + 1) << "the file has one";
      }
    }
  }
};

TEST_F(random_calls, LeaveEveryPageAsTheModelSays) {
  for (std::uint32_t seed = 1; seed <= 500; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const auto below = [&](std::uint64_t n) { return random() % n; };
    // Across the borders of tables, of a level that the seed says.
    const std::uint64_t border = std::uint64_t{3} << (21 + 9 * (seed % 3));
    const std::uint64_t arena = border - 20 * page_size;
    const std::uint64_t arena_end = arena + 48 * page_size;
    ref<file> memfd[3];
    for (int i = 1; i <= 2; ++i) memfd[i] = make<file>(box.all, file_pages * page_size);
    user_ref space = make<address_space>(box.all, root, 1U);
    space->set_mmap_base(arena_end);
    space->set_start_brk(arena + 30 * page_size);
    model m;
    int files = 2;
    std::uint64_t heap_end = arena + 30 * page_size;
    for (int step = 0; step < 160 && !HasFatalFailure(); ++step) {
      const std::uint64_t at = arena + below(44) * page_size;
      const std::uint64_t length = std::min((1 + below(10)) * page_size, arena_end - at);
      static constexpr unsigned protections[]{0, 1, 3, 3, 3, 5, 7};
      const unsigned protection = protections[below(7)];
      switch (below(12)) {
        case 0:
        case 1: {
          page p;
          p.protection = protection;
          p.shared = below(3) == 0;
          p.file = static_cast<int>(below(3));
          p.index = p.file == 0 ? 0 : below(file_pages);
          const unsigned how = (p.shared ? flag::shared : flag::privately) | flag::fixed |
                               (p.file == 0 ? flag::anonymous : 0);
          ASSERT_TRUE(
              space->mmap(at, length, protection, how, {memfd[p.file], p.index * page_size}));
          if (p.shared && p.file == 0) {
            p.file = ++files;
            m.pages_of_file[p.file] = length / page_size;
          }
          for (std::uint64_t a = at; a < at + length; a += page_size) {
            m.pages[a] = p;
            if (p.file != 0) ++p.index;
          }
          break;
        }
        case 2:
          ASSERT_EQ(space->munmap(at, length), error::none);
          m.pages.erase(m.pages.lower_bound(at), m.pages.lower_bound(at + length));
          break;
        case 3: {
          const error said = space->mprotect(at, length, protection);
          for (std::uint64_t a = at; a < at + length; a += page_size) {
            const auto found = m.pages.find(a);
            if (found == m.pages.end()) {
              ASSERT_EQ(said, error::enomem);
              break;
            }
            found->second.protection = protection;
          }
          break;
        }
        case 4:
        case 5: {
          const std::uint64_t new_length = below(3) == 0 ? length : (1 + below(8)) * page_size;
          const bool fixed = below(2) == 0;
          const std::uint64_t to = arena + below(40) * page_size;
          const auto moved = space->mremap(at, length, new_length,
                                           fixed ? 3 : static_cast<unsigned>(below(2)), to);
          if (!moved) {
            // A fixed place may be empty now; the rest is as it was.
            if (fixed && moved.why == error::efault) {
              for (std::uint64_t a = to; a < to + new_length; a += page_size) {
                std::uint64_t v = 0;
                if (space->copy_from(a, &v, 1, force::yes) == 0) {
                  const auto found = m.pages.find(a);
                  if (found != m.pages.end() &&
                      (!m.behind_the_end(found->second) || found->second.own)) {
                    FAIL() << "a move that failed at its source has cleared its target";
                  }
                }
              }
            }
            break;
          }
          std::map<std::uint64_t, page> taken;
          const std::uint64_t kept = std::min(length, new_length);
          for (std::uint64_t o = 0; o < length; o += page_size) {
            const auto found = m.pages.find(at + o);
            if (found == m.pages.end()) continue;
            if (o < kept) taken[o] = found->second;
            m.pages.erase(found);
          }
          // Several VMAs are moved at once; what is mapped where they have a hole stays.
          if (!fixed || length != new_length) {
            m.pages.erase(m.pages.lower_bound(moved.address),
                          m.pages.lower_bound(moved.address + new_length));
          }
          for (const auto& [o, p] : taken) m.pages[moved.address + o] = p;
          if (new_length > length) {
            page last = taken[length - page_size];
            last.own.reset();
            for (std::uint64_t o = length; o < new_length; o += page_size) {
              if (last.file != 0) ++last.index;
              m.pages[moved.address + o] = last;
            }
          }
          break;
        }
        case 6: {
          const std::uint64_t wanted = arena + (30 + below(10)) * page_size;
          const std::uint64_t now = space->brk(wanted);
          if (now != wanted) break;
          page p;
          p.protection = prot::read | prot::write;
          for (std::uint64_t a = heap_end; a < now; a += page_size) m.pages[a] = p;
          if (now < heap_end)
            m.pages.erase(m.pages.lower_bound(now), m.pages.lower_bound(heap_end));
          heap_end = now;
          break;
        }
        default: {  // memory is used
          const std::uint64_t a = arena + below(48) * page_size;
          const bool writes = below(3) != 0;
          const auto found = m.pages.find(a);
          const fault_result said = space->fault(a + 8, writes ? access::write : access::read);
          if (found == m.pages.end()) {
            ASSERT_EQ(said, fault_result::not_mapped);
            break;
          }
          page& p = found->second;
          if (writes ? (p.protection & prot::write) == 0 : p.protection == 0) {
            ASSERT_EQ(said, fault_result::not_permitted);
            break;
          }
          if (m.behind_the_end(p) && !p.own) {
            ASSERT_EQ(said, fault_result::bus_error);
            break;
          }
          ASSERT_EQ(said, fault_result::ok);
          const auto seen = hardware.walk(cr3(space), a);
          ASSERT_TRUE(seen);
          if (writes) {
            ASSERT_TRUE(seen->writable);
            // As the program does, without anybody's help.
            const std::uint64_t v = random() | 1U;
            std::memcpy(box.ram.begin() + seen->frame + 16, &v, sizeof v);
            m.write(p, v);
          } else {
            std::uint64_t v = 0;
            std::memcpy(&v, box.ram.begin() + seen->frame + 16, sizeof v);
            ASSERT_EQ(v, m.value(p));
          }
        }
      }
      if (step % 20 == 19) compare(space, m, arena - 40 * page_size, arena_end);
    }
    if (HasFatalFailure()) return;
    if (seed % 2 == 0) {  // a fork sees the same
      const user_ref child = trefoil::mm::fork(space, 2);
      ASSERT_TRUE(child);
      for (auto& [at, p] : m.pages) {
        std::uint64_t v = 0;
        const std::size_t got = child->copy_from(at + 16, &v, sizeof v, force::yes);
        ASSERT_EQ(got, m.behind_the_end(p) && !p.own ? 0 : sizeof v);
        ASSERT_TRUE(got == 0 || v == m.value(p));
      }
    }
    // Nothing mapped: no table is left.
    ASSERT_EQ(space->munmap(0, trefoil::mm::user_end), error::none);
    ASSERT_EQ(hardware.tables(cr3(space)).size(), 0U);
    ASSERT_EQ(space->map_count(), 0U);
    space.drop();
    for (auto& f : memfd) f.drop();
    ASSERT_EQ(box.frames.in_use(), 0U);
  }
  for (physical f = box.frames.allocate(); f != physical{0}; f = box.frames.allocate()) {
    const std::uint64_t* const words = box.frames.table(f);
    ASSERT_EQ(std::count(words, words + 512, 0U), 512) << "went back as zeroed and was not";
  }
}

}  // namespace
