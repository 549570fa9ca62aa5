// SPDX-License-Identifier: Apache-2.0
// What is said about misuses, how they are counted, and who is told.
#include "misuse_recorder.hpp"

#include <trefoil/trefoil.hpp>

#include <gtest/gtest.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <set>
#include <string>

namespace {

using trefoil::describe;
using trefoil::misuse;
using trefoil::misuse_report;
using trefoil::threads;

TEST(misuse_kinds, all_have_a_description_of_their_own) {
  std::set<std::string> said;
  for (std::size_t i = 0; i < trefoil::misuse_kinds; ++i) {
    const std::string line = describe(static_cast<misuse>(i));
    EXPECT_FALSE(line.empty());
    EXPECT_EQ(line.find('\n'), std::string::npos);
    EXPECT_EQ(line.find("unknown"), std::string::npos) << i;
    EXPECT_TRUE(said.insert(line).second) << "twice: " << line;
  }
  EXPECT_STREQ(describe(static_cast<misuse>(trefoil::misuse_kinds)), "unknown misuse");
}

TEST(misuse_kinds, are_constants) {
  static_assert(*describe(misuse::add_overflow) != '\0');
  EXPECT_EQ(static_cast<std::size_t>(misuse::kill_refused) + 1, trefoil::misuse_kinds);
}

TEST(misuse_reports, are_counted_by_kind) {
  misuse_recorder recorder;
  const auto flushes = misuse_report::count(misuse::flush_refused);
  const auto trims = misuse_report::count(misuse::trim_refused);
  threads::report(misuse::flush_refused, nullptr);
  threads::report(misuse::flush_refused, nullptr);
  EXPECT_EQ(misuse_report::count(misuse::flush_refused), flushes + 2);
  EXPECT_EQ(misuse_report::count(misuse::trim_refused), trims);
  EXPECT_EQ(recorder.take(), (misuses{{misuse::flush_refused, 2}}));
}

TEST(misuse_reports, tell_the_handler_what_was_misused) {
  misuse_recorder recorder;
  const int subject = 0;
  threads::report(misuse::slot_at_any, &subject);
  EXPECT_EQ(recorder.last_subject(), &subject);
  EXPECT_EQ(recorder.take(), (misuses{{misuse::slot_at_any, 1}}));
}

TEST(misuse_reports, set_handler_returns_the_one_before) {
  const auto first = [](misuse, const void*) noexcept {};
  const auto second = [](misuse, const void*) noexcept { errno = 0; };
  EXPECT_EQ(misuse_report::set_handler(first), nullptr);
  EXPECT_EQ(misuse_report::set_handler(second), +first);
  EXPECT_EQ(misuse_report::set_handler(nullptr), +second);
}

/// The default handler says the first of a kind: to be asked of a process that has not begun yet.
class misuse_reports_death : public ::testing::Test {
 protected:
  misuse_reports_death() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(misuse_reports_death, without_a_handler_are_one_line_each) {
  for (std::size_t i = 0; i < trefoil::misuse_kinds; ++i) {
    const auto kind = static_cast<misuse>(i);
    const std::string line = std::string("trefoil: ") + describe(kind) + " \\(at 0x0*1234\\)\n";
    EXPECT_EXIT(
        {
          threads::report(kind, reinterpret_cast<const void*>(0x1234));
          std::_Exit(0);
        },
        ::testing::ExitedWithCode(0), "^" + line + "$");
  }
}

TEST_F(misuse_reports_death, of_a_kind_are_said_once) {
  EXPECT_EXIT(
      {
        threads::report(misuse::no_defer, nullptr);
        threads::report(misuse::no_defer, nullptr);
        threads::report(misuse::no_defer, nullptr);
        std::_Exit(static_cast<int>(misuse_report::count(misuse::no_defer)));
      },
      ::testing::ExitedWithCode(3), "^trefoil: [^\n]*\n$");
}

TEST_F(misuse_reports_death, leave_errno_alone) {
  // A handler may have interrupted code that is about to read it.
  EXPECT_EXIT(
      {
        errno = ENOENT;
        threads::report(misuse::no_defer, nullptr);
        std::_Exit(errno == ENOENT ? 0 : 1);
      },
      ::testing::ExitedWithCode(0), "trefoil");
}

}  // namespace
