// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <trefoil/trefoil.hpp>

struct identity {
  static constexpr auto teardown = trefoil::context::any;  // legal anywhere, even in an interrupt
  int user_namespace = 42;
};
struct page_directory {
  static constexpr auto teardown = trefoil::context::atomic;  // takes a spin lock
};
struct mappings {
  static constexpr auto teardown = trefoil::context::process;  // may sleep
};
using mm = trefoil::staged<mappings, page_directory, identity>;  // outermost first

int main() {
  trefoil::ref<mm, mappings> task = trefoil::make<mm>();     // keeps everything
  trefoil::ref<mm> tracer = task.share<identity>();          // keeps the identity alone
  auto idle_cpu = std::move(task).demote<page_directory>();  // one operation; the mappings die here
  if (tracer.promote<mappings>()) return 1;                  // too late: an empty reference
  std::printf("no mappings any more, but user namespace %d\n", tracer->user_namespace);
}
