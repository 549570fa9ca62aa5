// SPDX-License-Identifier: Apache-2.0
#include "machine/ledger.hpp"

#include "machine/platform.hpp"

namespace trefoil::machine {

void ledger::page_directory_gone(account& a) noexcept {
  --page_directories_;
  ++gone_;
  if (a.mappings_gone_ns == account::alive) return;  // it never had any: construction failed
  a.page_directory_gone_ns = counted_ns_;
  --dead_;
  ++bare_;
  if (paused_) {
    if (a.dead.begun()) peaks_.forget(a.dead);
    return;
  }
  // Who is answerable is known on the CPU that runs this: the holder that is letting go, or whose
  // deferred drop a worker is finishing.
  const holder last = detail::running == nullptr ? holder::user : detail::running->dropping;
  by_last_[static_cast<std::size_t>(last)] += counted_ns_ - a.mappings_gone_ns;
  if (a.dead.begun()) peaks_.end(a.dead, counted_ns_, last);
}

void ledger::identity_gone(account& a) noexcept {
  --identities_;
  ++identities_gone_;
  if (a.page_directory_gone_ns != account::alive) --bare_;
}

}  // namespace trefoil::machine
