// SPDX-License-Identifier: Apache-2.0
// The address space that most cases misuse.
#pragma once

#include <trefoil/trefoil.hpp>

struct identity {
  static constexpr auto teardown = trefoil::context::any;
  int user_ns;
  explicit identity(int n) : user_ns(n) {}
};
struct page_directory {
  static constexpr auto teardown = trefoil::context::atomic;
  int pgd = 0;
  explicit page_directory(identity&) {}
  ~page_directory() {}
};
struct mappings {
  static constexpr auto teardown = trefoil::context::process;
  int vmas = 0;
  mappings(page_directory&, identity&) {}
  ~mappings() {}
};
using mm = trefoil::staged<mappings, page_directory, identity>;

struct file_name {
  static constexpr auto teardown = trefoil::context::any;
};
using file = trefoil::staged<file_name>;
