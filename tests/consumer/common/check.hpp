// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>
#include <cstdlib>

// Unlike assert(), also in release builds.
#define CHECK(condition)                                                                           \
  ((condition) ? void()                                                                            \
               : (std::fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition),   \
                  std::abort()))
