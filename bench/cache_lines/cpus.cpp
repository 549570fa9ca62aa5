// SPDX-License-Identifier: Apache-2.0
#include "cpus.hpp"

#include <cstddef>
#include <utility>
#include <vector>

#include <boost/context/fiber.hpp>
#include <boost/context/fixedsize_stack.hpp>

namespace bench::cache_lines {

namespace {

using boost::context::fiber;

constexpr std::size_t stack_bytes = std::size_t{64} * 1024;

/// The turn of one CPU, and the way back to whoever gives turns.
struct turn {
  unsigned cpu = 0;
  lines* memory = nullptr;  // null: nobody runs
  stops where = stops::between_calls;
  fiber* back = nullptr;
};
turn now;

void stop() {
  turn mine = now;
  *mine.back = std::move(*mine.back).resume();
  now = mine;  // another had his since
}

}  // namespace

unsigned cpus::present() noexcept { return now.cpu; }

void cpus::touch(const void* at, access kind) noexcept {
  if (now.memory == nullptr) return;
  if (now.where == stops::between_accesses) stop();
  now.memory->touch(now.cpu, at, kind);
}

void cpus::call_ends() noexcept {
  if (now.memory != nullptr) stop();
}

void cpus::run(const std::function<void(unsigned cpu)>& body) {
  std::vector<fiber> waiting;
  waiting.reserve(count_);
  for (unsigned cpu = 0; cpu < count_; ++cpu) {
    waiting.emplace_back(std::allocator_arg, boost::context::fixedsize_stack(stack_bytes),
                         [this, cpu, &body](fiber&& giver) {
                           now = {cpu, &memory_, how_.where, &giver};
                           body(cpu);
                           now = {};
                           return std::move(giver);
                         });
  }
  std::size_t next = 0;
  while (!waiting.empty()) {
    if (how_.order == turns::at_random) next = random_below(waiting.size());
    fiber& one = waiting[next];
    one = std::move(one).resume();
    now = {};
    if (one) {
      ++next;
    } else if (how_.order == turns::at_random) {
      std::swap(one, waiting.back());
      waiting.pop_back();
    } else {
      waiting.erase(waiting.begin() + static_cast<std::ptrdiff_t>(next));
    }
    if (next >= waiting.size()) next = 0;
  }
}

std::uint64_t cpus::random_below(std::uint64_t limit) noexcept {
  // splitmix64
  std::uint64_t z = (chance_ += 0x9E3779B97F4A7C15U);
  z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
  return (z ^ (z >> 31U)) % limit;
}

}  // namespace bench::cache_lines
