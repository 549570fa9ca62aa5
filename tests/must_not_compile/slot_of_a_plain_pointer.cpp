// SPDX-License-Identifier: Apache-2.0
// A slot holds a reference.
// error(gcc): 'trefoil::slot<int\*> active' has incomplete type
// error(clang): undefined template 'trefoil::slot<int \*>'
#include "mm.hpp"

#ifdef TREFOIL_VALID
trefoil::slot<trefoil::ref<mm>> active;
#else
trefoil::slot<int*> active;
#endif
