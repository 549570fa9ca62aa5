// SPDX-License-Identifier: Apache-2.0
// The same calls, made to Linux and to an address space of ours: the same answers, and after every
// call the same layout.
//
// A forked child makes the calls inside a part of its address space that it has cleared for that,
// and tells what came of each and what /proc/self/maps shows there afterwards. It allocates nothing
// and touches no page that it maps. This process makes the same calls to the model, which knows
// where the arena is and nothing else, and compares.
//
// What is drawn and not compared, with its share, is printed at the end: this layer does not have it,
// and mappings.hpp says so. Not drawn at all: pages are not touched (Linux then tells anonymous
// memory apart by its anon_vma, which is not here: what is alike is joined); lengths of 2 MiB and more,
// for which Linux may choose aligned addresses; fixed ranges that reach behind the arena, where the
// test program itself is. TREFOIL_SEED draws others.
#include "call_drawing.hpp"
#include "linux_side.hpp"

#include <cinttypes>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace against_linux {
namespace {

using file = trefoil::mm::file<platform>;
namespace vm = trefoil::mm::vm_flag;

constexpr std::size_t calls_wanted = 120'000;

// ---- the model ------------------------------------------------------------------------------------

class model {
 public:
  model(std::uint64_t arena, const std::uint64_t (&inodes)[3]) : arena_(arena) {
    for (int i = 1; i <= 2; ++i) {
      memfd_[i] = make<file>(box_.all, memfd_bytes);
      inode_[i] = inodes[i];
    }
    space_->set_mmap_base(arena_ + arena_bytes);
    space_->set_start_brk(arena_ + heap_at);
    // What the child has there, too, and what growth stops at.
    const ref<file> fence = make<file>(box_.all, page_size);
    EXPECT_TRUE(
        space_->mmap(arena_ + arena_bytes, page_size, PROT_NONE, MAP_SHARED | MAP_FIXED, {fence}));
  }

  std::int64_t answer_to(const call& c) {
    const auto u = [](std::uint64_t v) { return static_cast<unsigned>(v); };
    const auto of = [](const trefoil::mm::address_result& r) {
      return r ? static_cast<std::int64_t>(r.address) : -static_cast<std::int64_t>(r.why);
    };
    switch (c.kind) {
      case what::mmap: return of(space_->mmap(c.a, c.b, u(c.c), u(c.d), {memfd_[c.fd], c.e}));
      case what::munmap: return -static_cast<std::int64_t>(space_->munmap(c.a, c.b));
      case what::mprotect: return -static_cast<std::int64_t>(space_->mprotect(c.a, c.b, u(c.c)));
      case what::mremap: return of(space_->mremap(c.a, c.b, c.c, u(c.d), c.e));
      case what::brk: return static_cast<std::int64_t>(space_->brk(c.a));
    }
    return 0;
  }

  /// Empty: the same. Files are the same if each is where the same other one is.
  std::string differs(const answer& a) {
    std::vector<trefoil::mm::vma> ours = space_->vmas();
    ours.pop_back();  // the fence
    std::map<const void*, std::uint64_t> inode_of;
    std::map<std::uint64_t, const void*> file_of;
    for (int i = 1; i <= 2; ++i) {
      inode_of[memfd_[i].address()] = inode_[i];
      file_of[inode_[i]] = memfd_[i].address();
    }
    inode_of[nullptr] = 0;
    file_of[0] = nullptr;
    for (std::size_t i = 0; i < std::max(ours.size(), a.mappings); ++i) {
      if (i >= ours.size() || i >= a.mappings) return "number of mappings" + show(ours, a);
      const trefoil::mm::vma& v = ours[i];
      const mapped& m = a.layout[i];
      const char permissions[4] = {
          (v.flags & vm::read) != 0 ? 'r' : '-', (v.flags & vm::write) != 0 ? 'w' : '-',
          (v.flags & vm::exec) != 0 ? 'x' : '-', (v.flags & vm::shared) != 0 ? 's' : 'p'};
      const bool same = v.start == m.start && v.end == m.end && v.offset == m.offset &&
                        std::memcmp(permissions, m.permissions, 4) == 0 &&
                        inode_of.emplace(v.file, m.inode).first->second == m.inode &&
                        file_of.emplace(m.inode, v.file).first->second == v.file;
      if (!same) return "mapping " + std::to_string(i) + show(ours, a);
    }
    return {};
  }

  [[nodiscard]] std::string relative(std::int64_t v) const {
    char text[64];
    const auto at = static_cast<std::uint64_t>(v);
    if (at - (arena_ - below_arena) < below_arena + 2 * arena_bytes) {
      std::snprintf(text, sizeof text, "arena%+" PRId64 "*page+%" PRIu64,
                    static_cast<std::int64_t>((at & ~(page_size - 1)) - arena_) /
                        static_cast<std::int64_t>(page_size),
                    at % page_size);
    } else if (v < 0 && v > -4096) {
      std::snprintf(text, sizeof text, "-%s", strerrorname_np(static_cast<int>(-v)));
    } else {
      std::snprintf(text, sizeof text, "%#" PRIx64, at);
    }
    return text;
  }
  [[nodiscard]] std::string show(const call& c) const {
    static constexpr const char* names[]{"mmap", "munmap", "mprotect", "mremap", "brk"};
    std::string s = std::string(names[static_cast<std::size_t>(c.kind)]) + "(";
    for (const std::uint64_t v : {c.a, c.b, c.c, c.d, c.e}) {
      s += relative(static_cast<std::int64_t>(v)) + ", ";
    }
    return s + "fd " + std::to_string(c.fd) + ")";
  }

