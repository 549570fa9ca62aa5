// SPDX-License-Identifier: Apache-2.0
#include "verify/explorer/execution.hpp"

#include <cstdlib>
#include <sstream>
#include <utility>

#include <boost/context/detail/fcontext.hpp>

#include "verify/explorer/thread.hpp"

namespace trefoil::explorer {

namespace context = boost::context::detail;

namespace {

constexpr std::size_t stack_bytes = std::size_t{256} << 10;
constexpr std::size_t most_steps = 20'000;

execution* under_way = nullptr;
std::uint64_t executions_so_far = 0;

// Stacks are used again by later executions; what is left on them of one that was broken off is
// forgotten, not unwound.
std::vector<std::unique_ptr<std::byte[]>>& idle_stacks() {
  static std::vector<std::unique_ptr<std::byte[]>> all;
  return all;
}

}  // namespace

struct fiber_entry {
  [[noreturn]] static void run(context::transfer_t from) {
    execution& e = *static_cast<execution*>(from.data);
    e.scheduler_ = from.fctx;
    execution::thread& self = *e.threads_[e.running_];
    self.body();
    // An interrupt's end gives the CPU back; for others it is like any step.
    e.step({}, "ends", nullptr);
    self.state = doing::ended;
    e.let_joiners_go();
    if (self.interrupts != execution::nobody) {
      execution::thread& below = *e.threads_[self.interrupts];
      below.interrupted_by = execution::nobody;
      below.known.join(self.known);
    }
    e.leave();
    std::abort();
  }
};

execution::execution(explorer::search& choices, unsigned most_stale_reads)
    : search_(choices), most_stale_reads_(most_stale_reads) {}

execution* execution::current() noexcept { return under_way; }

execution::~execution() {
  for (auto& t : threads_) idle_stacks().push_back(std::move(t->stack));
  for (const block& b : blocks_) std::free(b.begin);
  under_way = nullptr;
}

unsigned execution::cpu() const noexcept {
  const unsigned below = threads_[running_]->interrupts;
  return below == nobody ? running_ : below;
}

unsigned execution::spawn(std::function<void()> body, bool daemon, unsigned interrupts) {
  if (threads_.size() == most_threads) std::abort();
  auto made = std::make_unique<thread>();
  made->body = std::move(body);
  made->daemon = daemon;
  made->interrupts = interrupts;
  if (idle_stacks().empty()) {
    made->stack = std::make_unique_for_overwrite<std::byte[]>(stack_bytes);
  } else {
    made->stack = std::move(idle_stacks().back());
    idle_stacks().pop_back();
  }
  made->context =
      context::make_fcontext(made->stack.get() + stack_bytes, stack_bytes, &fiber_entry::run);
  const auto number = static_cast<unsigned>(threads_.size());
  if (!threads_.empty()) {
    made->known = threads_[running_]->known;
    search_.released(number);
  }
  // Threads with an interrupt share their CPU with it: the order of their steps matters.
  if (interrupts != nobody) {
    made->next = {.cpu = interrupts, .interrupts = true};
    threads_[interrupts]->next.cpu = interrupts;
  }
  threads_.push_back(std::move(made));
  return number;
}

thread_set execution::enabled() {
  if (alone_ != nobody && threads_[alone_]->state == doing::steps) return only(alone_);
  thread_set all = 0;
  for (unsigned i = 0; i < threads_.size(); ++i) {
    const thread& t = *threads_[i];
    if (t.state != doing::steps || t.interrupted_by != nobody) continue;
    if (t.interrupts != nobody && !t.started) {
      const thread& below = *threads_[t.interrupts];
      // It interrupts code that runs, or waits in the kernel, or a CPU that has nothing more to do.
      if (!below.started || below.interrupted_by != nobody) continue;
    }
    all |= only(i);
  }
  return all;
}

void execution::enter_thread(unsigned which) {
  running_ = which;
  thread& t = *threads_[which];
  if (!t.started) {
    t.started = true;
    if (t.interrupts != nobody) {
      threads_[t.interrupts]->interrupted_by = which;
      t.known.join(threads_[t.interrupts]->known);
    }
  }
  const context::transfer_t back = context::jump_fcontext(t.context, this);
  t.context = back.fctx;
}

// From a thread back to the scheduler.
void execution::leave() {
  const context::transfer_t back = context::jump_fcontext(scheduler_, nullptr);
  scheduler_ = back.fctx;
}

ending execution::run(std::function<void()> main) {
  under_way = this;
  number_ = ++executions_so_far;
  spawn(std::move(main));
  std::vector<access> pending(most_threads);
  while (!over_) {
    thread_set able = enabled();
    if (able == 0) {
      let_time_pass();
      able = enabled();
    }
    if (able == 0) {
      let_idlers_go();
      able = enabled();
    }
    if (able == 0) {
      for (unsigned i = 0; i < threads_.size(); ++i) {
        const thread& t = *threads_[i];
        if (t.state == doing::ended) continue;
        if (t.daemon && t.state == doing::sleeps) continue;
        violation_ = t.state == doing::spins
                         ? "a thread spins for ever"
                         : "a thread sleeps for ever: thread " + std::to_string(i);
        return ending::violated;
      }
      return ending::complete;
    }
    if (++steps_ > most_steps) {
      violation_ = "no end after 20000 steps";
      return ending::violated;
    }
    for (unsigned i = 0; i < threads_.size(); ++i) pending[i] = threads_[i]->next;
    const unsigned next = search_.choose(able, pending, running_);
    if (next == most_threads) return ending::repeats;
    enter_thread(next);
  }
  return ending::violated;
}

void execution::fail(const std::string& what) {
  violation_ = what;
  note("VIOLATION: " + what);
  over_ = true;
  leave();
  std::abort();
}

void execution::note(const std::string& text) {
  if (tracing_) trace_.push_back("thread " + std::to_string(running_) + "  " + text);
}

// Announces what comes and lets the scheduler decide when.
void execution::step(const access& about, const char* name, const void* address) {
  thread& self = *threads_[running_];
  const std::size_t cpu = self.next.cpu;
  self.next = about;
  self.next.cpu = cpu;
  leave();
  if (tracing_) {
    std::ostringstream text;
    text << name;
    if (address != nullptr) text << "  " << address;
    note(text.str());
  }
}

std::uint32_t execution::tick() {
  thread& self = *threads_[running_];
  self.known.steps.at[running_] = ++self.step;
  return self.step;
}

}  // namespace trefoil::explorer
