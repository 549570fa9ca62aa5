// SPDX-License-Identifier: Apache-2.0
// What object/kernel.cpp does when it runs. Built twice: with the object file that was compiled
// freestanding, and with the same source compiled for this system.
#include <gtest/gtest.h>

#include "object/kernel.hpp"

namespace {

// The value is the line of object/kernel.cpp that found otherwise.
TEST(freestanding, polled) { EXPECT_EQ(kernel_polled(), 0); }
TEST(freestanding, inline_only) { EXPECT_EQ(kernel_inline_only(), 0); }
TEST(freestanding, executor) { EXPECT_EQ(kernel_executor(), 0); }
TEST(freestanding, references) { EXPECT_EQ(kernel_references(), 0); }
TEST(freestanding, findable) { EXPECT_EQ(kernel_findable(), 0); }
TEST(freestanding, static_object) { EXPECT_EQ(kernel_static_object(), 0); }
TEST(freestanding, memory) { EXPECT_EQ(kernel_memory(), 0); }
TEST(freestanding, chain) { EXPECT_EQ(kernel_chain(), 0); }
TEST(freestanding, misuse) { EXPECT_EQ(kernel_misuse(), 0); }

}  // namespace
