// SPDX-License-Identifier: Apache-2.0
#include "../common/check.hpp"
#include "part.hpp"

#include <array>
#include <atomic>
#include <cstdio>

#include <dlfcn.h>

static std::array<const part*, 3> parts;

static void all_see_any() {
  for (const part* p : parts) { CHECK(p->level() == trefoil::context::any); }
}

static void all_see_process() {
  for (const part* p : parts) { CHECK(p->level() == trefoil::context::process); }
}

static void one_level_per_thread() {
  for (const part* p : parts) {
    all_see_process();
    p->in_handler(all_see_any);
  }
  all_see_process();
}

static void made_here_dropped_there(const part* here, const part* there) {
  std::atomic<int> torn{0};
  void* raw = here->make(42, &torn);
  CHECK(there->id_of(raw) == 42);
  CHECK(torn == 0);
  there->drop(raw);
  CHECK(torn == 3);
}

static void deferred_there_flushed_here(const part* here, const part* there) {
  std::atomic<int> torn{0};
  const auto run = here->run();
  void* raw = here->make(43, &torn);
  {
    trefoil::context::scope in_handler{trefoil::context::any};  // the program's
    there->drop(raw);
  }
  CHECK(here->flush());
  CHECK(torn == 3);
  for (const part* p : parts) {
    CHECK(p->pending() == 0);
    CHECK(p->run() == here->run());
    CHECK(p->run() > run);
  }
}

int main(int argc, char** argv) {
  CHECK(argc == 2);
  // RTLD_LOCAL is what plug-ins get. Never closed: the worker may have its code from there.
  void* image = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  if (image == nullptr) { std::fprintf(stderr, "%s\n", dlerror()); }
  CHECK(image != nullptr);
  const auto loaded = reinterpret_cast<decltype(&loaded_part)>(dlsym(image, "loaded_part"));
  CHECK(loaded != nullptr);

  parts = {program_part(), linked_part(), loaded()};
  one_level_per_thread();
  for (const part* here : parts) {
    for (const part* there : parts) {
      made_here_dropped_there(here, there);
      deferred_there_flushed_here(here, there);
    }
  }
}
