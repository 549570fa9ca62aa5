// SPDX-License-Identifier: Apache-2.0
// References of different kinds are not interchangeable without saying so.
// error: conversion from|no viable conversion
#include "mm.hpp"

#ifdef TREFOIL_VALID
void holder(trefoil::ref<mm, mappings> user) { trefoil::ref<mm, mappings> other = user; }
#else
void holder(trefoil::ref<mm, mappings> user) { trefoil::ref<mm, identity> other = user; }
#endif
