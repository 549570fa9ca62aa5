// SPDX-License-Identifier: Apache-2.0
/// @file
/// An address space in outline: what a task, an idle CPU and a tracer each keep of it, and what is
/// left for each when the task exits.
///
///     holder                keeps            in Linux                  lets go in
///     task                  mappings         mmget / mmput             process context
///     CPU, lazily           page_directory   mmgrab_lazy_tlb / mmdrop  the scheduler's tail
///     tracer, exited task   identity         mmgrab / mmdrop           an RCU callback
///
/// Linux has one count for the last two. So its tracer pins page tables that it never looks at, and
/// whoever drops a tracer's reference in an RCU callback might have to free a page directory there.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include <trefoil/trefoil.hpp>

namespace context = trefoil::context;
using trefoil::ref;
using trefoil::worker;

namespace {

bool all_well = true;
void check(bool holds, const char* what) {
  std::printf("  %-9s %s\n", holds ? "yes:" : "NO, WRONG:", what);
  all_well = all_well && holds;
}

std::atomic<int> live_mappings{0};
std::atomic<int> live_identities{0};

// ---- pgd_lock --------------------------------------------------------------------------------------

class spin_lock {
 public:
  void lock() noexcept {
    while (held_.test_and_set(std::memory_order_acquire)) std::this_thread::yield();
  }
  void unlock() noexcept { held_.clear(std::memory_order_release); }

 private:
  std::atomic_flag held_;
};

struct page_directory;

/// All page directories, so that a change to the kernel's half can be copied into each.
spin_lock pgd_lock;
std::vector<page_directory*> pgd_list;

/// Holds pgd_lock. The end of a page directory takes it, too; so under it that end must not come
/// inline, or it would wait for itself. Level `any` is below what a page directory asks for. Nobody
/// who takes the lock through this guard has to think of that.
class pgd_guard {
  context::scope below_{
      context::any};  // opened before the lock is taken, closed after it is given up
  std::lock_guard<spin_lock> lock_{pgd_lock};
};

// ---- the three tiers, innermost first ----------------------------------------------------------------

/// Who this is. Plain memory: its end is legal anywhere.
struct identity {
  static constexpr auto teardown = context::any;
  explicit identity(int ns) noexcept : user_ns(ns) { ++live_identities; }
  identity(const identity&) = delete;
  identity& operator=(const identity&) = delete;
  ~identity() { --live_identities; }

  const int user_ns;
  std::atomic<bool> dumpable{true};
};

/// What the hardware walks. Its end takes a spin lock.
struct page_directory {
  static constexpr auto teardown = context::atomic;
  page_directory() {
    const pgd_guard guard;
    pgd_list.push_back(this);
  }
  page_directory(const page_directory&) = delete;
  page_directory& operator=(const page_directory&) = delete;
  ~page_directory() {
    const pgd_guard guard;
    pgd_list.erase(std::find(pgd_list.begin(), pgd_list.end(), this));
  }

  long kernel_half = 0;     // guarded by pgd_lock
  std::size_t entries = 0;  // of the user's half
};

/// What the program sees. Its end may wait. It is handed the tiers inside it, and may use them until
/// its last line: they cannot die before it.
struct mappings {
  static constexpr auto teardown = context::process;
  explicit mappings(page_directory& directory) : pgd(directory) { ++live_mappings; }
  mappings(const mappings&) = delete;
  mappings& operator=(const mappings&) = delete;
  ~mappings() {
    for (const auto& [start, pages] : areas) pgd.entries -= pages;
    --live_mappings;
  }

  void map(unsigned long start, std::size_t pages) {
    areas.emplace(start, pages);
    pgd.entries += pages;
  }

  page_directory& pgd;
  std::map<unsigned long, std::size_t> areas;
};

using address_space = trefoil::staged<mappings, page_directory, identity>;

// ---- the holders ---------------------------------------------------------------------------------------

/// Slots are what other threads look at while the task changes them.
struct task {
  explicit task(int user_ns) : mm(trefoil::make<address_space>(user_ns)) {}

