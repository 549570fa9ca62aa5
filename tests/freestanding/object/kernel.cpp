// SPDX-License-Identifier: Apache-2.0
// The mechanism without an operating system and without a hosted standard library: one CPU, memory
// from a static arena, teardowns that a loop polls for, misuses that are counted.
#include "kernel.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "trefoil/trefoil.hpp"

namespace {

namespace context = trefoil::context;
using context::any;
using context::atomic;
using context::process;

#define CHECK(condition)                                                                           \
  do {                                                                                             \
    if (!(condition)) return __LINE__;                                                             \
  } while (false)

// ---- the platform --------------------------------------------------------------------------------

/// Pages of one size, aligned to it: what pools ask for.
class arena {
 public:
  static constexpr std::size_t page = 16384;
  static constexpr std::size_t pages = 32;

  static void* allocate(std::size_t bytes, std::size_t align) noexcept {
    if (bytes > page || align > page) return nullptr;
    for (std::size_t i = 0; i < pages; ++i) {
      if (!used_[i]) {
        used_[i] = true;
        ++in_use;
        return memory_ + i * page;
      }
    }
    return nullptr;
  }
  static void deallocate(void* p) noexcept {
    used_[static_cast<std::size_t>(static_cast<std::byte*>(p) - memory_) / page] = false;
    --in_use;
  }
  static inline std::size_t in_use = 0;

 private:
  alignas(page) static inline std::byte memory_[pages * page];
  static inline bool used_[pages];
};

/// One CPU. Each Tag is a kernel of its own, so that the scenarios do not meet.
template <class Tag>
struct kernel {
  template <class T>
  using atomic = std::atomic<T>;
  template <class T>
  using cell = trefoil::plain_cell<T>;

  static context::state<kernel>& state() noexcept { return state_; }
  static void report(trefoil::misuse kind, const void*) noexcept {
    ++reports[static_cast<std::size_t>(kind)];
  }
  static unsigned reported(trefoil::misuse kind) noexcept {
    return reports[static_cast<std::size_t>(kind)];
  }
  static void* allocate(std::size_t bytes, std::size_t align) noexcept {
    return arena::allocate(bytes, align);
  }
  static void deallocate(void* p, std::size_t, std::size_t) noexcept { arena::deallocate(p); }
  static void relax() noexcept {}

 private:
  static inline constinit context::state<kernel> state_{};
  static inline unsigned reports[trefoil::misuse_kinds] = {};
};

/// The same with a list of free blocks per CPU.
template <class Tag>
struct kernel_with_lists : kernel<Tag> {
  static context::state<kernel_with_lists>& state() noexcept { return state_; }
  template <class T>
  static T& local() noexcept {
    return local_<T>;
  }
  static bool at_thread_exit(trefoil::thread_exit_hook&) noexcept { return true; }  // never ends

