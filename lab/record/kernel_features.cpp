// SPDX-License-Identifier: Apache-2.0
#include "lab/record/kernel_features.hpp"

#include "lab/error.hpp"
#include "lab/limits.hpp"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <cerrno>
#include <cstdarg>
#include <unistd.h>

namespace trefoil::lab {

void kernel_features::closer::operator()(btf* types) const noexcept { btf__free(types); }

namespace {

// What libbpf says goes nowhere: its callers make one line of an error.
int be_silent(libbpf_print_level, const char*, va_list) { return 0; }

btf* load_types() {
  libbpf_set_print(be_silent);  // this is the first that is asked of it
  return btf__load_vmlinux_btf();
}

}  // namespace

kernel_features::kernel_features() : types_(load_types()) {
  if (!types_ && ::access("/sys/kernel/btf/vmlinux", R_OK) == 0) {
    throw error(fault::input,
                "record: no room for this kernel's type information" + limit_hint(ENOMEM));
  }
  if (!types_) {
    throw error(fault::input,
                "record: this kernel has no type information (/sys/kernel/btf/vmlinux cannot be "
                "read); it has to be built with CONFIG_DEBUG_INFO_BTF");
  }
}

bool kernel_features::has_tracepoint(const std::string& name) const {
  return btf__find_by_name_kind(types_.get(), ("btf_trace_" + name).c_str(), BTF_KIND_TYPEDEF) > 0;
}

bool kernel_features::tracepoint_takes(const std::string& name, int argument,
                                       const std::string& structure) const {
  const auto follow = [&](const btf_type* from) {
    return btf__type_by_id(types_.get(), from->type);
  };
  const int id =
      btf__find_by_name_kind(types_.get(), ("btf_trace_" + name).c_str(), BTF_KIND_TYPEDEF);
  if (id < 0) return false;
  // typedef -> pointer -> prototype, whose first parameter is the tracepoint's own
  const btf_type* const prototype =
      follow(follow(btf__type_by_id(types_.get(), static_cast<unsigned>(id))));
  if (prototype == nullptr || !btf_is_func_proto(prototype)) return false;
  if (argument + 1 >= btf_vlen(prototype)) return false;
  const btf_type* type = btf__type_by_id(types_.get(), btf_params(prototype)[argument + 1].type);
  if (!btf_is_ptr(type)) return false;
  for (type = follow(type); btf_is_mod(type);) type = follow(type);
  return btf_is_struct(type) && structure == btf__name_by_offset(types_.get(), type->name_off);
}

int kernel_features::member_type(int structure, const std::string& field, int depth) const {
  const btf_type* const type = btf__type_by_id(types_.get(), static_cast<unsigned>(structure));
  if (type == nullptr || !btf_is_composite(type)) return -1;
  const btf_member* const members = btf_members(type);
  for (int i = 0; i < btf_vlen(type); ++i) {
    const std::string name = btf__name_by_offset(types_.get(), members[i].name_off);
    if (name == field) return static_cast<int>(members[i].type);
    if (!name.empty() || depth == 0) continue;
    // Members of a nameless structure are members of what it is in.
    const int found = member_type(static_cast<int>(members[i].type), field, depth - 1);
    if (found >= 0) return found;
  }
  return -1;
}

int kernel_features::member_type(const std::string& structure, const std::string& field) const {
  const int id = btf__find_by_name_kind(types_.get(), structure.c_str(), BTF_KIND_STRUCT);
  return id < 0 ? -1 : member_type(id, field, 4);
}

bool kernel_features::has_structure(const std::string& name) const {
  return btf__find_by_name_kind(types_.get(), name.c_str(), BTF_KIND_STRUCT) > 0;
}

bool kernel_features::has_field(const std::string& structure, const std::string& field) const {
  return member_type(structure, field) >= 0;
}

bool kernel_features::mm_has_counters() const {
  const int id = member_type("mm_struct", "rss_stat");
  if (id < 0) return false;
  const btf_type* const type = btf__type_by_id(types_.get(), static_cast<unsigned>(id));
  if (!btf_is_array(type)) return false;
  const btf_type* const element = btf__type_by_id(types_.get(), btf_array(type)->type);
  return std::string("percpu_counter") == btf__name_by_offset(types_.get(), element->name_off);
}

}  // namespace trefoil::lab
