// SPDX-License-Identifier: Apache-2.0
// A slot holds a reference.
// error: class trefoil::slot<int\*>|template .trefoil::slot<int \*>
#include "mm.hpp"

#ifdef TREFOIL_VALID
trefoil::slot<trefoil::ref<mm>> active;
#else
trefoil::slot<int*> active;
#endif
