// SPDX-License-Identifier: Apache-2.0
// A file that appears whole or not at all: what was there before, and what becomes of its folder meanwhile.
#include "lab/recording/new_file.hpp"

#include "tests/lab/text.hpp"

#include <cstdlib>
#include <optional>
#include <sys/stat.h>
#include <unistd.h>

namespace trefoil::lab {
namespace {

class NewFile : public files {
 protected:
  NewFile() {
    // Where what cannot be put in its place is kept, unless in the current folder.
    if (const char* const set = std::getenv("TMPDIR"))
      before_ = set;                          // NOLINT(concurrency-mt-unsafe)
    ::setenv("TMPDIR", path("").c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
    std::filesystem::create_directory(path("folder"));
    std::filesystem::current_path(path(""));
  }
  ~NewFile() override {
    std::filesystem::current_path("/");
    // NOLINTNEXTLINE(concurrency-mt-unsafe)
    before_ ? ::setenv("TMPDIR", before_->c_str(), 1) : ::unsetenv("TMPDIR");
  }

  static void fill(const new_file& file) { ASSERT_EQ(::write(file.descriptor(), "new", 3), 3); }

  // "": it appeared; else the one line.
  static std::string made(const std::string& at, if_there what, std::string* older = nullptr) {
    const std::string line = error_of([&] {
      new_file file(at, what);
      fill(file);
      const std::string told = file.publish();
      if (older != nullptr) *older = told;
    });
    return line == "no error" ? "" : line;
  }

  // What happens to the folder while the file is written.
  template <class Meanwhile>
  static std::string made_while(Meanwhile meanwhile, if_there what = if_there::keep,
                                const std::string& at = "folder/x") {
    return error_of([&] {
      new_file file(at, what);
      fill(file);
      meanwhile();
      file.publish();
    });
  }

  static bool says(const std::string& line, const std::string& what) {
    return line.find(what) != std::string::npos;
  }

 private:
  std::optional<std::string> before_;
};

TEST_F(NewFile, HasNoNameBeforeItIsWhole) {
  new_file file("folder/x", if_there::refuse);
  fill(file);
  if (std::filesystem::is_empty("folder")) {
    file.publish();
    EXPECT_EQ(content("folder/x"), "new");
  } else {
    GTEST_SKIP() << "no O_TMPFILE on this file system";
  }
}

TEST_F(NewFile, RefusesReplacesOrKeepsWhatIsThere) {
  const std::string at = write("x", "first");
  EXPECT_TRUE(says(made(at, if_there::refuse), "is there already; --force"));
  EXPECT_EQ(content(at), "first");
  std::string older = "?";
  EXPECT_EQ(made(at, if_there::replace, &older), "");
  EXPECT_EQ(older, "");
  EXPECT_EQ(content(at), "new");
  write("x", "second");
  EXPECT_EQ(made(at, if_there::keep, &older), "");
  EXPECT_EQ(older, at + ".old");
  EXPECT_EQ(content(older), "second");
  write("x", "third");
  EXPECT_EQ(made(at, if_there::keep), "");
  EXPECT_EQ(content(older), "third");
  EXPECT_EQ(content(at), "new");
  EXPECT_EQ(list(), (std::vector<std::string>{"folder", "x", "x.old"}));
  EXPECT_EQ(made("y", if_there::keep, &older), "");
  EXPECT_EQ(older, "");  // nothing was there
}

TEST_F(NewFile, LeavesAllAsItWasIfItIsNotPublished) {
  write("x", "first");
  write("x.old", "older");
  for (const if_there what : {if_there::replace, if_there::keep}) {
    const new_file file("x", what);
    fill(file);
  }
  EXPECT_EQ(content("x"), "first");
  EXPECT_EQ(content("x.old"), "older");
  EXPECT_EQ(list(), (std::vector<std::string>{"folder", "x", "x.old"}));
}

TEST_F(NewFile, SaysBeforeItBeginsThatWhatIsThereCannotBeKept) {
  const std::string at = write("x", "first");
  std::filesystem::create_directory("x.old");
  EXPECT_TRUE(says(made(at, if_there::keep), "x.old is not a regular file"));
  std::filesystem::remove("x.old");
  ASSERT_EQ(::mkfifo("x.old", 0600), 0);
  EXPECT_TRUE(says(made(at, if_there::keep), "x.old is not a regular file"));
  EXPECT_EQ(content(at), "first");

  const std::string longest(252, 'n');  // 256 bytes with .old
  EXPECT_EQ(made(longest, if_there::keep), "");
  EXPECT_TRUE(says(made(longest, if_there::keep), "name is too long"));
  EXPECT_EQ(made(std::string(251, 'n'), if_there::keep), "");
  EXPECT_EQ(made(std::string(251, 'n'), if_there::keep), "");
}

TEST_F(NewFile, ReplacesALinkOfTheNameOfTheOlderOneNotWhatItLeadsTo) {
  write("x", "first");
  write("else", "another's");
  std::filesystem::create_symlink("else", "x.old");
  EXPECT_EQ(made("x", if_there::keep), "");
  EXPECT_EQ(content("else"), "another's");
  EXPECT_EQ(content("x.old"), "first");
  EXPECT_FALSE(std::filesystem::is_symlink("x.old"));
}

TEST_F(NewFile, KeepsWhatALinkLeadsToBesideThat) {
  write("folder/there", "first");
  std::filesystem::create_symlink("folder/there", "x");
  std::string older;
  EXPECT_EQ(made("x", if_there::keep, &older), "");
  EXPECT_TRUE(std::filesystem::is_symlink("x"));
  EXPECT_EQ(content("folder/there"), "new");
  EXPECT_EQ(older, "folder/there.old");
  EXPECT_EQ(content(older), "first");
}

TEST_F(NewFile, KeepsOneThatHasBothNamesAlready) {
  write("x", "first");
  std::filesystem::create_hard_link("x", "x.old");
  EXPECT_EQ(made("x", if_there::keep), "");
  EXPECT_EQ(content("x"), "new");
  EXPECT_EQ(content("x.old"), "first");
  EXPECT_EQ(list(), (std::vector<std::string>{"folder", "x", "x.old"}));
}

// Somebody else takes the name while it is written.
TEST_F(NewFile, TreatsWhatComesMeanwhileAlike) {
  const auto come = [this] { write("folder/x", "another's"); };
  EXPECT_TRUE(says(made_while(come, if_there::refuse), "is there already"));
  EXPECT_EQ(content("folder/x"), "another's");
  std::filesystem::remove("folder/x");
  EXPECT_EQ(made_while(come, if_there::keep), "no error");
  EXPECT_EQ(content("folder/x"), "new");
  EXPECT_EQ(content("folder/x.old"), "another's");
  EXPECT_EQ(made_while([] { std::filesystem::remove("folder/x"); }, if_there::keep), "no error");
  EXPECT_EQ(content("folder/x"), "new");
}

TEST_F(NewFile, IsKeptBesideAFolderThatTookItsName) {
  const std::string line = made_while([] { std::filesystem::create_directory("folder/x"); });
  const std::size_t at = line.find("whole, as ");
  ASSERT_NE(at, std::string::npos) << line;
  const std::string kept = line.substr(at + 10);
  EXPECT_TRUE(kept.starts_with(std::filesystem::canonical("folder").string() + "/")) << kept;
  EXPECT_EQ(content(kept), "new");
}

TEST_F(NewFile, GoesToAFolderThatWasMadeAnew) {
  EXPECT_EQ(made_while([] {
              std::filesystem::remove_all("folder");
              std::filesystem::create_directory("folder");
            }),
            "no error");
  EXPECT_EQ(content("folder/x"), "new");
  // The old one may live on, too.
  EXPECT_EQ(made_while([] {
              std::filesystem::rename("folder", "moved");
              std::filesystem::create_directory("folder");
            }),
            "no error");
  EXPECT_EQ(content("folder/x"), "new");
}

TEST_F(NewFile, SaysWhereItsFolderWasMovedTo) {
  const std::string line = made_while([] { std::filesystem::rename("folder", "moved"); });
  const std::string place = std::filesystem::canonical("moved").string() + "/x";
  EXPECT_TRUE(says(line, "folder/x: No such file or directory; it is whole, as " + place)) << line;
  EXPECT_EQ(content("moved/x"), "new");
}

TEST_F(NewFile, IsKeptElsewhereIfItsFolderIsGone) {
  const std::string line = made_while([] { std::filesystem::remove_all("folder"); });
  EXPECT_TRUE(says(line, "; it is whole, as " + std::filesystem::canonical("x").string())) << line;
  EXPECT_EQ(content("x"), "new");
  // And replaces nothing there.
  std::filesystem::create_directory("folder");
  const std::string again = made_while([] { std::filesystem::remove_all("folder"); });
  EXPECT_EQ(content("x"), "new");
  EXPECT_EQ(content(again.substr(again.find("whole, as ") + 10)), "new") << again;
  EXPECT_EQ(list().size(), 2U);
}

// Its owner's folder, too, that is: the next place is taken.
TEST_F(NewFile, IsKeptInTheNextPlaceIfTheCurrentFolderIsGone) {
  std::filesystem::create_directory("here");
  std::filesystem::current_path("here");
  const std::string line =
      made_while([this] { std::filesystem::remove_all(path("here")); }, if_there::keep, "x");
  std::filesystem::current_path(path(""));
  EXPECT_TRUE(says(line, "; it is whole, as " + std::filesystem::canonical("x").string())) << line;
  EXPECT_EQ(content("x"), "new");
}

}  // namespace
}  // namespace trefoil::lab
