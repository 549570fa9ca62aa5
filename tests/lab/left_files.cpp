// SPDX-License-Identifier: Apache-2.0
// Recordings as other programs leave them: with a write-ahead log (WAL), a change that was not finished, a
// writer at work; read by whoever may read them, also where nobody may write.
#include "lab/tsv/import.hpp"
#include "tests/lab/tool_run.hpp"

#include <csignal>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <sched.h>
#include <sqlite3.h>
#include <string>
#include <sys/mount.h>
#include <vector>

namespace trefoil::lab {
namespace {

constexpr unsigned nobody = 65534;

class Left : public tool_run {
 protected:
  Left() {
    import_tsv(write("x.tsv", one_life()), file_, {});
    std::filesystem::remove(path("x.tsv"));
    // Others may look at it, and not write.
    std::filesystem::permissions(path(""), std::filesystem::perms(0755));
    std::filesystem::permissions(file_, std::filesystem::perms(0644));
  }

  // Another program that works on the file, and is killed when the test has looked, or before.
  class program {
   public:
    program(const std::string& file, const std::string& sql) {
      int ready[2];
      if (::pipe(ready) != 0) throw std::runtime_error("pipe");
      pid_ = ::fork();
      if (pid_ == 0) {
        sqlite3* raw = nullptr;
        sqlite3_open(file.c_str(), &raw);
        const bool done = sqlite3_exec(raw, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK;
        if (::write(ready[1], done ? "y" : "n", 1) == 1) ::pause();
        ::_exit(0);
      }
      char answer = 'n';
      EXPECT_EQ(::read(ready[0], &answer, 1), 1);
      EXPECT_EQ(answer, 'y') << sql;
      ::close(ready[0]);
      ::close(ready[1]);
    }
    ~program() { kill(); }
    program(const program&) = delete;
    program& operator=(const program&) = delete;

    void kill() {
      if (pid_ <= 0) return;
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
      pid_ = -1;
    }

   private:
    pid_t pid_ = -1;
  };

