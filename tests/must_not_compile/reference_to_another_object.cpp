// SPDX-License-Identifier: Apache-2.0
// Nor between objects.
// error: conversion from|no viable conversion
#include "mm.hpp"

#ifdef TREFOIL_VALID
void holder(trefoil::ref<file> name) { trefoil::ref<file> other = name; }
#else
void holder(trefoil::ref<file> name) { trefoil::ref<mm> other = name; }
#endif
