// SPDX-License-Identifier: Apache-2.0
// The tool's command line: what is said of a wrong one, and that what is asked for gets where it should.
#include "tests/lab/tool_run.hpp"

#include <csignal>
#include <fcntl.h>
#include <string>
#include <unistd.h>
#include <vector>

namespace trefoil::lab {
namespace {

using words = std::vector<std::string>;

class CommandLine : public tool_run {
 protected:
  std::string said(const words& arguments) {
    const std::string line = refused(arguments);
    EXPECT_TRUE(line.starts_with("trefoil: ")) << line;
    return line.substr(std::min<std::size_t>(line.size(), 9));
  }
};

TEST_F(CommandLine, NamesAnUnknownCommand) {
  EXPECT_EQ(said({"recrod"}),
            "unknown command 'recrod'; did you mean 'record'? See trefoil --help\n");
  EXPECT_EQ(said({"recrod", "--json", "--", "make"}), said({"recrod"}));
  const struct {
    const char* typed;
    const char* meant;
  } near[] = {{"reply", "replay"}, {"rep", "replay"},      {"improt", "import"},
              {"Info", "info"},    {"inof", "info"},       {"storms", "storm"},
              {"rplay", "replay"}, {"information", "info"}};
  for (const auto& one : near) {
    EXPECT_NE(said({one.typed}).find(std::string("did you mean '") + one.meant + "'?"),
              std::string::npos)
        << one.typed;
  }
  for (const std::string& far : {std::string("xyz"), std::string("q"), std::string("status"),
                                 std::string(), std::string(5000, 'r'), std::string("\x1b[2J")}) {
    const std::string line = said({far});
    EXPECT_TRUE(line.starts_with("unknown command '")) << line;
    EXPECT_TRUE(line.ends_with("'; see trefoil --help\n")) << line;
    EXPECT_LT(line.size(), 200U);
  }
  EXPECT_EQ(said({"help", "recrod"}), said({"recrod"}));
  EXPECT_EQ(said({"recrod", "--help"}), said({"recrod"}));
  EXPECT_EQ(said({}),
            "a command is missing: import, info, record, replay, storm; see trefoil --help\n");
}

TEST_F(CommandLine, NamesAnUnknownOption) {
  for (const std::string command : {"info", "replay", "record", "storm"}) {
    const std::string right =
        "unknown option '--jsno'; did you mean '--json'? See trefoil " + command + " --help\n";
    EXPECT_EQ(said({command, "--jsno"}), right);  // not that something is missing
    EXPECT_EQ(said({command, "--jsno=yes"}), right);
  }
  EXPECT_EQ(said({"replay", "x", "-json"}),
            "unknown option '-json'; did you mean '--json'? See trefoil replay --help\n");
  EXPECT_EQ(said({"import", "x", "--ouptut", "y"}),
            "unknown option '--ouptut'; did you mean '--output'? See trefoil import --help\n");
  EXPECT_EQ(said({"record", "--durration", "3"}),
            "unknown option '--durration'; did you mean '--duration'? See trefoil record --help\n");
  EXPECT_EQ(said({"info", "--frobnicate", "x"}),
            "unknown option '--frobnicate'; see trefoil info --help\n");
  EXPECT_EQ(said({"info", "-q", "x"}), "unknown option '-q'; see trefoil info --help\n");
  EXPECT_EQ(said({"--vresion"}),
            "unknown option '--vresion'; did you mean '--version'? See trefoil --help\n");
  EXPECT_EQ(said({"--json", "info", "x"}),
            "option '--json' stands before the command: it goes behind info; see trefoil --help\n");
}

TEST_F(CommandLine, SaysWhatAValueMayBe) {
  EXPECT_EQ(
      said({"replay", "x", "--design", "revresed"}),
      "--design: 'revresed' is none of two-counts, two-counts-exit-mm, three-counts, reversed, "
      "exec-state, lazy-slots; did you mean 'reversed'? See trefoil replay --help\n");
  EXPECT_EQ(said({"import", "x", "-o", "y", "--exit-event", "never"}),
            "--exit-event: 'never' is none of before, after; see trefoil import --help\n");
  EXPECT_EQ(said({"record", "-d", "nan"}),
            "--duration: 'nan' is not a number from 0.01 to 10000000; see trefoil record --help\n");
  for (const std::string value : {"x", "-1", "0", "1e3", "1.5", "", " 1", "99999999999999999999"}) {
    EXPECT_EQ(said({"storm", "--processes", value}),
              "--processes: '" + value +
                  "' is not a whole number from 1 to 100000000; see trefoil storm --help\n");
  }
  EXPECT_EQ(said({"storm", "--seed", "-1"}),
            "--seed: '-1' is not a whole number from 0 to 18446744073709551615; see trefoil storm "
            "--help\n");
  EXPECT_EQ(said({"replay", "x", "--design"}),
            "--design needs a value; see trefoil replay --help\n");
  EXPECT_EQ(said({"import", "x"}), "--output is required; see trefoil import --help\n");
  EXPECT_EQ(said({"info"}), "FILE is required; see trefoil info --help\n");
  EXPECT_EQ(said({"info", "x", "y"}), "unexpected argument 'y'; see trefoil info --help\n");
  EXPECT_EQ(said({"info", ""}), "the name of the recording is empty\n");
}

TEST_F(CommandLine, HelpsByAWordToo) {
  EXPECT_EQ(run({"help"}).out, run({"--help"}).out);
  for (const std::string command : {"import", "info", "record", "replay", "storm"}) {
    const outcome help = run({command, "--help"});
    EXPECT_EQ(help.status, 0);
    EXPECT_NE(help.out.find("Usage: trefoil " + command), std::string::npos) << help.out;
    EXPECT_EQ(run({"help", command}).out, help.out);
    EXPECT_EQ(run({"--help", command}).out, help.out);
  }
}

// All that goes to stdout gets there, or it is said that it did not.
TEST_F(CommandLine, SaysWhenNobodyGetsItsOutput) {
  const std::string file = path("x.trefoil");
  ASSERT_EQ(run({"import", write("x.tsv", one_life()), "-o", file}).status, 0);
  for (const words& command : {words{"--version"},
                               {"--help"},
                               {"help"},
                               {"import", "--help"},
                               {"info", "--help"},
                               {"record", "--help"},
                               {"replay", "--help"},
                               {"storm", "--help"},
                               {"info", file},
                               {"info", "--json", file},
                               {"replay", file},
                               {"replay", "--json", file},
                               {"storm", "--processes", "5", "--design", "reversed"},
                               {"storm", "--processes", "5", "--design", "reversed", "--json"}}) {
    SCOPED_TRACE(command.front() + ' ' + command.back());
    const outcome full = wait(start(command, [] { ::dup2(::open("/dev/full", O_WRONLY), 1); }));
    EXPECT_EQ(full.status, 1);
    EXPECT_EQ(full.err, "trefoil: stdout cannot be written: No space left on device; make room "
                        "there, or write elsewhere\n");
    const outcome closed = wait(start(command, [] { ::close(1); }));
    EXPECT_EQ(closed.status, 1);
    EXPECT_EQ(closed.err, "trefoil: stdout cannot be written: it is closed\n");
    // Who read it has gone: as other programs, it goes too; or says so, where it is told to stay.
    const auto gone = [] {
      int ends[2];
      if (::pipe(ends) != 0) ::_exit(126);
      ::close(ends[0]);
      ::dup2(ends[1], 1);
    };
    EXPECT_EQ(wait(start(command, gone)).status, 128 + SIGPIPE);
    const outcome told = wait(start(command, [gone] {
      gone();
      ::signal(SIGPIPE, SIG_IGN);
    }));
    EXPECT_EQ(told.status, 1);
    EXPECT_EQ(told.err, "trefoil: stdout cannot be written: Broken pipe\n");
  }
}

}  // namespace
}  // namespace trefoil::lab
