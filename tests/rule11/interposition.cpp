// SPDX-License-Identifier: Apache-2.0
// Rule 11 by interposition: this program has its own malloc, pthread_mutex_lock, syscall and so on,
// which count what the watched code calls and pass it on to the real ones.
#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <latch>
#include <memory>
#include <mutex>
#include <new>
#include <thread>

#include <gtest/gtest.h>

#include "../reclaim/watchdog.hpp"
#include "cases.hpp"

namespace {

/// What a thread has done while it was watched.
struct counts {
  long allocations = 0;
  long locks = 0;
  long kernel = 0;
};
constinit thread_local counts counted;
constinit thread_local bool watched = false;

void note(long counts::*what) noexcept {
  if (watched) ++(counted.*what);
}

/// Watches the calling thread while it lives.
class watch {
 public:
  watch() noexcept {
    counted = {};
    watched = true;
  }
  ~watch() { watched = false; }
  watch(const watch&) = delete;
  watch& operator=(const watch&) = delete;
};

/// The next definition of a function after ours. Found at its first call.
template <class F>
F* real(std::atomic<F*>& known, const char* name) noexcept {
  F* f = known.load(std::memory_order_relaxed);
  if (f == nullptr) {
    f = reinterpret_cast<F*>(dlsym(RTLD_NEXT, name));
    known.store(f, std::memory_order_relaxed);
  }
  return f;
}

}  // namespace

// dlsym() itself allocates, so these go by the names that glibc keeps for its own use.
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
void __libc_free(void*);

void* malloc(std::size_t n) noexcept {
  note(&counts::allocations);
  return __libc_malloc(n);
}
void* calloc(std::size_t n, std::size_t size) noexcept {
  note(&counts::allocations);
  return __libc_calloc(n, size);
}
void* realloc(void* p, std::size_t n) noexcept {
  note(&counts::allocations);
  return __libc_realloc(p, n);
}
void* memalign(std::size_t align, std::size_t n) noexcept {
  note(&counts::allocations);
  return __libc_memalign(align, n);
}
void* aligned_alloc(std::size_t align, std::size_t n) noexcept {
  note(&counts::allocations);
  return __libc_memalign(align, n);
}
int posix_memalign(void** result, std::size_t align, std::size_t n) noexcept {
  note(&counts::allocations);
  *result = __libc_memalign(align, n);
  return *result == nullptr ? ENOMEM : 0;
}
void free(void* p) noexcept {
  note(&counts::allocations);
  __libc_free(p);
}
}

