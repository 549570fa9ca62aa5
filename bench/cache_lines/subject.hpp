// SPDX-License-Identifier: Apache-2.0
/// @file
/// What the CPUs do again and again: each takes a reference and gives it back.
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "cpus.hpp"

namespace bench::cache_lines {

class subject {
 public:
  subject() = default;
  subject(const subject&) = delete;
  subject& operator=(const subject&) = delete;
  virtual ~subject() = default;

  /// Once per CPU, before it counts; and after.
  virtual void prepare(unsigned) {}
  virtual void finish(unsigned) {}

  virtual void acquire(unsigned cpu) = 0;
  virtual void release(unsigned cpu) = 0;
};

struct row {
  std::string_view name;
  std::string_view what;
  /// Trefoil's are its own code under platform.hpp; the others are patterns (patterns.cpp).
  bool real = true;
  std::function<std::unique_ptr<subject>(unsigned cpus)> make;
};

/// Traffic of one pair of acquire and release, when each CPU does so many, after the first of each.
struct per_pair {
  double accesses = 0;
  double transfers = 0;
  double invalidated = 0;
};
per_pair simulate(const row& what, unsigned count, interleaving how, unsigned pairs);

/// All there are, by file.
void add_references(std::vector<row>& to);
void add_deaths(std::vector<row>& to);
void add_patterns(std::vector<row>& to);

}  // namespace bench::cache_lines