 private:
  static inline constinit context::state<kernel_with_lists> state_{};
  template <class T>
  static inline constinit T local_{};
};

template <class P>
using scope = context::basic_scope<P>;

template <class P, class Reclaimer, class Counts = trefoil::default_counts>
struct traits {
  using platform = P;
  using counts = Counts;
  using reclaimer = Reclaimer;
  using storage = trefoil::pooled;
};

/// Adds its stage to a number, digit by digit, when it goes: 123 is an orderly end.
template <int Stage, context::level Level>
struct noted {
  static constexpr auto teardown = Level;
  explicit noted(int& w) noexcept : where(&w) {}
  noted(const noted&) = delete;
  noted& operator=(const noted&) = delete;
  ~noted() { *where = *where * 10 + Stage; }
  int* where;
};
using mappings = noted<1, process>;
struct directory : noted<2, atomic> {
  static constexpr auto placement = trefoil::placement::outside;
  using noted::noted;
};
using identity = noted<3, any>;

template <class T>
trefoil::ref<T, mappings> make_mm(int& gone) {
  return trefoil::try_make<T>(gone, trefoil::with<mappings>(gone), trefoil::with<directory>(gone));
}

// ---- scenarios -----------------------------------------------------------------------------------

template <class P>
int polled_on() {
  using polled = trefoil::basic_polled<P, P>;
  using mm = trefoil::basic_staged<traits<P, polled>, mappings, directory, identity>;
  int gone = 0;
  auto user = make_mm<mm>(gone);
  CHECK(user);
  user.drop();
  CHECK(gone == 123);

  gone = 0;
  user = make_mm<mm>(gone);
  auto lazy = user.template share<directory>();
  auto bare = user.template share<identity>();
  {
    const scope<P> interrupt(any);
    user.drop();
    CHECK(polled::counters().pending == 1);
    CHECK(!bare.template promote<mappings>());
    CHECK(bare.template promote<directory>());
  }
  CHECK(gone == 0);
  {
    const scope<P> here(atomic);
    static_cast<void>(polled::poll());
    CHECK(gone == 0);
  }
  CHECK(polled::poll() == 1);
  CHECK(gone == 1);
  {
    const scope<P> interrupt(any);
    lazy.drop();
  }
  CHECK(gone == 1);
  {
    const scope<P> here(atomic);
    CHECK(polled::poll() == 1);
  }
  CHECK(gone == 12);
  {
    const scope<P> interrupt(any);
    bare.drop();
  }
  CHECK(gone == 123);
  CHECK(polled::counters().pending == 0);
  CHECK(polled::counters().wakeups == 0);
  return 0;
}

struct polled_plain;
struct polled_lists;

struct inline_tag;

int inline_only() {
  using P = kernel<inline_tag>;
  using T = trefoil::basic_staged<traits<P, trefoil::inline_only>, directory, identity>;
  static_assert(trefoil::droppable_in<trefoil::ref<T, identity>, any>);
  static_assert(!trefoil::droppable_in<trefoil::ref<T, directory>, any>);
  int gone = 0;
  auto r = trefoil::try_make<T>(gone, trefoil::with<directory>(gone));
  CHECK(r);
  r.drop(context::in_atomic);
  CHECK(gone == 23);
  gone = 0;
  r = trefoil::try_make<T>(gone, trefoil::with<directory>(gone));
  {
    const scope<P> interrupt(any);
    r.drop();
  }
  CHECK(gone == 0);
  CHECK(P::reported(trefoil::misuse::forbidden_level) == 1);
  return 0;
}

struct executor_tag;
struct executor_of_one {
  using work = trefoil::deferred_work<kernel<executor_tag>, executor_of_one>;
  static void post(work w) noexcept { waiting = std::move(w).detach(); }
  static inline void* waiting = nullptr;
};

int executor() {
  using P = kernel<executor_tag>;
  using reclaimer = trefoil::basic_executor<P, executor_of_one>;
  using mm = trefoil::basic_staged<traits<P, reclaimer>, mappings, directory, identity>;
  int gone = 0;
  auto r = make_mm<mm>(gone);
  {
    const scope<P> interrupt(any);
    r.drop();
  }
  CHECK(gone == 0);
  CHECK(executor_of_one::waiting != nullptr);
  executor_of_one::work::adopt(executor_of_one::waiting)();
  CHECK(gone == 123);
  CHECK(reclaimer::counters().pending == 0);
  return 0;
}

struct references_tag;

int references() {
  using P = kernel<references_tag>;
  using polled = trefoil::basic_polled<P, references_tag>;
  using mm =
      trefoil::basic_staged<traits<P, polled, trefoil::wide_counts>, mappings, directory, identity>;
  int gone = 0;
  auto user = make_mm<mm>(gone);
  auto copy = user;
  CHECK(user == copy);
  CHECK(user.use_count() == 2);
  trefoil::aliasing_ref<int*, mm, mappings> part(copy, copy->where);
  CHECK(*part == &gone);
  trefoil::slot<trefoil::ref<mm, mappings>> slot(std::move(copy));
  CHECK(slot.template load<identity>() == user);
  CHECK(slot.exchange({}) == user);
  auto inner = trefoil::ref_from_tier<mm>(user.template at<directory>());
  CHECK(inner);
  auto bare = std::move(user).template demote<identity>();
  CHECK(!user);
  inner.drop();
  CHECK(gone == 0);  // the alias keeps all of it
  trefoil::basic_deferred_list<P> later;
  auto last = std::move(part).owner();
  last.drop_into(later);
  CHECK(later.size() == 1);
  CHECK(gone == 0);
  later.run();
  CHECK(gone == 12);
  const trefoil::ref<const mm> view = std::move(bare);
  CHECK(view.use_count() == 1);
  CHECK(view->where == &gone);
  return 0;
}

struct findable_tag;
struct findable_traits : traits<kernel<findable_tag>, trefoil::inline_only> {
  static constexpr bool findable = true;
  using key = int;
};

int findable() {
  using T = trefoil::basic_staged<findable_traits, identity>;
  int gone = 0;
  auto r = trefoil::try_make<T>(7, gone);
  T* const at = r.address();
  CHECK((trefoil::try_acquire<identity>(at, 7)));
  CHECK(!(trefoil::try_acquire<identity>(at, 8)));
  r.drop();
  CHECK(gone == 3);
  CHECK(!(trefoil::try_acquire<identity>(at, 7)));
  r = trefoil::try_make<T>(8, gone);
  CHECK(r.address() == at);  // the slot is used again
  CHECK(!(trefoil::try_acquire<identity>(at, 7)));
  return 0;
}

struct static_tag;

int static_object() {
  using P = kernel<static_tag>;
  using T = trefoil::basic_staged<traits<P, trefoil::inline_only>, identity>;
  static int gone = 0;
  static trefoil::static_object<T> init(gone);
  auto r = init.get();
  CHECK(r.use_count() == 2);
  r.drop();
  void* const stolen = init.get().detach();
  trefoil::ref<T>::adopt(stolen).drop();
  CHECK(gone == 0);
  CHECK(P::reported(trefoil::misuse::static_last_drop) == 0);
  trefoil::ref<T>::adopt(stolen).drop();  // one too many
  CHECK(gone == 0);
  CHECK(P::reported(trefoil::misuse::static_last_drop) == 1);
  CHECK(init.get());
  return 0;
}

struct memory_tag;

template <class P>
int memory_on() {
  using T = trefoil::basic_staged<traits<P, trefoil::inline_only>, identity>;
  using chunk = trefoil::pool<P, 1024, 16>;
  int gone = 0;
  {
    const scope<P> here(atomic);
    CHECK(!trefoil::try_make<T>(gone));  // nothing at hand
  }
  trefoil::try_make<T>(gone).drop();
  {
    const scope<P> here(atomic);
    CHECK(trefoil::try_make<T>(gone));
    const scope<P> lower(any);
    CHECK(!trefoil::try_make<T>(gone));
  }
  const std::size_t pages = arena::in_use;
  CHECK((trefoil::trim<T>() == trefoil::pooled::source<P, sizeof(T), alignof(T)>::slab_bytes));
  CHECK(arena::in_use == pages - 1);
  // To the last page, and back.
  void* blocks[arena::pages * arena::page / 1024];
  std::size_t n = 0;
  while (void* const b = chunk::allocate(process)) blocks[n++] = b;
  CHECK(arena::in_use == arena::pages);
  CHECK(!trefoil::try_make<T>(gone));
  for (std::size_t i = 0; i < n; ++i) chunk::release(blocks[i], i % 2 == 0 ? process : any);
  CHECK(chunk::trim() > 0);
  CHECK(arena::in_use == pages - 1);
  return 0;
}

struct chain_tag;
struct link;
using chain =
    trefoil::basic_staged<traits<kernel<chain_tag>, trefoil::inline_only, trefoil::packed_counts<>>,
                          link>;
struct link {
  static constexpr auto teardown = any;
  link(trefoil::ref<chain>&& n, int& g) noexcept;
  link(const link&) = delete;
  link& operator=(const link&) = delete;
  ~link();
  trefoil::ref<chain> next;
  int* gone;
};
link::link(trefoil::ref<chain>&& n, int& g) noexcept : next(std::move(n)), gone(&g) {}
link::~link() { ++*gone; }

int chain_of_many() {
  constexpr int many = 1000;
  int gone = 0;
  trefoil::ref<chain> first;
  for (int i = 0; i < many; ++i) {
    first = trefoil::try_make<chain>(std::move(first), gone);
    CHECK(first);
  }
  first.drop();
  CHECK(gone == many);
  CHECK(trefoil::trim<chain>() > 0);
  return 0;
}

struct misuse_tag;

int misuse() {
  using P = kernel<misuse_tag>;
  using T = trefoil::basic_staged<traits<P, trefoil::inline_only>, identity>;
  int gone = 0;
  {
    const scope<P> here(any);
    const scope<P> more(process);
    CHECK(P::state().here() == any);
  }
  CHECK(P::reported(trefoil::misuse::level_exceeded) == 1);
  auto r = trefoil::try_make<T>(gone);
  trefoil::ref<T>::adopt(trefoil::ref<T>(r).detach()).drop();  // through C and back
  CHECK(gone == 0);
  CHECK(r.use_count() == 1);
  CHECK(trefoil::describe(trefoil::misuse::sub_underflow)[0] != 0);
  return 0;
}

}  // namespace

int kernel_polled() {
  if (const int line = polled_on<kernel<polled_plain>>()) return line;
  return polled_on<kernel_with_lists<polled_lists>>();
}
int kernel_inline_only() { return inline_only(); }
int kernel_executor() { return executor(); }
int kernel_references() { return references(); }
int kernel_findable() { return findable(); }
int kernel_static_object() { return static_object(); }
int kernel_memory() {
  if (const int line = memory_on<kernel<memory_tag>>()) return line;
  return memory_on<kernel_with_lists<memory_tag>>();
}
int kernel_chain() { return chain_of_many(); }
int kernel_misuse() { return misuse(); }
