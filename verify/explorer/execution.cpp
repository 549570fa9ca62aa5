// SPDX-License-Identifier: Apache-2.0
#include "verify/explorer/execution.hpp"

#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <utility>

#include <boost/context/detail/fcontext.hpp>

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

enum class doing : std::uint8_t { steps, sleeps, spins, joins, idles, ended };

struct execution::thread {
  std::function<void()> body;
  bool daemon = false;
  unsigned interrupts = nobody;
  unsigned interrupted_by = nobody;  // the interrupt that runs on its CPU now
  bool started = false;
  doing state = doing::steps;
  // Of the turn of a spinning wait that is under way, if it is one:
  bool read_stale = false;
  std::size_t stores_before = 0;  // of all threads
  access next;                    // what it is about to do
  knowledge known;
  std::uint32_t step = 0;
  const location* waits_on = nullptr;
  std::unique_ptr<std::byte[]> stack;
  context::fcontext_t context = nullptr;
};

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

execution::execution(explorer::search& choices) : search_(choices) {}

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
    made->next = {access::nothing, false, interrupts, true};
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

bool execution::acquires(std::memory_order o) noexcept {
  return o == std::memory_order_acquire || o == std::memory_order_acq_rel ||
         o == std::memory_order_seq_cst || o == std::memory_order_consume;
}
bool execution::releases(std::memory_order o) noexcept {
  return o == std::memory_order_release || o == std::memory_order_acq_rel ||
         o == std::memory_order_seq_cst;
}

location& execution::make_location(const void* address, std::uint64_t value, event birth) {
  auto made = std::make_unique<location>();
  made->number = locations_.size();
  made->address = address;
  made->birth = birth;
  made->stores.push_back({.value = value, .handed_on = {}});
  locations_.push_back(std::move(made));
  return *locations_.back();
}

// By a step of the running thread that has just been counted.
void execution::touch(const void* address) {
  for (block& b : blocks_) {
    const auto* const at = static_cast<const std::byte*>(address);
    if (at < b.begin || at >= b.begin + b.bytes) continue;
    if (b.released) fail("touched after its memory was freed");
    b.last_access.at[running_] = threads_[running_]->step;
    return;
  }
}

void execution::touch(const location& at) {
  if (!threads_[running_]->known.steps.covers(at.birth.thread, at.birth.step)) {
    fail("an atomic is used whose construction does not happen before");
  }
  touch(at.address);
}

std::uint32_t execution::oldest_readable(const location& at, std::memory_order order) const {
  const std::uint32_t known = threads_[running_]->known.stores.of(at.number);
  return order == std::memory_order_seq_cst ? std::max(known, at.oldest_seq_cst) : known;
}

// The store that the step under way reads. To read behind one that could as well have come after this
// step is left out: that is another order of steps, and has its own execution.
// `not_if_stale`: what a compare-exchange expects; it fails only for other values.
std::uint32_t execution::choose_store(location& at, std::uint32_t oldest,
                                      std::optional<std::uint64_t> not_if_stale) {
  const auto newest = static_cast<std::uint32_t>(at.stores.size() - 1);
  std::uint8_t& stale = at.stale_reads[running_];
  if (stale == most_stale_reads) return newest;
  std::array<std::uint32_t, 32> readable{newest};
  unsigned count = 1;
  for (std::uint32_t i = newest; i-- > oldest && count < readable.size();) {
    const location::store& next = at.stores[i + 1];
    if (at.stores[i].value == not_if_stale || !search_.came_before(next.thread, next.step))
      continue;
    readable[count++] = i;
  }
  const unsigned chosen = search_.choose_value(count);
  if (chosen != 0) {
    ++stale;
    threads_[running_]->read_stale = true;
  }
  return readable[chosen];
}

