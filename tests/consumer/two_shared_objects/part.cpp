// SPDX-License-Identifier: Apache-2.0
// Compiled into each of the three images; PART is the name of the image's entry.
#include "part.hpp"

#include "../common/tiers.hpp"

#include <atomic>
#include <cstdint>
#include <utility>

using user_ref = trefoil::ref<mm, mappings>;

static void* make(int id, std::atomic<int>* torn) {
  return user_ref(trefoil::make<mm>(id, torn)).detach();
}

static int id_of(void* raw) {
  auto user = user_ref::adopt(raw);
  const int id = user.at<identity>().id;
  (void)std::move(user).detach();  // still the caller's
  return id;
}

static void drop(void* raw) { user_ref::adopt(raw).drop(); }

static trefoil::context::level level() { return trefoil::context::current(); }

static void in_handler(void (*then)()) {
  trefoil::context::scope scope{trefoil::context::any};
  then();
}

static bool flush() { return trefoil::worker::flush(); }
static std::uint64_t pending() { return trefoil::worker::counters().pending; }
static std::uint64_t run() { return trefoil::worker::counters().run; }

const part* PART() {
  static constexpr part table{make, id_of, drop, level, in_handler, flush, pending, run};
  return &table;
}
