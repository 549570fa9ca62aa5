// SPDX-License-Identifier: Apache-2.0
// Giving up what only loading needed.
#ifndef TREFOIL_LAB_RECORD_PRIVILEGES_HPP
#define TREFOIL_LAB_RECORD_PRIVILEGES_HPP

#include <optional>
#include <string>
#include <sys/types.h>

namespace trefoil::lab {

// Who asked sudo for the tool: the user on whose behalf it runs.
struct sudo_user {
  uid_t user = 0;
  gid_t group = 0;
  std::string name;
};

// None: not started by sudo, or by root itself.
std::optional<sudo_user> who_used_sudo();

// Becomes that user, with that user's groups; throws if it cannot.
void become(const sudo_user& who);

// CAP_BPF and CAP_PERFMON, or what has both.
bool may_load_programs();

// No capability is left but, for root itself, writing into any folder and ending a command that has become
// somebody else. Throws if that fails.
void drop_capabilities();

}  // namespace trefoil::lab

#endif