void execution::add_store(location& at, location::store&& made, std::memory_order order) {
  const auto number = static_cast<std::uint32_t>(at.stores.size());
  threads_[running_]->known.stores.raise(at.number, number);
  if (releases(order)) made.handed_on.join(threads_[running_]->known);
  if (order == std::memory_order_seq_cst) at.oldest_seq_cst = number;
  made.thread = running_;
  made.step = search_.step();
  at.stores.push_back(std::move(made));
  ++stores_;
  for (unsigned i = 0; i < threads_.size(); ++i) {
    if (threads_[i]->state != doing::spins) continue;
    threads_[i]->state = doing::steps;
    search_.released(i);
  }
}

std::uint64_t execution::load(location& at, std::memory_order order) {
  if (looking_back_) return at.stores.back().value;
  step({at.number, false}, "load", at.address);
  tick();
  touch(at);
  thread& self = *threads_[running_];
  const auto newest = static_cast<std::uint32_t>(at.stores.size() - 1);
  const std::uint32_t oldest = oldest_readable(at, order);
  const std::uint32_t chosen = choose_store(at, oldest, std::nullopt);
  self.known.stores.raise(at.number, chosen);
  if (acquires(order)) self.known.join(at.stores[chosen].handed_on);
  if (order == std::memory_order_seq_cst) at.oldest_seq_cst = chosen;
  if (tracing_) {
    note("  = " + std::to_string(at.stores[chosen].value) + (chosen == newest ? "" : "  (stale)"));
  }
  return at.stores[chosen].value;
}

void execution::store(location& at, std::uint64_t value, std::memory_order order) {
  step({at.number, true}, "store", at.address);
  tick();
  touch(at);
  if (tracing_) note("  := " + std::to_string(value));
  add_store(at, {.value = value, .handed_on = {}}, order);
}

std::uint64_t execution::exchange(location& at,
                                  const std::function<std::uint64_t(std::uint64_t)>& next,
                                  std::memory_order order, const char* name) {
  step({at.number, true}, name, at.address);
  tick();
  touch(at);
  const location::store& newest = at.stores.back();
  const std::uint64_t old = newest.value;
  if (acquires(order)) threads_[running_]->known.join(newest.handed_on);
  location::store made{.value = next(old), .handed_on = newest.handed_on};
  if (tracing_) note("  " + std::to_string(old) + " -> " + std::to_string(made.value));
  add_store(at, std::move(made), order);
  return old;
}

bool execution::compare_exchange(location& at, std::uint64_t& expected, std::uint64_t desired,
                                 std::memory_order success, std::memory_order failure) {
  step({at.number, true}, "compare_exchange", at.address);
  tick();
  touch(at);
  thread& self = *threads_[running_];
  const auto newest = static_cast<std::uint32_t>(at.stores.size() - 1);
  const std::uint32_t oldest = oldest_readable(at, failure);
  const std::uint32_t chosen = choose_store(at, oldest, expected);
  const std::uint64_t old = at.stores[chosen].value;
  if (chosen != newest || old != expected) {
    self.known.stores.raise(at.number, chosen);
    if (acquires(failure)) self.known.join(at.stores[chosen].handed_on);
    if (failure == std::memory_order_seq_cst) at.oldest_seq_cst = chosen;
    if (tracing_) note("  fails: " + std::to_string(old));
    expected = old;
    return false;
  }
  if (acquires(success)) self.known.join(at.stores[newest].handed_on);
  if (tracing_) note("  " + std::to_string(old) + " -> " + std::to_string(desired));
  add_store(at, {.value = desired, .handed_on = at.stores[newest].handed_on}, success);
  return true;
}

void execution::read(plain_data& data, const void* address) {
  if (looking_back_) return;
  const std::uint32_t now = tick();
  touch(address);
  const thread& self = *threads_[running_];
  if (!self.known.steps.covers(data.last_write.thread, data.last_write.step)) {
    fail("data race: a read that the last write does not happen before");
  }
  data.reads.at[running_] = now;
}

void execution::write(plain_data& data, const void* address) {
  const std::uint32_t now = tick();
  touch(address);
  const thread& self = *threads_[running_];
  if (!self.known.steps.covers(data.last_write.thread, data.last_write.step)) {
    fail("data race: a write that the last write does not happen before");
  }
  if (!self.known.steps.covers(data.reads)) {
    fail("data race: a write that a read does not happen before");
  }
  data.last_write = {running_, now};
}

