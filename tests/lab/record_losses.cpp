// SPDX-License-Identifier: Apache-2.0
// A recorder that cannot keep up says what is lost.
#include "tests/lab/record_run.hpp"
#include "tests/lab/text.hpp"

#include <cstdint>
#include <nlohmann/json.hpp>

namespace trefoil::lab {
namespace {

class RecordLosses : public record_run {};

// The program that is recorded stops the recorder meanwhile.
TEST_F(RecordLosses, AreCountedWhenTheRingIsFull) {
  const std::string file = path("x.trefoil");
  const outcome result =
      run({"record", "-o", file, "--json", "--", TREFOIL_RECORD_SUBJECT, "storm"});
  ASSERT_EQ(result.status, 0) << result.err;
  const auto told = nlohmann::json::parse(result.out);
  const auto lost = told["lost"]["ring"].get<std::int64_t>();
  EXPECT_GT(lost, 1000);
  const auto info = nlohmann::json::parse(run({"info", file, "--json"}).out);
  std::int64_t by_cpu = 0;
  for (const auto& cpu : info["recorder"]["cpus"]) by_cpu += cpu["ring_lost"].get<std::int64_t>();
  EXPECT_EQ(by_cpu, lost);
  EXPECT_EQ(info["losses"]["recorder_lost_events"], lost);
  EXPECT_NE(result.err.find(std::to_string(lost)), std::string::npos) << result.err;
  // What is there can be read and replayed all the same.
  const outcome replayed = run({"replay", file, "--json"});
  EXPECT_EQ(replayed.status, 0) << replayed.err;
}

}  // namespace
}  // namespace trefoil::lab