  void change(const std::string& sql) const {
    sqlite3* raw = nullptr;
    sqlite3_open(file_.c_str(), &raw);
    EXPECT_EQ(sqlite3_exec(raw, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(raw);
    sqlite3_close(raw);
  }

  static void become_nobody() {
    if (::setgid(nobody) != 0 || ::setuid(nobody) != 0) ::_exit(126);
  }

  // Contents too, as hashes; but that of the log's index, in which readers note that they are there.
  std::map<std::string, std::size_t> folder() const {
    std::map<std::string, std::size_t> all;
    for (const std::string& name : list()) {
      all[name] = name.ends_with("-shm") ? 0 : std::hash<std::string>()(content(path(name)));
    }
    return all;
  }

  // The source that `info` tells; nothing is changed by that. Empty: refused, the line is in refusal_.
  template <class Before>
  std::string source(Before before) {
    const auto there = folder();
    const outcome result = wait(start({"info", "--json", file_}, before));
    EXPECT_EQ(folder(), there);
    refusal_ = result.err;
    if (result.status == 0) return nlohmann::json::parse(result.out)["source"];
    EXPECT_EQ(result.status, 2) << result.err;
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
    return "";
  }
  std::string source() {
    return source([] {});
  }

  const std::string file_ = path("x.trefoil");
  std::string refusal_;
};

constexpr const char* into_log = "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; "
                                 "UPDATE machine SET source = 'changed'";

TEST_F(Left, WithALogThatIsEmptyIsRead) {
  change("PRAGMA journal_mode = WAL");
  ASSERT_EQ(list(), std::vector<std::string>{"x.trefoil"});
  EXPECT_EQ(source(), "x.tsv");
  EXPECT_EQ(run({"replay", file_}).status, 0);
  EXPECT_EQ(list(), std::vector<std::string>{"x.trefoil"});
  if (::geteuid() != 0) GTEST_SKIP() << "the rest takes root, to become nobody";
  EXPECT_EQ(source(become_nobody), "x.tsv");
  write("x.trefoil-wal", "");
  EXPECT_EQ(source(become_nobody), "x.tsv");
}

// Under any name: it becomes part of a URI.
TEST_F(Left, WithALogIsReadUnderAnyName) {
  change("PRAGMA journal_mode = WAL");
  for (const std::string name : {"a b?c#d%41&mode=rwc", ":memory:", "\xc3\xa4\xff", "'\";"}) {
    std::filesystem::copy(file_, path(name));
    EXPECT_EQ(run({"info", path(name)}).status, 0) << name;
  }
  const auto there = list();
  EXPECT_EQ(there.size(), 5U);
}

// Its content counts, whether somebody has it open, was killed, or it was copied with the file.
TEST_F(Left, WithALogIsReadWithIt) {
  program other(file_, into_log);
  EXPECT_EQ(run({"info", file_}).out.find("x.tsv"), std::string::npos);
  other.kill();
  EXPECT_EQ(source(), "changed");
  std::filesystem::remove(file_ + "-shm");
  EXPECT_EQ(source(), "changed");
  EXPECT_EQ(list(), (std::vector<std::string>{"x.trefoil", "x.trefoil-wal"}));
  if (::geteuid() != 0) GTEST_SKIP() << "the rest takes root, to become nobody";
  EXPECT_EQ(source(become_nobody), "changed");
  // What cannot be read is not left out without a word.
  std::filesystem::permissions(file_ + "-wal", std::filesystem::perms(0600));
  EXPECT_EQ(source(become_nobody), "");
  EXPECT_EQ(refusal_, "trefoil: " + file_ + ": its latest changes are in " + file_ +
                          "-wal, which cannot be read here: `sqlite3 FILE 'PRAGMA "
                          "wal_checkpoint(TRUNCATE)'` puts them in place, by whoever may write to "
                          "both\n");
}

TEST_F(Left, WithALogIsReadThroughALink) {
  program(file_, into_log).kill();
  std::filesystem::create_directory(path("elsewhere"));
  std::filesystem::create_symlink(file_, path("elsewhere/link"));
  const outcome result = run({"info", path("elsewhere/link")});
  EXPECT_NE(result.out.find("changed"), std::string::npos) << result.err;
}

TEST_F(Left, IsReadOnAReadOnlyFileSystem) {
  const auto read_only = [this] {
    const std::string here = path("");
    const bool done =
        ::unshare(CLONE_NEWNS) == 0 &&
        ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
        ::mount(here.c_str(), here.c_str(), nullptr, MS_BIND, nullptr) == 0 &&
        ::mount(nullptr, here.c_str(), nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr) == 0;
    if (!done) ::_exit(125);
  };
  if (wait(start({"--version"}, read_only)).status == 125) {
    GTEST_SKIP() << "a mount of one's own is not to be had here";
  }
  EXPECT_EQ(source(read_only), "x.tsv");
  change("PRAGMA journal_mode = WAL");
  EXPECT_EQ(source(read_only), "x.tsv");
  program(file_, into_log).kill();
  EXPECT_EQ(source(read_only), "changed");
  std::filesystem::remove(file_ + "-shm");
  EXPECT_EQ(source(read_only), "changed");
}

// A writer that was killed in the middle: SQLite would have to write to undo it.
TEST_F(Left, WithAnUnfinishedChangeIsRefused) {
  program(file_,
          "PRAGMA cache_size = 1; PRAGMA cache_spill = 1; BEGIN; "
          "CREATE TABLE more (x); INSERT INTO more WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL "
          "SELECT i + 1 FROM n LIMIT 2000) SELECT zeroblob(4000) FROM n")
      .kill();
  ASSERT_EQ(list(), (std::vector<std::string>{"x.trefoil", "x.trefoil-journal"}));
  EXPECT_EQ(source(), "");
  EXPECT_EQ(refusal_,
            "trefoil: " + file_ + ": a change that was not finished has to be undone first, with " +
                file_ + "-journal: `sqlite3 FILE .schema` does it, by whoever may write to both\n");
  change("SELECT * FROM machine");  // undone
  EXPECT_EQ(source(), "x.tsv");
}

TEST_F(Left, ThatSomebodyWritesToIsReadLater) {
  const program other(file_, "BEGIN EXCLUSIVE");
  EXPECT_EQ(source(), "");
  EXPECT_EQ(refusal_, "trefoil: " + file_ +
                          ": another program is writing to it: read it when that is done\n");
}

}  // namespace
}  // namespace trefoil::lab
