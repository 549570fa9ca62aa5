// SPDX-License-Identifier: Apache-2.0
/// @file
/// Three stages dying, step by step: which one goes when, where its teardown runs, and who runs it.
///
/// The object is an address space as Linux has it. Its three stages end at three levels:
///
///     mappings         process   unmapping waits for locks and for the disk
///     page_directory   atomic    takes pgd_lock, a spin lock that no interrupt handler ever takes
///     identity         any       gives memory back and nothing else
///
/// A drop never says which variant it wants. It tears down inline what the level of its caller allows
/// and leaves the rest, and only that, to the worker.
#include <cstdio>
#include <thread>
#include <vector>

#include <trefoil/trefoil.hpp>

namespace context = trefoil::context;
using trefoil::ref;
using trefoil::worker;

namespace {

/// What happened, for checking at the end of each scene. Teardowns on the worker write to it, too:
/// while one may be under way, main() keeps away from it and calls worker::flush() first.
struct event {
  const char* stage;
  bool deferred;
  context::level at;
  friend bool operator==(const event&, const event&) = default;
};
std::vector<event> history;
thread_local int torn_down_here = 0;

const char* name(context::level l) {
  switch (l) {
    case context::any: return "any";
    case context::atomic: return "atomic";
    case context::process: return "process";
  }
  return "?";
}

const std::thread::id main_thread = std::this_thread::get_id();

void note(const char* stage) {
  const bool deferred = std::this_thread::get_id() != main_thread;
  history.push_back({stage, deferred, context::current()});
  ++torn_down_here;
  std::printf("      %-15s torn down at level %-8s %s\n", stage, name(context::current()),
              deferred ? "by the worker" : "inline");
}

// ---- the object ----------------------------------------------------------------------------------

struct identity {
  static constexpr auto teardown = context::any;
  int user_namespace = 1000;
  ~identity() { note("identity"); }
};
struct page_directory {
  static constexpr auto teardown = context::atomic;
  ~page_directory() { note("page_directory"); }
};
struct mappings {
  static constexpr auto teardown = context::process;
  ~mappings() { note("mappings"); }
};
using mm = trefoil::staged<mappings, page_directory, identity>;

// What the types alone tell: an identity may be dropped anywhere and never defers; the others not so.
static_assert(trefoil::droppable_in<ref<mm, identity>, context::any>);
static_assert(trefoil::droppable_in<ref<mm, page_directory>, context::atomic>);
static_assert(!trefoil::droppable_in<ref<mm, page_directory>, context::any>);

// ---- the stage manager ---------------------------------------------------------------------------

bool all_well = true;

void scene(const char* title) { std::printf("\n%s\n", title); }
void step(const char* what) { std::printf("  %s\n", what); }

void check(bool as_expected, const char* what) {
  if (as_expected) return;
  all_well = false;
  std::printf("  WRONG: %s\n", what);
}

void expect(const std::vector<event>& expected) {
  check(history == expected, "not the teardowns that this scene should show");
  history.clear();
}

void show_counters() {
  const trefoil::reclaimer_counters c = worker::counters();
  std::printf("      worker: %llu pending, at most %llu at once, %llu run, woken %llu times\n",
              static_cast<unsigned long long>(c.pending), static_cast<unsigned long long>(c.peak),
              static_cast<unsigned long long>(c.run), static_cast<unsigned long long>(c.wakeups));
}

// ---- the scenes ----------------------------------------------------------------------------------

void everywhere_allowed() {
  scene("1. Every holder lets go where its stage may die: nothing is deferred");
  step("a task makes an address space; a CPU keeps its page directory, a tracer its identity");
  ref<mm, mappings> task = trefoil::make<mm>();
  ref<mm, page_directory> cpu = task.share<page_directory>();
  ref<mm, identity> tracer = task.share<identity>();
  show_counters();

  step("the task exits, in process context:");
  task.drop();
  check(!tracer.promote<mappings>(), "the mappings are gone: nobody can have them again");
  check(static_cast<bool>(tracer.promote<page_directory>()), "the CPU keeps the page directory");

  step("the CPU switches away, in the scheduler's tail (preemption off):");
  {
    const context::scope tail{context::atomic};
    cpu.drop();
  }
  check(tracer->user_namespace == 1000, "the tracer keeps the identity");

  step("the tracer lets go, in an interrupt:");
  {
    const context::scope interrupt{context::any};
    tracer.drop();
  }
  show_counters();
  check(worker::counters().run == 0, "nothing has been deferred");
  expect({{"mappings", false, context::process},
          {"page_directory", false, context::atomic},
          {"identity", false, context::any}});
}

void only_what_must_be() {
  scene("2. A stage that must not die here waits, and no other stage does");
  ref<mm, mappings> task = trefoil::make<mm>();
  ref<mm, page_directory> cpu = task.share<page_directory>();
  ref<mm, identity> tracer = task.share<identity>();
  task.drop();

  step("the CPU's reference, the last to the page directory, goes in an interrupt:");
  {
    const context::scope interrupt{context::any};
    const int before = torn_down_here;
    cpu.drop();
    check(torn_down_here == before, "pgd_lock must not be taken in an interrupt");
  }
  worker::flush();  // wait for the worker, so that the output is in order
  show_counters();

  step("the tracer's reference goes in an interrupt, too:");
  {
    const context::scope interrupt{context::any};
    tracer.drop();
  }
  check(worker::counters().run == 1, "one teardown was deferred");
  expect({{"mappings", false, context::process},
          {"page_directory", true, context::process},
          {"identity", false, context::any}});
}

void all_at_once() {
  scene("3. The last reference of all goes in an interrupt: the worker takes the whole cascade");
  ref<mm, mappings> task = trefoil::make<mm>();
  {
    const context::scope interrupt{context::any};
    task.drop();
  }
  worker::flush();
  show_counters();
  check(worker::counters().run == 2, "one more was deferred: one node for all three stages");
  expect({{"mappings", true, context::process},
          {"page_directory", true, context::process},
          {"identity", true, context::process}});
}

void without_a_gap() {
  scene("4. Demotion: from everything to the identity, with no moment in between");
  ref<mm, mappings> task = trefoil::make<mm>();
  step("the task gives its mappings up and keeps the identity, to be asked about itself:");
  ref<mm, identity> zombie = std::move(task).demote<identity>();
  check(zombie->user_namespace == 1000, "the identity is there");
  check(!zombie.promote<page_directory>(), "the page directory went with the mappings");
  step("its parent reaps it:");
  zombie.drop();
  show_counters();
  expect({{"mappings", false, context::process},
          {"page_directory", false, context::process},
          {"identity", false, context::process}});
}

}  // namespace

int main(int argc, char**) {
  if (argc > 1) {
    std::puts("usage: three_stages   (no arguments): shows three stages of an object dying");
    return 2;
  }
  everywhere_allowed();
  only_what_must_be();
  all_at_once();
  without_a_gap();
  worker::shutdown();
  std::puts(all_well ? "\nAll as it should be." : "\nNOT as it should be.");
  return all_well ? 0 : 1;
}
