// SPDX-License-Identifier: Apache-2.0
// The tool as its users see it: what goes where, exit statuses, nothing left behind.
#include "tests/lab/text.hpp"

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace trefoil::lab {
namespace {

struct outcome {
  int status = -1;  // 128 + N: killed by signal N
  std::string out;
  std::string err;
};

class Tool : public files {
 protected:
  pid_t start(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "trefoil");
    std::vector<char*> argv;
    for (std::string& one : arguments) argv.push_back(one.data());
    argv.push_back(nullptr);
    const std::string out = streams_.path("out");
    const std::string err = streams_.path("err");
    const pid_t child = ::fork();
    if (child == 0) {
      ::dup2(::open(out.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600), 1);
      ::dup2(::open(err.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600), 2);
      ::execv(TREFOIL_TOOL, argv.data());
      ::_exit(127);
    }
    return child;
  }

  outcome wait(pid_t child) {
    int status = 0;
    ::waitpid(child, &status, 0);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
            content(streams_.path("out")), content(streams_.path("err"))};
  }

  outcome run(std::vector<std::string> arguments) { return wait(start(std::move(arguments))); }

  // Bad input: status 2, one line, nothing on stdout.
  std::string refused(std::vector<std::string> arguments) {
    const outcome result = run(std::move(arguments));
    EXPECT_EQ(result.status, 2) << result.err;
    EXPECT_EQ(result.out, "");
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
    return result.err;
  }

 private:
  struct streams : files {
    using files::path;
    void TestBody() override {}
  };
  streams streams_;  // not in the test's own folder, which is looked at
};

TEST_F(Tool, ImportsAndInforms) {
  const std::string file = path("x.trefoil");
  const outcome import =
      run({"import", write("x.tsv", one_life()), "-o", file, "--kernel", "6.18.44"});
  EXPECT_EQ(import.status, 0) << import.err;
  EXPECT_EQ(import.out, "");
  EXPECT_NE(import.err.find("12 events"), std::string::npos) << import.err;
  EXPECT_EQ(import.err.find('\r'), std::string::npos);  // no bar without a terminal

  const outcome info = run({"info", file, "--json"});
  EXPECT_EQ(info.status, 0);
  EXPECT_EQ(info.err, "");
  const auto json = nlohmann::json::parse(info.out);
  EXPECT_EQ(json["version"], 1);
  EXPECT_EQ(json["events"]["total"], 12);
  EXPECT_EQ(json["events"]["by_kind"]["mm_free"], 1);
  EXPECT_EQ(json["machine"]["kernel"]["value"], "6.18.44");
  EXPECT_EQ(json["machine"]["kernel"]["how"], "given");
  EXPECT_EQ(json["machine"]["preempt_rt"]["value"], false);
  EXPECT_EQ(json["machine"]["exit_event"]["value"], "before");
  EXPECT_EQ(json["machine"]["fails_open"]["value"], false);
  EXPECT_EQ(json["duration_ns"], 9700);
  EXPECT_EQ(json["objects"]["task"]["born_before"], 1);
  EXPECT_EQ(json["losses"]["mm_free_missing"], 0);
  EXPECT_TRUE(json["losses"]["recorder_lost_events"].is_null());
  EXPECT_NE(run({"info", file}).out.find("ordinary (deduced: "), std::string::npos);
}

TEST_F(Tool, TakesStatedFacts) {
  const std::string file = path("x.trefoil");
  EXPECT_EQ(run({"import", write("x.tsv", one_life()), "-o", file, "--preempt-rt", "--exit-event",
                 "after", "--fails-open", "yes", "--repeat", "2"})
                .status,
            0);
  const auto json = nlohmann::json::parse(run({"info", file, "--json"}).out);
  EXPECT_EQ(json["machine"]["preempt_rt"]["value"], true);
  EXPECT_EQ(json["machine"]["exit_event"]["value"], "after");
  EXPECT_EQ(json["machine"]["fails_open"]["value"], true);
  EXPECT_EQ(json["segments"], 2);
  EXPECT_EQ(json["events"]["total"], 24);
}

TEST_F(Tool, SaysInOneLineWhatIsWrong) {
  const std::string bad = write("x.tsv", header + row("0", "what", "m1"));
  EXPECT_EQ(refused({"import", bad, "-o", path("x.trefoil")}),
            "trefoil: " + bad + ":2: unknown event 'what'\n");
  EXPECT_EQ(refused({"info", bad}).find("trefoil: " + bad + ": not an SQLite file"), 0U);
  refused({"info", path("none")});
  refused({"import", path("none"), "-o", path("x.trefoil")});
  refused({});
  refused({"import", bad});
  refused({"import", bad, "-o", path("x.trefoil"), "--repeat", "0"});
  refused({"import", bad, "-o", path("x.trefoil"), "--exit-event", "never"});
  refused({"info", bad, "--what"});
  EXPECT_EQ(list(), std::vector<std::string>{"x.tsv"});
}

TEST_F(Tool, FailsOtherwiseIfTheOutputIsAtFault) {
  const outcome result = run({"import", write("x.tsv", one_life()), "-o", path("no/x.trefoil")});
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.err, "trefoil: " + path("no/x.trefoil") + ": No such file or directory\n");
}

TEST_F(Tool, LeavesNothingWhenItIsInterrupted) {
  const std::string from = write("x.tsv", one_life());
  const pid_t child = start({"import", from, "-o", path("x.trefoil"), "--repeat", "100000000"});
  while (list().size() < 2) ::usleep(1000);  // until the part is there
  ::kill(child, SIGINT);
  const outcome result = wait(child);
  EXPECT_EQ(result.status, 128 + SIGINT);
  EXPECT_EQ(result.err, "trefoil: " + from + ": interrupted, nothing written\n");
  EXPECT_EQ(list(), std::vector<std::string>{"x.tsv"});
}

TEST_F(Tool, HelpsWithExamples) {
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"--help"}, {"import", "--help"}, {"info", "--help"}}) {
    const outcome help = run(words);
    EXPECT_EQ(help.status, 0);
    EXPECT_NE(help.out.find("Examples:"), std::string::npos) << help.out;
  }
  EXPECT_TRUE(run({"--version"}).out.starts_with("trefoil "));
}

}  // namespace
}  // namespace trefoil::lab
