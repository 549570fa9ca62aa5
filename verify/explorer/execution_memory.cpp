// SPDX-License-Identifier: Apache-2.0
// An execution's memory: what loads may read, what is handed on, and who touches what without knowing.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

#include "verify/explorer/execution.hpp"
#include "verify/explorer/thread.hpp"

namespace trefoil::explorer {

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
// step is left out: that is another order of steps, and has its own execution. Left out, too, is one
// that tells the value of an older one and no less: whoever reads the older one may do all that he
// could have done after the other, and what is wrong then is wrong now.
// `not_if_stale`: what a compare-exchange expects; it fails only for other values.
std::uint32_t execution::choose_store(location& at, std::uint32_t oldest, std::memory_order order,
                                      std::optional<std::uint64_t> not_if_stale) {
  const auto newest = static_cast<std::uint32_t>(at.stores.size() - 1);
  std::uint8_t& stale = at.stale_reads[running_];
  if (stale == most_stale_reads_) return newest;
  std::array<std::uint32_t, 32> readable{newest};
  unsigned count = 1;
  for (std::uint32_t i = newest; i-- > oldest && count < readable.size();) {
    const location::store& next = at.stores[i + 1];
    const location::store& here = at.stores[i];
    if (here.value == not_if_stale || !search_.came_before(next.thread, next.step)) continue;
    const auto says_all_of_it = [&](std::uint32_t newer) {
      const location::store& other = at.stores[newer];
      return other.value == here.value &&
             (!acquires(order) || other.handed_on.covers(here.handed_on));
    };
    const auto end = readable.begin() + count;
    const auto instead = std::find_if(readable.begin(), end, says_all_of_it);
    *instead = i;
    if (instead == end) ++count;
  }
  const std::uint32_t chosen = readable[search_.choose_value(count)];
  if (at.stores[chosen].value != at.stores[newest].value) {
    ++stale;
    threads_[running_]->read_stale = true;
  }
  return chosen;
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
  const std::uint32_t chosen = choose_store(at, oldest, order, std::nullopt);
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
  const std::uint32_t chosen = choose_store(at, oldest, failure, expected);
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
