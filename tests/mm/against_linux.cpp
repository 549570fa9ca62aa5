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
#include "board.hpp"

#include <array>
#include <cerrno>
#include <cinttypes>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace {

using namespace board;
using file = trefoil::mm::file<platform>;
using trefoil::mm::error;
namespace vm = trefoil::mm::vm_flag;

constexpr std::size_t calls_wanted = 120'000;
constexpr std::size_t calls_per_batch = 1000;
constexpr std::uint64_t arena_pages = 160;
constexpr std::uint64_t arena_bytes = arena_pages * page_size;
constexpr std::uint64_t below_arena = std::uint64_t{1} << 30;  // where placements may land, too
constexpr std::uint64_t heap_at = 100 * page_size;             // start_brk, in the arena
constexpr std::uint64_t memfd_bytes = 64 * page_size;

enum class what : std::uint8_t { mmap, munmap, mprotect, mremap, brk };

struct call {
  what kind;
  std::uint8_t fd;  // 0: none
  std::uint64_t a, b, c, d, e;
};

struct mapped {
  std::uint64_t start, end, offset, inode;
  char permissions[4];
};

struct answer {
  std::int64_t value;  // an address, 0, or -errno
  std::size_t mappings;
  std::array<mapped, 150> layout;
};

/// Shared by both processes.
struct board_of_both {
  std::uint64_t arena;
  std::uint64_t inodes[3];
  bool heap;  // the child may say where its heap is
  std::size_t calls;
  std::array<call, calls_per_batch> asked;
  std::array<answer, calls_per_batch> answered;
};

// ---- the child: Linux -----------------------------------------------------------------------------

class linux_side {
 public:
  linux_side(board_of_both& both, int from_parent, int to_parent)
      : both_(both), in_(from_parent), out_(to_parent) {}

  [[noreturn]] void run() {
    prepare();
    char go = 0;
    tell();
    while (read(in_, &go, 1) == 1) {
      for (std::size_t i = 0; i < both_.calls; ++i) {
        both_.answered[i].value = make(both_.asked[i]);
        look(both_.answered[i]);
      }
      tell();
    }
    _exit(0);
  }

 private:
  void tell() const {
    const char done = 1;
    if (write(out_, &done, 1) != 1) _exit(4);
  }

  static std::int64_t raw(long result) { return result == -1 ? -errno : result; }

