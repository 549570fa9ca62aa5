// SPDX-License-Identifier: Apache-2.0
// A process that the OOM killer ends, in a cgroup of its own where one may be made.
#include "lab/recording/sqlite.hpp"
#include "tests/lab/own_recording.hpp"
#include "tests/lab/record_run.hpp"
#include "tests/lab/text.hpp"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

namespace trefoil::lab {
namespace {

// With room for 16 MiB. Empty path: none can be made.
class small_cgroup {
 public:
  small_cgroup() {
    const std::string name = "trefoil-test-" + std::to_string(::getpid());
    // cgroup v1, v2.
    for (const auto& [root, limit] : {std::pair{"/sys/fs/cgroup/memory/", "memory.limit_in_bytes"},
                                      std::pair{"/sys/fs/cgroup/", "memory.max"}}) {
      std::error_code failed;
      if (!std::filesystem::create_directory(root + name, failed) || failed) continue;
      path_ = root + name;
      write("memory.swap.max", "0");
      write("memory.swappiness", "0");
      if (write(limit, "16777216")) return;
      ::rmdir(path_.c_str());
      path_.clear();
    }
  }
  ~small_cgroup() {
    if (!path_.empty()) ::rmdir(path_.c_str());
  }
  small_cgroup(const small_cgroup&) = delete;
  small_cgroup& operator=(const small_cgroup&) = delete;

  const std::string& path() const { return path_; }

 private:
  bool write(const std::string& file, const char* value) const {
    const int to = ::open((path_ + '/' + file).c_str(), O_WRONLY | O_CLOEXEC);
    if (to < 0) return false;
    const bool written = ::write(to, value, std::strlen(value)) > 0;
    ::close(to);
    return written;
  }
  std::string path_;
};

class RecordOom : public record_run {};

TEST_F(RecordOom, TellsOfAVictimUntilItsMmGoes) {
  const small_cgroup small;
  if (small.path().empty()) GTEST_SKIP() << "no cgroup with a limit of memory can be made here";
  const std::string file = path("x.trefoil");
  const outcome result = run(
      {"record", "-o", file, "--", TREFOIL_RECORD_SUBJECT, "oom", small.path() + "/cgroup.procs"});
  ASSERT_EQ(result.status, 0) << result.err;
  if (result.err.find("no tracepoint mark_victim") != std::string::npos) GTEST_SKIP() << result.err;
  std::string pid;
  std::istringstream lines(result.out);
  for (std::string what; lines >> what && what != "victim";) {}
  ASSERT_TRUE(lines >> pid) << "nobody was killed: " << result.out;

  const own_recording recording(file);
  const auto events = [&](const std::string& which) {
    sqlite::statement select(recording, ("SELECT kind, coalesce(subject, -1), coalesce(name, '') "
                                         "FROM readable LEFT JOIN last_drop USING (event) "
                                         "LEFT JOIN holder USING (holder) WHERE " +
                                         which + " ORDER BY event")
                                            .c_str());
    std::string all;
    while (select.step()) {
      all += select.text(0) + (select.integer(1) < 0 ? "" : ' ' + select.text(1)) +
             (select.text(2).empty() ? "" : " (" + select.text(2) + ')') + ", ";
    }
    return all;
  };
  const std::string victim =
      "(SELECT task FROM readable WHERE kind = 'fork' AND subject = " + pid + ')';
  EXPECT_EQ(events("kind IN ('oom', 'task_exit', 'rcu_put', 'task_free') AND task = " + victim),
            "oom, task_exit 0, rcu_put " + pid + ", task_free, ");
  EXPECT_EQ(events("kind IN ('oom', 'exit_mmap', 'mm_free', 'task_free') AND (task = " + victim +
                   " OR mm = (SELECT mm FROM readable WHERE kind = 'fork' AND task = " + victim +
                   "))"),
            "oom, exit_mmap, task_free, mm_free (signal->oom_mm), ");

  const auto truth = nlohmann::json::parse(run({"replay", file, "--json"}).out)["truth"];
  EXPECT_GE(truth["mms"], 2);
  EXPECT_EQ(truth["agree"], truth["mms"]) << truth;
}

}  // namespace
}  // namespace trefoil::lab