#define PASS_ON(kind, result, name, parameters, arguments)                                         \
  extern "C" result name parameters noexcept {                                                     \
    static constinit std::atomic<result(*) parameters> known{nullptr};                             \
    using function = result parameters;                                                            \
    note(&counts::kind);                                                                           \
    return real<function>(known, #name) arguments;                                                 \
  }

PASS_ON(locks, int, pthread_mutex_lock, (pthread_mutex_t * m), (m))
PASS_ON(locks, int, pthread_mutex_trylock, (pthread_mutex_t * m), (m))
PASS_ON(locks, int, pthread_mutex_unlock, (pthread_mutex_t * m), (m))
PASS_ON(locks, int, pthread_rwlock_rdlock, (pthread_rwlock_t * l), (l))
PASS_ON(locks, int, pthread_rwlock_wrlock, (pthread_rwlock_t * l), (l))
PASS_ON(locks, int, pthread_rwlock_unlock, (pthread_rwlock_t * l), (l))
PASS_ON(locks, int, pthread_spin_lock, (pthread_spinlock_t * l), (l))
PASS_ON(locks, int, sem_post, (sem_t * s), (s))
PASS_ON(kernel, int, sched_yield, (), ())
PASS_ON(kernel, pid_t, getpid, (), ())
PASS_ON(kernel, void*, mmap, (void* p, std::size_t n, int a, int f, int d, off_t o),
        (p, n, a, f, d, o))
PASS_ON(kernel, int, munmap, (void* p, std::size_t n), (p, n))
PASS_ON(kernel, int, madvise, (void* p, std::size_t n, int a), (p, n, a))

extern "C" int sem_wait(sem_t* s) {
  static constinit std::atomic<int (*)(sem_t*)> known{nullptr};
  note(&counts::locks);
  return real<int(sem_t*)>(known, "sem_wait")(s);
}
extern "C" ssize_t write(int fd, const void* data, std::size_t n) {
  static constinit std::atomic<ssize_t (*)(int, const void*, std::size_t)> known{nullptr};
  note(&counts::kernel);
  return real<ssize_t(int, const void*, std::size_t)>(known, "write")(fd, data, n);
}
extern "C" long syscall(long number, ...) noexcept {
  static constinit std::atomic<long (*)(long, ...)> known{nullptr};
  note(&counts::kernel);
  va_list list;
  va_start(list, number);
  long a[6];
  for (long& each : a)
    each = va_arg(list, long);  // as the real one: it takes six, whatever there are
  va_end(list);
  return real<long(long, ...)>(known, "syscall")(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

namespace {

using namespace rule11;

#define EXPECT_NOTHING()                                                                           \
  do {                                                                                             \
    EXPECT_EQ(counted.allocations, 0);                                                             \
    EXPECT_EQ(counted.locks, 0);                                                                   \
    EXPECT_EQ(counted.kernel, 0);                                                                  \
  } while (false)

// ---- the controls: what is to be seen is seen ----------------------------------------------------

TEST(interposition_control, sees_allocations) {
  void* volatile kept = nullptr;  // or the compiler takes the pairs away
  const auto seen = [&kept](auto allocate, auto release) {
    {
      const watch w;
      kept = allocate();
      release(kept);
    }
    return counted.allocations;
  };
  EXPECT_EQ(seen([] { return std::malloc(10); }, [](void* p) { std::free(p); }), 2);
  EXPECT_EQ(seen([] { return std::calloc(2, 5); }, [](void* p) { std::free(p); }), 2);
  EXPECT_EQ(seen([] { return std::aligned_alloc(64, 64); }, [](void* p) { std::free(p); }), 2);
  EXPECT_EQ(seen([] { return ::operator new(10); }, [](void* p) { ::operator delete(p); }), 2);
  constexpr std::align_val_t much{4096};
  EXPECT_EQ(seen([] { return ::operator new(10, much, std::nothrow); },
                 [](void* p) { ::operator delete(p, much); }),
            2);
}

TEST(interposition_control, sees_locks) {
  std::mutex mutex;
  sem_t semaphore;
  sem_init(&semaphore, 0, 1);
  {
    const watch w;
    mutex.lock();
    mutex.unlock();
    sem_wait(&semaphore);
    sem_post(&semaphore);
  }
  EXPECT_EQ(counted.locks, 4);
  sem_destroy(&semaphore);
}

TEST(interposition_control, sees_the_kernel) {
  {
    const watch w;
    syscall(SYS_getppid);
    static_cast<void>(getpid());
    sched_yield();
    static_cast<void>(!write(STDERR_FILENO, "", 0));
  }
  EXPECT_EQ(counted.kernel, 4);
}

TEST(interposition_control, sees_what_the_library_does_where_it_may) {
  using T = packed<trefoil::threads>;
  std::vector<trefoil::ref<T, outer>> many(100'000);
  {
    const watch w;
    for (auto& r : many) r = trefoil::make<T>();  // slabs
  }
  EXPECT_GT(counted.allocations + counted.kernel, 0);
  {
    const context::scope here(context::any);
    for (auto& r : many) r.drop();
  }
  {
    const watch w;
    static_cast<void>(trefoil::trim<T>());
  }
  EXPECT_GT(counted.allocations + counted.kernel, 0);
}

// ---- drops at any --------------------------------------------------------------------------------

TEST(interposition, in_ordinary_code) {
  auto all = std::make_unique<repertoire<trefoil::threads>>();
  const int before = inner::gone;
  {
    const watch w;
    all->use_at_any();
  }
  EXPECT_NOTHING();
  EXPECT_EQ(inner::gone, before + 3 * 200 + 1);  // it did do something
}

TEST(interposition, in_a_thread_that_never_registered) {
  auto all = std::make_unique<repertoire<trefoil::threads>>();
  std::thread([&all] {
    {
      const watch w;
      all->use_at_any();
    }
    EXPECT_NOTHING();
  }).join();
}

TEST(interposition, in_a_signal_handler) {
  static std::unique_ptr<repertoire<trefoil::threads>> all;
  all = std::make_unique<repertoire<trefoil::threads>>();
  struct sigaction action {};
  struct sigaction before {};
  action.sa_handler = [](int) {
    const watch w;
    all->use_at_any();
  };
  ASSERT_EQ(sigaction(SIGUSR1, &action, &before), 0);
  counted = {1, 1, 1};  // so that the handler has to have been there
  raise(SIGUSR1);
  sigaction(SIGUSR1, &before, nullptr);
  EXPECT_NOTHING();
}

TEST(interposition, in_a_handler_that_landed_in_the_pool) {
  static std::unique_ptr<repertoire<hooked>> all;
  all = std::make_unique<repertoire<hooked>>();
  const auto land = [](auto operation) {
    static bool landed;
    landed = false;
    hooked::inside_pool = [] {
      landed = true;
      const watch w;
      all->use_at_any();
    };
    counted = {1, 1, 1};
    operation();
    EXPECT_TRUE(landed);
    EXPECT_NOTHING();
    all = std::make_unique<repertoire<hooked>>();
  };
  land([] { auto r = trefoil::make<packed<hooked>>(); });  // in the middle of an allocation
  auto r = trefoil::make<packed<hooked>>();
  land([&r] { r.drop(); });  // of a release
  land([] { static_cast<void>(trefoil::trim<packed<hooked>>()); });
  all.reset();
}

/// Made before the thread's first use of the library, so it ends after the library's thread-locals.
struct last_of_all {
  std::unique_ptr<repertoire<trefoil::threads>> all;
  counts* seen = nullptr;
  ~last_of_all() {
    if (!all) return;
    {
      const watch w;
      all->use_at_any();
    }
    *seen = counted;
  }
};

TEST(interposition, past_the_threads_thread_locals) {
  counts seen{1, 1, 1};
  std::thread([&seen] {
    thread_local last_of_all last;
    last.seen = &seen;
    last.all = std::make_unique<repertoire<trefoil::threads>>();
  }).join();
  EXPECT_EQ(seen.allocations, 0);
  EXPECT_EQ(seen.locks, 0);
  EXPECT_EQ(seen.kernel, 0);
}

// ---- drops that have to be deferred --------------------------------------------------------------

/// Shows whether the worker sleeps, and lets it be held in a teardown.
struct shows_sleep : trefoil::threads {
  static context::state<shows_sleep>& state() noexcept {
    static constinit thread_local context::state<shows_sleep> here;
    return here;
  }
  static void wait(std::atomic<std::uint32_t>& word, std::uint32_t expected) noexcept {
    if (is_test) return threads::wait(word, expected);
    asleep = true;
    asleep.notify_all();
    threads::wait(word, expected);
    asleep = false;
  }
  static inline std::atomic<bool> asleep{false};
  static inline constinit thread_local bool is_test = false;
};

struct heavy {
  static constexpr auto teardown = context::process;
  heavy() noexcept = default;
  heavy(std::latch& b, std::latch& g) noexcept : began(&b), go(&g) {}
  heavy(const heavy&) = delete;
  heavy& operator=(const heavy&) = delete;
  ~heavy() {
    if (began == nullptr) return;
    began->count_down();
    go->wait();
  }
  std::latch* began = nullptr;
  std::latch* go = nullptr;
};
using deferring = trefoil::basic_staged<traits<shows_sleep, trefoil::default_counts>, heavy>;

TEST(interposition, a_deferred_drop_makes_one_call_if_the_worker_sleeps_else_none) {
  using worker = trefoil::basic_worker<shows_sleep>;
  shows_sleep::is_test = true;
  for (int round = 0; round < 100; ++round) {
    std::latch began{1};
    std::latch go{1};
    std::array<trefoil::ref<deferring>, 100> many;
    for (auto& r : many) r = trefoil::make<deferring>();
    auto first = trefoil::make<deferring>(began, go);
    shows_sleep::asleep.wait(false);
    {
      const watch w;
      const context::basic_scope<shows_sleep> here(context::any);
      first.drop();
    }
    EXPECT_EQ(counted.allocations, 0);
    EXPECT_EQ(counted.locks, 0);
    EXPECT_EQ(counted.kernel, 1);  // the wake-up
    began.wait();
    {
      const watch w;
      const context::basic_scope<shows_sleep> here(context::any);
      for (auto& r : many) r.drop();
    }
    EXPECT_NOTHING();  // it is awake
    go.count_down();
    ASSERT_TRUE(worker::flush());
  }
}

struct loop_tag;
struct loop_traits : trefoil::default_traits {
  using reclaimer = trefoil::polled<loop_tag>;
};

TEST(interposition, a_drop_for_a_loop_makes_none) {
  using T = trefoil::basic_staged<loop_traits, heavy>;
  std::array<trefoil::ref<T>, 100> many;
  for (auto& r : many) r = trefoil::make<T>();
  {
    const watch w;
    const context::scope here(context::any);
    for (auto& r : many) r.drop();
  }
  EXPECT_NOTHING();
  EXPECT_EQ(trefoil::polled<loop_tag>::poll(), 100U);
}

}  // namespace