  static std::uint64_t reserve(std::uint64_t bytes) {
    void* const at =
        mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) _exit(5);
    return reinterpret_cast<std::uint64_t>(at);
  }

  /// Clears the arena, and sees to it that it is the highest place where anything can be mapped.
  void prepare() {
    fds_[1] = static_cast<int>(syscall(SYS_memfd_create, "a", 0));
    fds_[2] = static_cast<int>(syscall(SYS_memfd_create, "b", 0));
    const int fence = static_cast<int>(syscall(SYS_memfd_create, "fence", 0));
    maps_ = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    if (fds_[1] < 0 || fds_[2] < 0 || fence < 0 || maps_ < 0) _exit(5);
    for (int i = 1; i <= 2; ++i) {
      struct stat seen {};
      if (fstat(fds_[i], &seen) != 0) _exit(5);
      both_.inodes[i] = seen.st_ino;
    }
    if (ftruncate(fds_[1], memfd_bytes) != 0 || ftruncate(fds_[2], memfd_bytes) != 0) _exit(5);
    // The upper end of a hole with room for all that may land below the arena.
    constexpr std::uint64_t enough = 2 * below_arena;
    const std::uint64_t room = reserve(enough);
    const std::uint64_t end = room + enough - page_size;
    both_.arena = end - arena_bytes;
    // Like nothing else: what is mapped at the end of the arena must not join what is behind it.
    if (mmap(reinterpret_cast<void*>(end), page_size, PROT_NONE, MAP_SHARED | MAP_FIXED, fence,
             0) == MAP_FAILED) {
      _exit(5);
    }
    for (std::uint64_t size = below_arena; size >= page_size;
         size /= 2) {  // holes above are filled
      for (;;) {
        const std::uint64_t hole = reserve(size);
        if (hole > end) continue;
        munmap(reinterpret_cast<void*>(hole), size);
        break;
      }
    }
    munmap(reinterpret_cast<void*>(room), enough - page_size);
    both_.heap = move_heap();
  }

  /// The heap, too, is in the arena. False: this kernel does not let us.
  bool move_heap() {
    const int stat = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    const ssize_t n = read(stat, text_, sizeof text_ - 1);
    close(stat);
    if (n <= 0) return false;
    text_[n] = 0;
    const char* at = std::strrchr(text_, ')') + 2;  // behind the name
    std::uint64_t field[52] = {};
    for (int i = 3; i < 52 && *at != 0; ++i) {  // numbered as in proc(5)
      field[i] = number(at, 10);
      while (*at != ' ' && *at != 0) ++at;
      if (*at == ' ') ++at;
    }
    prctl_mm_map map{};
    map.start_code = field[26];
    map.end_code = field[27];
    map.start_stack = field[28];
    map.start_data = field[45];
    map.end_data = field[46];
    map.arg_start = field[48];
    map.arg_end = field[49];
    map.env_start = field[50];
    map.env_end = field[51];
    map.start_brk = map.brk = both_.arena + heap_at;
    map.exe_fd = static_cast<std::uint32_t>(-1);
    return prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof map, 0) == 0;
  }

  std::int64_t make(const call& c) const {
    switch (c.kind) {
      case what::mmap:
        return raw(syscall(SYS_mmap, c.a, c.b, c.c, c.d, c.fd == 0 ? -1 : fds_[c.fd], c.e));
      case what::munmap: return raw(syscall(SYS_munmap, c.a, c.b));
      case what::mprotect: return raw(syscall(SYS_mprotect, c.a, c.b, c.c));
      case what::mremap: return raw(syscall(SYS_mremap, c.a, c.b, c.c, c.d, c.e));
      case what::brk: return raw(syscall(SYS_brk, c.a));
    }
    return 0;
  }

  static std::uint64_t number(const char*& at, unsigned base) {
    std::uint64_t n = 0;
    for (;; ++at) {
      const unsigned digit = *at >= '0' && *at <= '9'   ? static_cast<unsigned>(*at - '0')
                             : *at >= 'a' && *at <= 'f' ? static_cast<unsigned>(*at - 'a') + 10
                                                        : 99;
      if (digit >= base) return n;
      n = n * base + digit;
    }
  }

  void look(answer& a) {
    std::size_t bytes = 0;
    if (lseek(maps_, 0, SEEK_SET) != 0) _exit(6);
    for (;;) {
      const ssize_t n = read(maps_, text_ + bytes, sizeof text_ - 1 - bytes);
      if (n < 0) _exit(6);
      if (n == 0) break;
      bytes += static_cast<std::size_t>(n);
    }
    text_[bytes] = 0;
    a.mappings = 0;
    for (const char* at = text_; *at != 0;) {
      mapped m{};
      m.start = number(at, 16);
      ++at;
      m.end = number(at, 16);
      ++at;
      std::memcpy(m.permissions, at, 4);
      at += 5;
      m.offset = number(at, 16);
      ++at;
      number(at, 16);  // device
      ++at;
      number(at, 16);
      ++at;
      m.inode = number(at, 10);
      while (*at != 0 && *at != '\n') ++at;
      if (*at == '\n') ++at;
      if (m.start >= both_.arena - below_arena && m.end <= both_.arena + arena_bytes) {
        if (a.mappings == a.layout.size()) _exit(7);
        a.layout[a.mappings++] = m;
      }
    }
  }

  board_of_both& both_;
  const int in_;
  const int out_;
  int maps_ = -1;
  int fds_[3] = {-1, -1, -1};
  char text_[1 << 17];
};

// ---- what to ask ----------------------------------------------------------------------------------

class asker {
 public:
  asker(std::uint64_t arena, bool heap, std::uint32_t seed)
      : arena_(arena), heap_(heap), random_(seed) {}

  /// Nothing: one that is excluded, counted in `excluded`.
  std::optional<call> draw() {
    ++drawn;
    const std::uint64_t k = below(1000);
    if (k < 5)
      return call{what::munmap, 0, arena_ - below_arena, below_arena + arena_bytes, 0, 0, 0};
    if (k < 450) return draw_mmap();
    if (k < 620) return draw_munmap();
    if (k < 800) return draw_mprotect();
    if (k < 960) return draw_mremap();
    if (!heap_) return exclude("brk: this process may not say where its heap is");
    return call{what::brk, 0, draw_brk(), 0, 0, 0, 0};
  }

  std::size_t drawn = 0;
  std::map<std::string, std::size_t> excluded;

 private:
  std::uint64_t below(std::uint64_t n) { return random_() % n; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }
  std::optional<call> exclude(const char* why) {
    ++excluded[why];
    return std::nullopt;
  }

