// SPDX-License-Identifier: Apache-2.0
// trefoil: lifetimes of address spaces, recorded and under load, from the command line.
//
// Exit status: 0 done; 1 writing failed on the way, or a storm went wrong; 2 bad input, output or usage;
// 128 + N stopped by signal N (SIGPIPE among them: whoever read it has gone); `record -- COMMAND` has
// COMMAND's own. Whatever is wrong is said in one line on stderr.
#include "lab/error.hpp"
#include "lab/inherited_signals.hpp"
#include "lab/limits.hpp"
#include "lab/system_reason.hpp"
#include "tools/trefoil/commands.hpp"
#include "tools/trefoil/last_words.hpp"
#include "tools/trefoil/stop.hpp"
#include "tools/trefoil/to_people.hpp"
#include "tools/trefoil/usage.hpp"
#include "tools/trefoil/words.hpp"
#include "trefoil/version.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <fcntl.h>
#include <fmt/core.h>
#include <new>
#include <pthread.h>
#include <string>
#include <sys/resource.h>
#include <utility>
#include <vector>

namespace {

constexpr int bad_output = 1;
constexpr int bad_input = 2;
constexpr rlim_t least_stack = rlim_t{128} << 10;

constexpr const char* tool_examples = R"(
Examples:
  trefoil import fork.tsv.gz -o fork.trefoil
  trefoil info fork.trefoil --json
  trefoil storm --processes 2000

`trefoil COMMAND --help` tells more about a command.
)";

// A file that is opened later must not become one of them, to get what is meant for people. They stay
// of no use: only what was not to be done with them can be. A program that is started has them closed.
void hold_closed_streams() {
  for (const int stream : {0, 1, 2}) {
    if (::fcntl(stream, F_GETFD) < 0) {
      static_cast<void>(::open("/dev/null", (stream == 0 ? O_WRONLY : O_RDONLY) | O_CLOEXEC));
    }
  }
}

// Threads have stacks of a size of their own, whatever `ulimit -s` says: a huge one would not fit, on a tiny
// one nothing runs. The main thread's is what it is.
bool has_stack() {
  constexpr std::size_t of_a_thread = std::size_t{2} << 20;
  pthread_attr_t usual;
  pthread_attr_init(&usual);
  pthread_attr_setstacksize(&usual, of_a_thread);
  pthread_setattr_default_np(&usual);
  pthread_attr_destroy(&usual);
  rlimit mine{};
  return ::getrlimit(RLIMIT_STACK, &mine) != 0 || mine.rlim_cur >= least_stack;
}

int complain(std::string line, int status) {
  std::replace(line.begin(), line.end(), '\n', ' ');  // one line, whatever a library says
  trefoil::tool::to_people("trefoil: {}\n", trefoil::tool::printable(line));
  return status;
}

int status_of(trefoil::lab::fault whose) {
  switch (whose) {
    case trefoil::lab::fault::input: return bad_input;
    case trefoil::lab::fault::output: return bad_output;
    case trefoil::lab::fault::interrupted: break;
  }
  return 128 + trefoil::tool::stop_signal();
}

// What a program wants to read has to get there: a full disk or a closed stream shows when the buffer goes out.
int delivered(int status) {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return status;
  const int why = errno;
  return complain("stdout cannot be written: " + (why == EBADF ? std::string("it is closed")
                                                               : trefoil::lab::system_reason(why)),
                  bad_output);
}

int run(std::vector<std::string> words) {
  CLI::App app("Lifetimes of address spaces: recordings of real ones, and storms of our own");
  app.name("trefoil");
  app.footer(tool_examples);
  app.require_subcommand(1);
  app.set_version_flag("--version", fmt::format("trefoil {}.{}.{}", TREFOIL_VERSION_MAJOR,
                                                TREFOIL_VERSION_MINOR, TREFOIL_VERSION_PATCH));
  trefoil::tool::add_import(app);
  trefoil::tool::add_info(app);
  trefoil::tool::add_record(app);
  trefoil::tool::add_replay(app);
  trefoil::tool::add_storm(app);
  trefoil::tool::listen_for_stop();
  words = trefoil::tool::with_help_in_place(std::move(words));
  const std::string wrong = trefoil::tool::command_problem(app, words);
  if (!wrong.empty()) return complain(wrong, bad_input);
  try {
    app.parse(std::vector<std::string>(words.rbegin(), words.rend()));  // it takes the last first
  } catch (const CLI::RuntimeError& e) {  // of the program that was recorded
    return delivered(e.get_exit_code());
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() != 0)
      return complain(trefoil::tool::usage_problem(app, words, e), bad_input);
    app.exit(e);  // --help, --version
    return delivered(0);
  }
  return delivered(0);
}

}  // namespace

int main(int argc, char** argv) {
  trefoil::lab::inherited_signals::of_this_process();  // before any of them is changed
  std::signal(SIGXFSZ, SIG_IGN);  // a write beyond `ulimit -f` fails, as one to a full disk does
  hold_closed_streams();
  trefoil::tool::prepare_last_words();
  if (!trefoil::lab::can_say_why()) {  // nor throw an exception
    std::fputs("trefoil: out of memory\n", stderr);
    return bad_output;
  }
  try {
    if (!has_stack()) return complain("it takes 128 KiB of stack; see ulimit -s", bad_input);
    return run({argv + std::min(argc, 1), argv + argc});
  } catch (const trefoil::lab::error& e) {
    return complain(e.what(), status_of(e.whose()));
  } catch (const std::bad_alloc&) {
    return complain("out of memory" + trefoil::lab::limit_hint(ENOMEM), bad_output);
  } catch (const std::exception& e) {
    if (std::ferror(stdout) != 0) return delivered(bad_output);
    return complain(e.what(), bad_output);
  }
}
