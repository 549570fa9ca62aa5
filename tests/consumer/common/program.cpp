// SPDX-License-Identifier: Apache-2.0
// A user's first program: a little of everything that must work once Trefoil is found.
#include "check.hpp"
#include "tiers.hpp"

#include <atomic>
#include <utility>

static void stages() {
  std::atomic<int> torn{0};
  trefoil::ref<mm, mappings> user = trefoil::make<mm>(42, &torn);
  auto bare = user.share<identity>();
  CHECK(bare->id == 42);
  CHECK(&user.at<identity>() == &bare.at<identity>());

  auto again = bare.promote<mappings>();
  CHECK(again);
  auto second = std::move(again).demote<identity>();
  second.drop();
  CHECK(torn == 0);

  user.drop();
  CHECK(torn == 2);
  CHECK(!bare.promote<mappings>());

  void* raw = std::move(bare).detach();
  auto back = trefoil::ref<mm, identity>::adopt(raw);
  CHECK(back->id == 42);
  back.drop();
  CHECK(torn == 3);
}

static void deferral() {
  std::atomic<int> torn{0};
  const auto run = trefoil::worker::counters().run;
  trefoil::ref<mm, mappings> user = trefoil::make<mm>(43, &torn);
  {
    trefoil::context::scope in_handler{trefoil::context::any};
    CHECK(trefoil::context::current() == trefoil::context::any);
    user.drop();
  }
  CHECK(trefoil::context::current() == trefoil::context::process);
  CHECK(trefoil::worker::flush());
  CHECK(torn == 3);
  CHECK(trefoil::worker::counters().run > run);
  CHECK(trefoil::worker::counters().pending == 0);
}

int main() {
  stages();
  deferral();
}
