// SPDX-License-Identifier: Apache-2.0
// Memory does not depend on the length of a recording. No sanitizer: theirs does.
#include "lab/recording/reader.hpp"
#include "lab/tsv/import.hpp"
#include "tests/lab/text.hpp"

#include <cstdint>
#include <sys/resource.h>
#include <vector>

namespace trefoil::lab {
namespace {

// The most this process ever had at once. It never falls, so what a longer recording adds to it is
// what that one needed beyond a shorter one.
long peak_kib() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

class Memory : public files {
 protected:
  void import(std::int64_t rounds) const {
    import_tsv(TREFOIL_SAMPLES "/lua-build.tsv.gz", path("x.trefoil"), {{}, rounds, {}});
  }

  void read() const {
    recording_reader reader(path("x.trefoil"));
    for (event e; reader.next(e);) continue;
  }
};

constexpr long noise_kib = 1024;

// 100 rounds fill SQLite's cache and all buffers; 300 more are half a million events.
TEST_F(Memory, IsBounded) {
  import(100);
  read();
  const long before = peak_kib();
  import(400);
  const long after_import = peak_kib();
  read();
  EXPECT_LT(after_import - before, noise_kib);
  EXPECT_LT(peak_kib() - after_import, noise_kib);

  // And it would have been seen: here each event leaves eight bytes.
  std::vector<std::int64_t> kept;
  recording_reader reader(path("x.trefoil"));
  for (event e; reader.next(e);) kept.push_back(e.time_ns);
  EXPECT_EQ(static_cast<std::int64_t>(kept.size()), reader.row());
  EXPECT_GT(peak_kib() - after_import, noise_kib);
}

}  // namespace
}  // namespace trefoil::lab
