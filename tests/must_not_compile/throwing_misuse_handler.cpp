// SPDX-License-Identifier: Apache-2.0
// A misuse may be reported from anywhere, a signal handler included: no place to throw.
// error(gcc): invalid conversion from 'void \(\*\)\(trefoil::misuse, const void\*\)' to 'trefoil::misuse_report::handler'
// error(clang): different exception specifications
#include "mm.hpp"

#ifdef TREFOIL_VALID
void handler(trefoil::misuse, const void*) noexcept;
#else
void handler(trefoil::misuse, const void*);
#endif

void begin() { trefoil::misuse_report::set_handler(&handler); }
