// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <trefoil/trefoil.hpp>

#include <atomic>

// An object of three tiers that counts its teardowns, outside of itself.
struct identity final {
  static constexpr auto teardown = trefoil::context::any;

  identity(int i, std::atomic<int>* counter) : id(i), torn(counter) {}
  identity(const identity&) = delete;
  identity& operator=(const identity&) = delete;
  ~identity() { ++*torn; }

  int id;
  std::atomic<int>* torn;
};

struct page_directory final {
  static constexpr auto teardown = trefoil::context::atomic;

  explicit page_directory(identity& i) : torn(i.torn) {}
  page_directory(const page_directory&) = delete;
  page_directory& operator=(const page_directory&) = delete;
  ~page_directory() { ++*torn; }

  std::atomic<int>* torn;
};

struct mappings final {
  static constexpr auto teardown = trefoil::context::process;

  mappings(page_directory&, identity& i) : torn(i.torn) {}
  mappings(const mappings&) = delete;
  mappings& operator=(const mappings&) = delete;
  ~mappings() { ++*torn; }

  std::atomic<int>* torn;
};

using mm = trefoil::staged<mappings, page_directory, identity>;
