// SPDX-License-Identifier: Apache-2.0
// A platform that cannot serve address spaces is told what it lacks.
// error: trefoil: the platform of an address space names a 'ledger'
#include <trefoil/mm/mm.hpp>
#include <trefoil/trefoil.hpp>

struct platform : trefoil::threads {
  static trefoil::context::state<platform>& state() noexcept;
#ifdef TREFOIL_VALID
  struct ledger {
    struct account {};
    void mappings_born(account&) noexcept {}
    void page_directory_born(account&) noexcept {}
    void identity_born(account&) noexcept {}
    void mappings_gone(account&) noexcept {}
    void page_directory_gone(account&) noexcept {}
    void identity_gone(account&) noexcept {}
    void user_namespace_born() noexcept {}
    void user_namespace_gone() noexcept {}
    void exec_state_born() noexcept {}
    void exec_state_gone() noexcept {}
  };
#endif
  struct traits {
    using platform = ::platform;
    using counts = trefoil::default_counts;
    using reclaimer = trefoil::basic_polled<platform, struct spaces>;
    using storage = trefoil::pooled;
  };
  using namespace_traits = traits;
};

template class trefoil::mm::kernel<platform>;