void execution::wait(location& word, std::uint64_t expected) {
  step({word.number, true}, "wait", word.address);
  tick();
  touch(word);
  if (word.stores.back().value != expected) return;  // the kernel sees the newest
  thread& self = *threads_[running_];
  self.waits_on = &word;
  self.state = doing::sleeps;
  step({word.number, true}, "is woken", word.address);
}

void execution::wake(const void* word, bool all) {
  const auto known = std::find_if(locations_.rbegin(), locations_.rend(),
                                  [&](const auto& l) { return l->address == word; });
  if (known == locations_.rend()) return;  // nobody has ever waited there
  const location* const waited_on = known->get();
  step({waited_on->number, true}, all ? "wake_all" : "wake_one", word);
  tick();
  std::array<unsigned, most_threads> sleepers{};
  unsigned count = 0;
  for (unsigned i = 0; i < threads_.size(); ++i) {
    thread& t = *threads_[i];
    if (t.state == doing::sleeps && t.waits_on == waited_on) sleepers[count++] = i;
  }
  if (count == 0) return;
  const unsigned first = all ? 0 : search_.choose_value(count);
  const unsigned end = all ? count : first + 1;
  for (unsigned i = first; i < end; ++i) {
    threads_[sleepers[i]]->state = doing::steps;
    threads_[sleepers[i]]->waits_on = nullptr;
    search_.released(sleepers[i]);
  }
}

void execution::relax() {
  // The turn saw the newest of everything, and nobody has stored since it began: the next one would
  // be the same.
  thread& self = *threads_[running_];
  if (!self.read_stale && self.stores_before == stores_) self.state = doing::spins;
  step({}, "relax", nullptr);
  self.read_stale = false;
  self.stores_before = stores_;
}

void execution::join_all() {
  threads_[running_]->state = doing::joins;
  let_joiners_go();
  step({}, "has joined all", nullptr);
  thread& self = *threads_[running_];
  for (const auto& t : threads_) {
    if (t->state == doing::ended) self.known.join(t->known);
  }
}

void execution::let_joiners_go() {
  const auto to_wait_for = [](const auto& t) {
    return !t->daemon && t->state != doing::ended && t->state != doing::joins;
  };
  if (std::any_of(threads_.begin(), threads_.end(), to_wait_for)) return;
  for (unsigned i = 0; i < threads_.size(); ++i) {
    if (threads_[i]->state != doing::joins) continue;
    threads_[i]->state = doing::steps;
    search_.join_all(i);
  }
}

void execution::until_idle() {
  threads_[running_]->state = doing::idles;
  step({}, "all others are idle", nullptr);
}

void execution::let_idlers_go() {
  for (unsigned i = 0; i < threads_.size(); ++i) {
    if (threads_[i]->state != doing::idles) continue;
    threads_[i]->state = doing::steps;
    search_.join_all(i);
  }
}

void* execution::allocate(std::size_t bytes, std::size_t align, bool lasting) {
  void* const memory = std::aligned_alloc(align, (bytes + align - 1) / align * align);
  if (memory == nullptr) std::abort();
  blocks_.push_back({static_cast<std::byte*>(memory), bytes, lasting, false, {}});
  return memory;
}

std::size_t execution::bytes_in_use() const noexcept {
  std::size_t sum = 0;
  for (const block& b : blocks_) sum += b.released || b.lasting ? 0 : b.bytes;
  return sum;
}

void execution::release(void* address) {
  const thread& self = *threads_[running_];
  for (block& b : blocks_) {
    if (b.begin != address) continue;
    if (b.released) fail("freed twice");
    b.released = true;
    if (!self.known.steps.covers(b.last_access)) {
      fail("freed without knowing of somebody's last access");
    }
    if (tracing_) note("frees " + std::to_string(b.bytes) + " bytes");
    return;
  }
  fail("freed what was never allocated");
}

}  // namespace trefoil::explorer
