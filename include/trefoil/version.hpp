// SPDX-License-Identifier: Apache-2.0
/// @file
/// The version of the library, for the preprocessor. The build reads it from here.
#pragma once

#define TREFOIL_VERSION_MAJOR 0
#define TREFOIL_VERSION_MINOR 1
#define TREFOIL_VERSION_PATCH 0
