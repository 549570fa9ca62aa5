// SPDX-License-Identifier: Apache-2.0
// In place of all the others where the tools for it are missing.
#include "lab/error.hpp"
#include "lab/record/record.hpp"

namespace trefoil::lab {

record_result record(const record_options&) {
  throw error(
      fault::input,
      "record: this build has no recorder; it takes clang, bpftool and libbpf (Debian: clang "
      "bpftool libbpf-dev), then configure and build again");
}

}  // namespace trefoil::lab
