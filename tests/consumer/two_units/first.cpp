// SPDX-License-Identifier: Apache-2.0
#include "first.hpp"

trefoil::ref<mm, mappings> make_in_first(int id, std::atomic<int>* torn) {
  return trefoil::make<mm>(id, torn);
}

trefoil::context::level level_in_first() { return trefoil::context::current(); }
