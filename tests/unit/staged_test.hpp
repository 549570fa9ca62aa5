// SPDX-License-Identifier: Apache-2.0
/// @file
/// What the tests of staged objects have in common: traits, kinds of counts, a strict fixture.
#pragma once

#include "counted_storage.hpp"
#include "journal.hpp"
#include "misuse_recorder.hpp"

#include <trefoil/trefoil.hpp>

#include <gtest/gtest.h>

#include <cstddef>
#include <limits>

/// The reclaimer of the tests: teardowns wait until the test polls, so that it sees them waiting.
struct by_hand;
using hand_polled = trefoil::polled<by_hand>;

template <class Counts, class Storage = counted_storage>
struct test_traits : trefoil::default_traits {
  using counts = Counts;
  using reclaimer = hand_polled;
  using storage = Storage;
};

/// Every kind of counts that three tiers can have.
using kinds_of_counts = ::testing::Types<trefoil::packed_counts<>, trefoil::packed_counts<8, 8, 8>,
                                         trefoil::packed_counts<12, 20, 32>, trefoil::wide_counts,
                                         trefoil::padded_counts>;

/// Every test begins with an empty journal and ends without a misuse that it did not expect, a
/// block that was not given back, a teardown that still waits, or a level that was not restored.
class staged_test : public ::testing::Test {
 protected:
  // Constructor and destructor, not SetUp() and TearDown(): fixtures have members that hold objects.
  staged_test() { journal::clear(); }

  ~staged_test() override {
    counted_storage::fail_on(0);
    EXPECT_EQ(reported.take(), misuses{});
    EXPECT_EQ(counted_storage::blocks(), blocks_before_);
    EXPECT_EQ(hand_polled::counters().pending, 0U);
    EXPECT_EQ(trefoil::context::current(), trefoil::context::process);
    EXPECT_FALSE(trefoil::threads::state().inside_teardown());
  }

  staged_test(const staged_test&) = delete;
  staged_test& operator=(const staged_test&) = delete;

  misuse_recorder reported;

 private:
  std::size_t blocks_before_ = counted_storage::blocks();
};
