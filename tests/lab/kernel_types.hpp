// SPDX-License-Identifier: Apache-2.0
// Type information (BTF) of kernels that do not run here.
#ifndef TREFOIL_TESTS_LAB_KERNEL_TYPES_HPP
#define TREFOIL_TESTS_LAB_KERNEL_TYPES_HPP

#include "lab/record/kernel_features.hpp"

#include <bpf/btf.h>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>

namespace trefoil::lab {

class kernel_types {
 public:
  using id = int;

  id integer() { return btf__add_int(all_.get(), "int", 4, BTF_INT_SIGNED); }
  id constant(id of) { return btf__add_const(all_.get(), of); }
  id pointer(id to) { return btf__add_ptr(all_.get(), to); }
  id array(id of) { return btf__add_array(all_.get(), integer(), of, 4); }
  // Where each member is plays no part.
  id structure(const std::string& name,
               std::initializer_list<std::pair<std::string, id>> members = {}) {
    const id made = btf__add_struct(all_.get(), name.c_str(), 4096);
    for (const auto& [member, type] : members) {
      btf__add_field(all_.get(), member.c_str(), type, 0, 0);
    }
    return made;
  }
  // The kernel has it, with these arguments.
  void tracepoint(const std::string& name, std::initializer_list<id> arguments = {}) {
    const id data = pointer(0);
    const id prototype = btf__add_func_proto(all_.get(), 0);
    btf__add_func_param(all_.get(), "__data", data);
    for (const id one : arguments) btf__add_func_param(all_.get(), "argument", one);
    btf__add_typedef(all_.get(), ("btf_trace_" + name).c_str(), pointer(prototype));
  }

  // Once.
  kernel_features kernel() { return kernel_features(all_.release()); }

 private:
  struct closer {
    void operator()(btf* types) const noexcept { btf__free(types); }
  };
  std::unique_ptr<btf, closer> all_{btf__new_empty()};
};

}  // namespace trefoil::lab

#endif
