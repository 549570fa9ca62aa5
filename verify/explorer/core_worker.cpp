// SPDX-License-Identifier: Apache-2.0
// The reclaimer's thread: its sleep, who helps it, shutdown, the limit, and its numbers.
#include "verify/explorer/core_operations.hpp"

namespace trefoil::explorer {

namespace {

using deferring = object_of<1, traits<worker>>;

void drop_in_interrupt(void* given) {
  const scope inside(any);
  ref_to<deferring, 0>::adopt(given).drop();
}

/// Detached. They are made before the worker, which starts by that, takes its first step.
std::vector<void*> some_objects(unsigned count) {
  execution::current()->set_alone(true);
  std::vector<void*> all(count);
  for (void*& each : all) each = make<deferring>().detach();
  execution::current()->set_alone(false);
  return all;
}

/// One, and the worker has gone to sleep since.
void* one_object_and_a_sleeping_worker() {
  void* const one = some_objects(1).front();
  execution::current()->until_idle();
  return one;
}

program pushers(unsigned count, bool asleep, bool large) {
  program p =
      program_of(std::string(asleep ? "the sleeping worker" : "the worker, as it starts,") +
                     " against " + std::to_string(count) + (count == 1 ? " pusher" : " pushers"),
                 count + 1, [count, asleep] {
                   const std::vector<void*> given = some_objects(count);
                   if (asleep) execution::current()->until_idle();
                   for (unsigned i = 1; i < count; ++i)
                     spawn([one = given[i]] { drop_in_interrupt(one); });
                   drop_in_interrupt(given[0]);
                   execution::current()->join_all();
                 });
  p.large = large;
  return p;
}

/// A helper that takes more than it runs leaves the rest to the worker, who may be about to sleep.
program helper_that_leaves_some(bool of_its_own) {
  program p = program_of(
      of_its_own ? "the worker, about to sleep, against a helper that leaves some"
                 : "the worker, about to sleep, against a pusher that helps, and leaves some",
      of_its_own ? 3 : 2, [of_its_own] {
        const std::vector<void*> given = some_objects(2);
        if (of_its_own) spawn([] { static_cast<void>(worker::help(1)); });
        for (void* const one : given) drop_in_interrupt(one);
        if (!of_its_own) static_cast<void>(worker::help(1));
        execution::current()->join_all();
      });
  p.large = of_its_own;
  return p;
}

struct with_statistics : platform {
  template <class T>
  using statistic = explorer::atomic<T>;
};

/// The numbers themselves, whose order the other programs leave out.
program tally() {
  return program_of("the tally: no more is pending than was deferred", 2, [] {
    reclaimer_tally<with_statistics> counts;
    const auto defer_and_run = [&counts] {
      counts.deferred_one();
      counts.begun_one();
    };
    spawn(defer_and_run);
    defer_and_run();
    execution::current()->join_all();
    if (counts.read().pending != 0) execution::current()->fail("pending, though all has run");
    if (counts.read().peak > 2) execution::current()->fail("more pending than there were");
    if (counts.read().peak == 0) execution::current()->fail("none was ever pending");
  });
}

program shut_down() {
  program p = program_of("shutdown against a deferral", 3, [] {
    void* const given = one_object_and_a_sleeping_worker();
    execution::current()->learn_all();
    spawn([given] { drop_in_interrupt(given); });
    worker::shutdown();
    execution::current()->join_all();
    worker::flush();  // what came too late for the thread
  });
  p.large = true;
  p.most_stale_reads = 0;  // tens of millions of executions with one
  return p;
}

/// Nobody runs what is deferred, or a barrier, once the thread has ended: flush() must see that.
program flush_against_shutdown() {
  program p = program_of("flush against shutdown", 3, [] {
    static_cast<void>(make<deferring>());
    execution::current()->until_idle();
    execution::current()->learn_all();
    spawn([] { worker::flush(); });
    worker::shutdown();
    execution::current()->join_all();
  });
  p.large = true;
  p.most_stale_reads = 0;  // tens of millions of executions with one
  return p;
}

/// A limit is in force once set_limit() and a make() beside it are through.
program limit_against_make() {
  return program_of("set_limit against make()", 3, [] {
    void* const given = one_object_and_a_sleeping_worker();
    spawn([] { worker::set_limit(1, at_limit::fail); });
    static_cast<void>(make<deferring>());
    execution::current()->join_all();
    execution::current()->set_alone(true);  // the worker does not come to it
    drop_in_interrupt(given);
    if (try_make<deferring>()) execution::current()->fail("the limit is not kept");
    execution::current()->set_alone(false);
  });
}

/// A limit of one: make() runs what is pending itself, or finds that the worker has.
program limited() {
  return program_of("make() at the limit against the worker", 2, [] {
    void* const given = one_object_and_a_sleeping_worker();
    worker::set_limit(1);
    drop_in_interrupt(given);
    const ref_to<deferring, 0> another = make<deferring>();
    another->use();
  });
}

/// A node of flush() passes only when what was deferred before it has run.
program flush_after_own_push() {
  return program_of("flush returns when what was deferred before has run", 2, [] {
    void* const given = one_object_and_a_sleeping_worker();
    drop_in_interrupt(given);
    if (!worker::flush()) execution::current()->fail("flush refused");
    if (!journal::now().verdict().empty()) {
      execution::current()->fail("flush came back too early");
    }
  });
}

const registered worker_programs("worker", []() -> std::vector<program> {
  return {
      pushers(1, true, false),
      pushers(2, true, false),
      pushers(1, false, false),
      pushers(2, false, true),
      helper_that_leaves_some(false),
      helper_that_leaves_some(true),
      tally(),
      shut_down(),
      flush_against_shutdown(),
      limit_against_make(),
      limited(),
      flush_after_own_push(),
  };
});

}  // namespace

}  // namespace trefoil::explorer
