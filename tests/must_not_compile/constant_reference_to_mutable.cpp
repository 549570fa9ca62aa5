// SPDX-License-Identifier: Apache-2.0
// Constant access does not turn into the other kind.
// error: conversion from|no viable conversion
#include "mm.hpp"

#ifdef TREFOIL_VALID
void holder(trefoil::ref<const mm, identity> bare) {
  trefoil::ref<const mm, identity> other = bare;
}
#else
void holder(trefoil::ref<const mm, identity> bare) { trefoil::ref<mm, identity> other = bare; }
#endif