  trefoil::slot<ref<address_space, mappings>> mm;  // until it exits
  trefoil::slot<ref<address_space>> exit_mm;       // from then on, until nobody can ask any more
};

/// A CPU that runs a kernel thread goes on with the page tables of whoever ran before.
struct cpu {
  ref<address_space, page_directory> active;
};

/// The task gives its mappings up. For a moment it has both references, and at no moment neither: a
/// tracer that finds no mm then finds exit_mm.
void exit_mm(task& t, cpu& here) {
  t.exit_mm.store(t.mm.load<identity>());
  ref<address_space, mappings> user = t.mm.exchange({});
  here.active =
      std::move(user).demote<page_directory>();  // the mappings go, if nobody else is there
}

enum class verdict { granted, denied, unknown };

/// May somebody in `user_ns` trace the task? Looks at the two in the order opposite to exit_mm().
verdict ptrace_may_access(const task& t, int user_ns) {
  ref<address_space> who = t.mm.load<identity>();
  if (!who) who = t.exit_mm.load();
  if (!who) return verdict::unknown;  // a kernel thread. For others, the bug of CVE-2026-46333
  return who->user_ns == user_ns && who->dumpable ? verdict::granted : verdict::denied;
}

/// Copies a new entry of the kernel's half into every page directory.
void sync_global_pgds(long entry) {
  const pgd_guard guard;
  for (page_directory* const pgd : pgd_list) pgd->kernel_half = entry;
}

// ---- what happens ----------------------------------------------------------------------------------------

void a_task_exits() {
  std::puts("A task exits; a CPU is lazy, a tracer curious");
  cpu here;
  task t(/*user_ns=*/7);
  if (const auto user = t.mm.load()) {
    user->map(0x1000, 3);
    user->map(0x8000, 5);
    check(user.at<page_directory>().entries == 8, "a user sees the page directory, too");
  }
  ref<address_space> tracer = t.mm.load<identity>();
  if (const auto user = tracer.promote<mappings>()) {
    check(user->areas.size() == 2,
          "while the task lives, the tracer can have its mappings (mmget_not_zero)");
  }

  exit_mm(t, here);
  check(live_mappings == 0, "the mappings went with the task");
  check(here.active->entries == 0,
        "they cleaned up in the page directory, which the lazy CPU keeps");
  check(!tracer.promote<mappings>(), "nobody gets the mappings back: mmget_not_zero fails");
  check(ptrace_may_access(t, 7) == verdict::granted, "who might trace it still may");
  check(ptrace_may_access(t, 8) == verdict::denied, "who might not still may not");

  {
    const context::scope scheduler_tail{context::atomic};
    here.active.drop();
    check(pgd_list.empty(), "the CPU switched: the page directory is gone, inline, under its lock");
  }
  check(tracer->user_ns == 7, "the tracer keeps no more than it looks at");

  {
    const context::scope rcu_callback{context::any};
    tracer.drop();
  }
  t.exit_mm.clear();  // the task is reaped
  check(live_identities == 0, "the identity went with its last holder");
  check(worker::counters().run == 0, "and all that without the worker");
}

void a_drop_under_the_lock() {
  std::puts("A page directory's last reference goes while its lock is held");
  cpu here;
  task t(7);
  exit_mm(t, here);
  {
    const pgd_guard guard;
    here.active.drop();  // would deadlock, were it torn down here
    check(pgd_list.size() == 1, "it waits");
  }
  worker::flush();
  check(pgd_list.empty(), "the worker did it, when the lock was free");
  check(worker::counters().run == 1, "that was the only deferral");
}

void tasks_exit_while_others_look() {
  std::puts("A hundred tasks exit while a tracer asks and the kernel's half changes");
  std::atomic<task*> current{nullptr};
  std::atomic<bool> over{false};
  int unknown = 0;
  std::thread tracer([&] {
    while (!over.load(std::memory_order_acquire)) {
      if (const task* const t = current.load(std::memory_order_acquire)) {
        if (ptrace_may_access(*t, 7) == verdict::unknown) ++unknown;
      }
      sync_global_pgds(1);
    }
  });
  std::vector<std::unique_ptr<task>> tasks;
  cpu here;
  for (int i = 0; i < 100; ++i) {
    tasks.push_back(std::make_unique<task>(7));
    current.store(tasks.back().get(), std::memory_order_release);
    std::this_thread::yield();
    exit_mm(*tasks.back(), here);
    std::this_thread::yield();
  }
  over.store(true, std::memory_order_release);
  tracer.join();
  here.active.drop();
  check(unknown == 0, "the tracer always found somebody to ask");
  check(live_mappings == 0 && pgd_list.empty(), "mappings and page directories are gone");
  check(live_identities == 100, "a hundred small identities wait to be reaped");
  tasks.clear();
  check(live_identities == 0, "and then are gone, too");
}

}  // namespace

int main() {
  a_task_exits();
  a_drop_under_the_lock();
  tasks_exit_while_others_look();
  worker::shutdown();
  return all_well ? 0 : 1;
}
