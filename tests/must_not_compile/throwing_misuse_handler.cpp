// SPDX-License-Identifier: Apache-2.0
// A misuse may be reported from anywhere, a signal handler included: no place to throw.
// error: invalid conversion from|no matching function for call to 'set_handler'
#include "mm.hpp"

#ifdef TREFOIL_VALID
void handler(trefoil::misuse, const void*) noexcept;
#else
void handler(trefoil::misuse, const void*);
#endif

void begin() { trefoil::misuse_report::set_handler(&handler); }