  /// Inside the arena, or a little below; unaligned at times.
  std::uint64_t address() {
    std::uint64_t page = below(arena_pages + 8);
    if (one_in(3)) page = page / 8 * 8;
    const std::uint64_t at = arena_ - 8 * page_size + page * page_size;
    return one_in(60) ? at + below(page_size) : at;
  }
  std::uint64_t length() {
    if (one_in(80)) return strange();
    const std::uint64_t pages = one_in(6) ? 8 * (1 + below(5)) : 1 + below(12);
    return one_in(20) ? pages * page_size - below(page_size - 1) : pages * page_size;
  }
  /// Nobody has this much; what is added to it wraps.
  std::uint64_t strange() {
    static constexpr std::array<std::uint64_t, 8> all{0,
                                                      ~std::uint64_t{0},
                                                      ~std::uint64_t{0} - 4094,
                                                      std::uint64_t{1} << 63,
                                                      (std::uint64_t{1} << 47) - 4096,
                                                      std::uint64_t{1} << 47,
                                                      (std::uint64_t{1} << 47) - 8192,
                                                      0x7FFF'FFFF'FFFF'F000};
    return all[below(all.size())];
  }
  /// With a fixed address: nothing behind the arena is harmed.
  [[nodiscard]] bool harmless(std::uint64_t at, std::uint64_t bytes) const {
    return at > arena_ + arena_bytes || bytes > arena_bytes * 2 ||
           at + bytes <= arena_ + arena_bytes;
  }
  std::uint64_t protection() {
    static constexpr std::array<std::uint64_t, 10> common{0, 1, 1, 3, 3, 3, 5, 7, 2, 4};
    return common[below(common.size())];
  }

  std::optional<call> draw_mmap() {
    call c{what::mmap, 0, 0, length(), protection(), 0, 0};
    const std::uint64_t place = below(100);
    if (place < 85) c.a = address();
    if (place < 40) c.d |= MAP_FIXED;
    if (place >= 40 && place < 60) c.d |= MAP_FIXED_NOREPLACE;
    const std::uint64_t type = below(100);
    if (type < 50) {
      c.d |= MAP_PRIVATE | MAP_ANONYMOUS;
    } else if (type < 60) {
      c.d |= MAP_SHARED | MAP_ANONYMOUS;
    } else if (type < 78) {
      c.d |= MAP_PRIVATE;
    } else if (type < 95) {
      c.d |= MAP_SHARED;
    } else if (type < 97) {
      c.d |= MAP_SHARED_VALIDATE;
      if (one_in(3)) c.d |= 0x80'0000;
    } else {
      c.d |= below(16);
      if (one_in(2)) c.d |= MAP_ANONYMOUS;
      if ((c.d & 0xF) == 8 && (c.d & MAP_ANONYMOUS) != 0) return exclude("MAP_DROPPABLE");
    }
    if ((c.d & MAP_ANONYMOUS) == 0) {
      c.fd = one_in(100) ? std::uint8_t{0} : static_cast<std::uint8_t>(1 + below(2));
      // Often where it goes on: in the file as far as in the arena.
      c.e = one_in(2) ? (c.a - arena_ + 8 * page_size) % memfd_bytes / page_size * page_size
                      : below(48) * page_size;
      if (one_in(60)) c.e = strange();
    }
    if (one_in(60)) c.e += 1 + below(4095);
    if (one_in(10)) c.d |= MAP_NORESERVE;
    if (one_in(10)) c.d |= MAP_STACK | MAP_DENYWRITE;
    if (one_in(300)) return exclude("mmap: MAP_GROWSDOWN, MAP_LOCKED, MAP_HUGETLB, MAP_32BIT");
    const bool fixed = (c.d & (MAP_FIXED | MAP_FIXED_NOREPLACE)) != 0;
    if (fixed && !harmless(c.a, c.b)) {
      c.a = arena_ + arena_bytes - (c.b + page_size - 1) / page_size * page_size;
    }
    return c;
  }

  std::optional<call> draw_munmap() {
    call c{what::munmap, 0, address(), length(), 0, 0, 0};
    if (!harmless(c.a, c.b)) c.b = page_size;
    if (c.a >= arena_ + arena_bytes) c.a = arena_;
    return c;
  }

  std::optional<call> draw_mprotect() {
    call c{what::mprotect, 0, address(), length(), protection(), 0, 0};
    if (one_in(50)) c.c |= std::uint64_t{1} << (3 + below(20));
    if (one_in(200)) return exclude("mprotect: PROT_GROWSDOWN, PROT_GROWSUP");
    // It would change all of the test program that follows without a hole; only what wraps does not.
    const bool wraps = c.b + page_size < c.b;
    if (!wraps && (c.b > arena_bytes || !harmless(c.a, c.b))) c.b = page_size;
    if (c.a >= arena_ + arena_bytes) c.a = arena_;
    return c;
  }

  std::optional<call> draw_mremap() {
    call c{what::mremap, 0, address(), length(), 0, 0, 0};
    if (one_in(30)) c.b = 0;
    c.c = one_in(3) ? c.b : length();
    if (one_in(2)) c.d |= MREMAP_MAYMOVE;
    if (one_in(2)) {
      c.d |= MREMAP_FIXED;
      if (!one_in(20)) c.d |= MREMAP_MAYMOVE;
      c.e = address();
      if (!harmless(c.e, c.c)) {
        c.e = arena_ + arena_bytes - (c.c + page_size - 1) / page_size * page_size;
      }
    }
    if (one_in(100)) c.d |= std::uint64_t{8} << below(20);
    if (one_in(50)) return exclude("MREMAP_DONTUNMAP");
    // What is taken away by a shrink ends in the arena.
    if (!harmless(c.a, c.b)) c.b = page_size;
    if (c.a >= arena_ + arena_bytes) c.a = arena_;
    return c;
  }

  std::uint64_t draw_brk() {
    if (one_in(10)) return strange();
    return arena_ + heap_at - page_size + below(20 * page_size);
  }

  const std::uint64_t arena_;
  const bool heap_;
  std::mt19937_64 random_;
};

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

class against_linux : public board_test {};

TEST_F(against_linux, TheSameAnswersAndTheSameLayoutAfterEveryCall) {
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