 private:
  [[nodiscard]] std::string show(const std::vector<trefoil::mm::vma>& ours, const answer& a) const {
    std::string s = "\n  Linux:";
    for (std::size_t i = 0; i < a.mappings; ++i) {
      const mapped& m = a.layout[i];
      s += "\n    " + relative(static_cast<std::int64_t>(m.start)) + " .. " +
           relative(static_cast<std::int64_t>(m.end)) + " " + std::string(m.permissions, 4) +
           " offset " + std::to_string(m.offset / page_size) + " inode " + std::to_string(m.inode);
    }
    s += "\n  ours:";
    for (const trefoil::mm::vma& v : ours) {
      char text[64];
      std::snprintf(text, sizeof text, " flags %#x offset %" PRIu64 " file %p", v.flags,
                    v.offset / page_size, v.file);
      s += "\n    " + relative(static_cast<std::int64_t>(v.start)) + " .. " +
           relative(static_cast<std::int64_t>(v.end)) + text;
    }
    return s;
  }

  const std::uint64_t arena_;
  machine box_{64};
  ref<user_namespace> root_ = make<user_namespace>(box_.all, 0U);
  user_ref space_ = make<address_space>(box_.all, root_, 1U);
  ref<file> memfd_[3];
  std::uint64_t inode_[3] = {};
};

// ---- both -----------------------------------------------------------------------------------------

class against_linux_test : public board_test {};

TEST_F(against_linux_test, TheSameAnswersAndTheSameLayoutAfterEveryCall) {
  utsname kernel{};
  ASSERT_EQ(uname(&kernel), 0);
  unsigned major = 0;
  unsigned minor = 0;
  ASSERT_EQ(std::sscanf(kernel.release, "%u.%u", &major, &minor), 2);
  if (major < 6 || (major == 6 && minor < 17)) {
    GTEST_SKIP() << "Linux " << kernel.release << " cannot move several mappings at once; 6.17 can";
  }
  void* const shared = mmap(nullptr, sizeof(board_of_both), PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(shared, MAP_FAILED);
  board_of_both& both = *::new (shared) board_of_both;
  int to_child[2];
  int to_parent[2];
  ASSERT_EQ(pipe(to_child) + pipe(to_parent), 0);
  // Before the fork: the child must not allocate.
  const auto child_side = std::make_unique<linux_side>(both, to_child[0], to_parent[1]);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    close(to_child[1]);
    close(to_parent[0]);
    child_side->run();
  }
  close(to_child[0]);
  close(to_parent[1]);
  char done = 0;
  ASSERT_EQ(read(to_parent[0], &done, 1), 1) << "the child could not prepare";

  const char* const seed_text = std::getenv("TREFOIL_SEED");
  const auto seed =
      static_cast<std::uint32_t>(seed_text == nullptr ? 1 : std::strtoul(seed_text, nullptr, 10));
  asker questions(both.arena, both.heap, seed);
  std::uint64_t inodes[3] = {};
  std::memcpy(inodes, both.inodes, sizeof inodes);
  model ours(both.arena, inodes);
  std::size_t compared = 0;
  std::size_t succeeded = 0;
  std::size_t mappings_seen = 0;
  std::map<std::int64_t, std::size_t> errors;
  while (compared < calls_wanted && !HasFailure()) {
    for (both.calls = 0; both.calls < calls_per_batch;) {
      if (const auto c = questions.draw()) both.asked[both.calls++] = *c;
    }
    ASSERT_EQ(write(to_child[1], &done, 1), 1);
    if (read(to_parent[0], &done, 1) != 1) {
      int status = 0;
      waitpid(child, &status, 0);
      FAIL() << "the child did not survive: status " << std::hex << status;
    }
    for (std::size_t i = 0; i < both.calls && !HasFailure(); ++i) {
      const call& c = both.asked[i];
      const answer& theirs = both.answered[i];
      const std::int64_t mine = ours.answer_to(c);
      ++compared;
      EXPECT_EQ(mine, theirs.value)
          << "call " << compared << " of seed " << seed << ", " << ours.show(c) << ": Linux says "
          << ours.relative(theirs.value) << ", we say " << ours.relative(mine);
      const std::string difference = ours.differs(theirs);
      EXPECT_EQ(difference, "") << "after call " << compared << " of seed " << seed << ", "
                                << ours.show(c);
      mappings_seen += theirs.mappings;
      if (theirs.value < 0 && theirs.value > -4096) {
        ++errors[-theirs.value];
      } else {
        ++succeeded;
      }
    }
  }
  close(to_child[1]);
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  munmap(shared, sizeof(board_of_both));

  std::printf("%zu calls compared, %zu succeeded, %.1f mappings on the average;", compared,
              succeeded, static_cast<double>(mappings_seen) / static_cast<double>(compared));
  for (const auto& [number, times] : errors) {
    std::printf(" %s %zu", strerrorname_np(static_cast<int>(number)), times);
  }
  std::printf("\nexcluded:\n");
  for (const auto& [why, times] : questions.excluded) {
    std::printf("  %5.2f %%  %s\n",
                100.0 * static_cast<double>(times) / static_cast<double>(questions.drawn),
                why.c_str());
  }
}

}  // namespace
}  // namespace against_linux
