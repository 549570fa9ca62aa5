// SPDX-License-Identifier: Apache-2.0
#include "lab/record/privileges.hpp"

#include "lab/error.hpp"
#include "lab/system_reason.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <string_view>
#include <sys/syscall.h>
#include <system_error>
#include <unistd.h>

namespace trefoil::lab {

namespace {

[[noreturn]] void fail(const char* what) {
  throw error(fault::input,
              std::string("record: cannot drop privileges: ") + what + ": " + system_reason(errno));
}

std::optional<unsigned> number_in(const char* variable) {
  const char* const text = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe): one thread
  if (text == nullptr) return {};
  const std::string_view all(text);
  unsigned number = 0;
  const auto [end, wrong] = std::from_chars(all.data(), all.data() + all.size(), number);
  if (wrong != std::errc{} || end != all.data() + all.size()) return {};
  return number;
}

// Those of this process.
class capabilities {
 public:
  capabilities() { static_cast<void>(::syscall(SYS_capget, &header_, words_.data())); }

  bool has(unsigned one) const { return (words_[one / 32].effective >> (one % 32) & 1) != 0; }
  // Of the first 32; what is not there is not asked for.
  void keep_only(std::uint32_t mask) {
    const std::uint32_t both = words_[0].permitted & mask;
    words_ = {};
    words_[0].effective = words_[0].permitted = both;
  }
  bool apply() { return ::syscall(SYS_capset, &header_, words_.data()) == 0; }

 private:
  __user_cap_header_struct header_{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> words_{};
};

// What users are called, and their groups, may take libraries of the machine's own: not for a static program.
#ifdef TREFOIL_STATIC
std::string name_of(uid_t user) { return "user " + std::to_string(user); }
bool take_groups(const sudo_user& who) { return ::setgroups(1, &who.group) == 0; }
#else
std::string name_of(uid_t user) {
  const passwd* const known = ::getpwuid(user);  // NOLINT(concurrency-mt-unsafe): one thread
  return known != nullptr ? known->pw_name : "";
}
bool take_groups(const sudo_user& who) {
  return who.name.empty() ? ::setgroups(1, &who.group) == 0
                          : ::initgroups(who.name.c_str(), who.group) == 0;
}
#endif

}  // namespace

std::optional<sudo_user> who_used_sudo() {
  if (::geteuid() != 0) return {};
  const auto user = number_in("SUDO_UID");
  const auto group = number_in("SUDO_GID");
  if (!user || !group || *user == 0) return {};
  return sudo_user{*user, *group, name_of(*user)};
}

void become(const sudo_user& who) {
  if (!take_groups(who)) fail("groups");
  if (::setresgid(who.group, who.group, who.group) != 0) fail("group");
  if (::setresuid(who.user, who.user, who.user) != 0) fail("user");
}

bool may_load_programs() {
  const capabilities mine;
  return mine.has(CAP_SYS_ADMIN) || (mine.has(CAP_BPF) && mine.has(CAP_PERFMON));
}

void drop_capabilities() {
  capabilities kept;
  kept.keep_only(::geteuid() == 0 ? 1U << CAP_DAC_OVERRIDE | 1U << CAP_KILL : 0);
  // What may not be inherited is not ambient either: the kernel sees to that.
  if (!kept.apply()) fail("capabilities");
}

}  // namespace trefoil::lab
