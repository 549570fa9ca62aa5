// SPDX-License-Identifier: Apache-2.0
// A reference is born from a reference, or adopted by name.
// error: conversion from|no viable conversion
#include "mm.hpp"

#ifdef TREFOIL_VALID
void holder(mm* raw, trefoil::ref<mm, identity> bare) { trefoil::ref<mm, identity> other = bare; }
#else
void holder(mm* raw, trefoil::ref<mm, identity> bare) { trefoil::ref<mm, identity> other = raw; }
#endif
