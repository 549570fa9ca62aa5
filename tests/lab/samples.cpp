// SPDX-License-Identifier: Apache-2.0
// The recordings in samples/recordings: all are imported without complaint and fully.
#include "lab/recording/reader.hpp"
#include "lab/recording/sqlite.hpp"
#include "lab/tsv/import.hpp"
#include "lab/tsv/parser.hpp"
#include "tests/lab/text.hpp"

#include <string_view>

namespace trefoil::lab {
namespace {

// As counted by zcat, cut and sort.
struct sample {
  const char* name;
  std::int64_t events;
  std::int64_t mm_frees;
  std::int64_t task_frees;
  population mms;
  population tasks;
  bool preempt_rt;
  exit_event task_exit;
};

constexpr auto before = exit_event::before;
const sample samples[] = {
    {"fork", 34072, 4001, 1979, {4003, 1, 2}, {2023, 22, 44}, false, before},
    {"lua-build", 1737, 124, 134, {125, 1, 1}, {141, 20, 7}, false, before},
    {"nginx-switch", 43655, 3, 16, {10, 6, 7}, {38, 36, 22}, false, before},
    {"oom", 7213, 807, 424, {807, 1, 0}, {435, 22, 11}, false, before},
    {"preempt-rt", 8565, 1003, 501, {1003, 1, 0}, {512, 11, 11}, true, exit_event::after},
    {"procscan", 32536, 3829, 1870, {3829, 1, 0}, {1938, 22, 68}, false, before},
    {"threads", 10402, 121, 1614, {122, 1, 1}, {1622, 20, 8}, false, before},
};

class Samples : public files, public ::testing::WithParamInterface<sample> {};

TEST_P(Samples, AreImportedAndCounted) {
  const sample& expected = GetParam();
  const std::string from = std::string(TREFOIL_SAMPLES "/") + expected.name + ".tsv.gz";
  const imported result = import_tsv(from, path("x.trefoil"), {});
  EXPECT_EQ(result.events, expected.events);
  EXPECT_EQ(result.machine.preempt_rt.value, expected.preempt_rt);
  EXPECT_EQ(result.machine.task_exit.value, expected.task_exit);

  // Read back beside the text: event by event the same.
  names all;
  tsv_parser parser(from, all);
  recording_reader reader(path("x.trefoil"));
  event of_text;
  event of_recording;
  while (parser.next(of_text)) {
    ASSERT_TRUE(reader.next(of_recording));
    ASSERT_EQ(of_text, of_recording) << "line " << parser.line();
  }
  EXPECT_FALSE(reader.next(of_recording));
  // The reader does not look where a kind names no object: nothing is left there of an earlier row.
  const sqlite::database file(path("x.trefoil"), sqlite::mode::read, "x.trefoil");
  sqlite::statement left(file, "SELECT count(*) FROM event JOIN event_kind USING (kind) WHERE "
                               "coalesce(third, fourth) IS NOT NULL AND name NOT IN ('prep_exec', "
                               "'switch', 'task_exit', 'files_free', 'sighand_free')");
  ASSERT_TRUE(left.step());
  EXPECT_EQ(left.integer(0), 0);
  const census& counts = reader.census();
  EXPECT_EQ(counts.events(event_kind::mm_free), expected.mm_frees);
  EXPECT_EQ(counts.events(event_kind::task_free), expected.task_frees);
  EXPECT_EQ(counts.mms(), expected.mms);
  EXPECT_EQ(counts.tasks(), expected.tasks);
  EXPECT_EQ(counts.named_after_free(), 0);
}

TEST_P(Samples, CanBeRepeated) {
  const std::string from = std::string(TREFOIL_SAMPLES "/") + GetParam().name + ".tsv.gz";
  import_tsv(from, path("x.trefoil"), {{}, 3, {}});
  recording_reader reader(path("x.trefoil"));
  for (event e; reader.next(e);) continue;
  EXPECT_EQ(reader.row(), 3 * GetParam().events);
  EXPECT_EQ(reader.census().mms().seen, 3 * GetParam().mms.seen);
  EXPECT_EQ(reader.census().mms().outliving, 3 * GetParam().mms.outliving);
}

INSTANTIATE_TEST_SUITE_P(All, Samples, ::testing::ValuesIn(samples), [](const auto& one) {
  std::string name = one.param.name;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

}  // namespace
}  // namespace trefoil::lab
