// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <trefoil/trefoil.hpp>

#include <atomic>
#include <cstdint>

// What one image offers to the others. References cross the border as raw pointers: their type is
// hidden in each image, as the types of a real plug-in would be.
struct part {
  void* (*make)(int id, std::atomic<int>* torn);
  int (*id_of)(void* raw);
  void (*drop)(void* raw);
  trefoil::context::level (*level)();
  void (*in_handler)(void (*then)());
  bool (*flush)();
  std::uint64_t (*pending)();
  std::uint64_t (*run)();
};

#define PART_EXPORT extern "C" __attribute__((visibility("default")))

PART_EXPORT const part* program_part();
PART_EXPORT const part* linked_part();
PART_EXPORT const part* loaded_part();
