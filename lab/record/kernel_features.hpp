// SPDX-License-Identifier: Apache-2.0
// What the running kernel offers a recorder, from its own type information (BTF).
#ifndef TREFOIL_LAB_RECORD_KERNEL_FEATURES_HPP
#define TREFOIL_LAB_RECORD_KERNEL_FEATURES_HPP

#include <memory>
#include <string>

struct btf;

namespace trefoil::lab {

class kernel_features {
 public:
  // Throws if the kernel has no BTF.
  kernel_features();
  // Of a kernel with these types; they are its own from then on.
  explicit kernel_features(btf* types) noexcept : types_(types) {}

  bool has_tracepoint(const std::string& name) const;
  // Whether that argument, from 0, is a pointer to this kind of structure.
  bool tracepoint_takes(const std::string& name, int argument, const std::string& structure) const;
  bool has_structure(const std::string& name) const;
  bool has_field(const std::string& structure, const std::string& field) const;
  // mm_struct.rss_stat is counters for each CPU (since Linux 6.2).
  bool mm_has_counters() const;

 private:
  struct closer {
    void operator()(btf* types) const noexcept;
  };
  // -1: there is none.
  int member_type(const std::string& structure, const std::string& field) const;
  int member_type(int structure, const std::string& field, int depth) const;

  std::unique_ptr<btf, closer> types_;
};

}  // namespace trefoil::lab

#endif
