// SPDX-License-Identifier: Apache-2.0
// The designs are the table that their documentation shows.
#include "machine/design.hpp"

#include <gtest/gtest.h>

#include <string_view>

namespace {

using namespace trefoil::machine;

struct row {
  std::string_view id;
  kept exit_mm;
  kept oom_mm;
  kept others;
  bool exec_state;
  bool lazy_slots;
};

constexpr row table[]{
    {"two-counts", kept::nothing, kept::page_directory, kept::page_directory, false, false},
    {"two-counts-exit-mm", kept::page_directory, kept::page_directory, kept::page_directory, false,
     false},
    {"three-counts", kept::identity, kept::identity, kept::page_directory, false, false},
    {"reversed", kept::identity, kept::identity, kept::identity, false, false},
    {"exec-state", kept::nothing, kept::page_directory, kept::page_directory, true, false},
    {"lazy-slots", kept::identity, kept::identity, kept::identity, false, true},
};

TEST(designs_test, AreThoseOfTheTable) {
  ASSERT_EQ(designs.size(), std::size(table));
  for (const row& r : table) {
    SCOPED_TRACE(r.id);
    const design* const d = find_design(r.id);
    ASSERT_NE(d, nullptr);
    EXPECT_EQ(d->id, r.id);
    EXPECT_FALSE(d->title.empty());
    EXPECT_EQ(d->keeps_of(holder::user), kept::mappings);
    EXPECT_EQ(d->keeps_of(holder::lazy_cpu), kept::page_directory);
    EXPECT_EQ(d->keeps_of(holder::exit_mm), r.exit_mm);
    EXPECT_EQ(d->keeps_of(holder::oom_mm), r.oom_mm);
    EXPECT_EQ(d->keeps_of(holder::proc_handle), r.others);
    EXPECT_EQ(d->keeps_of(holder::struct_only), r.others);
    EXPECT_EQ(d->has_exec_state, r.exec_state);
    EXPECT_EQ(d->lazy_slots, r.lazy_slots);
  }
}

TEST(designs_test, WhatARecordingShowsIsTwoCounts) {
  EXPECT_EQ(recorded_design.id, "two-counts");
  EXPECT_EQ(&recorded_design, find_design("two-counts"));
}

TEST(designs_test, NoOtherIsFound) {
  for (const std::string_view id : {"", "two", "two-counts ", "TWO-COUNTS", "three"}) {
    EXPECT_EQ(find_design(id), nullptr) << id;
  }
}

TEST(designs_test, HoldersHaveTheirNames) {
  EXPECT_EQ(name_of(holder::user), "user");
  EXPECT_EQ(name_of(holder::lazy_cpu), "lazy-cpu");
  EXPECT_EQ(name_of(holder::exit_mm), "exit-mm");
  EXPECT_EQ(name_of(holder::oom_mm), "oom-mm");
  EXPECT_EQ(name_of(holder::proc_handle), "proc-handle");
  EXPECT_EQ(name_of(holder::struct_only), "struct-only");
}

}  // namespace
