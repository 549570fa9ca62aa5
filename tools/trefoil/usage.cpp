// SPDX-License-Identifier: Apache-2.0
#include "tools/trefoil/usage.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <fmt/core.h>
#include <utility>

namespace trefoil::tool {

namespace {

constexpr std::size_t longest_word = 64;  // nobody misspells a longer one; and the table is square

// How many letters have to be put in, taken out, replaced, or swapped with the next one.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t other = a[i - 1] == b[j - 1] ? 0 : 1;
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + other});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
      }
    }
  }
  return d[a.size()][b.size()];
}

// Without the dashes of an option, in lower case.
std::string bare(std::string_view word) {
  word.remove_prefix(std::min(word.find_first_not_of('-'), word.size()));
  std::string letters(word);
  std::transform(letters.begin(), letters.end(), letters.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return letters;
}

std::string in_quotes(std::string_view word) {
  const bool long_one = word.size() > longest_word;
  return '\'' + std::string(word.substr(0, longest_word)) + (long_one ? "...'" : "'");
}

// Where to read more.
std::string with_help(const std::string& what, const std::string& of) {
  return what + (what.ends_with('?') ? " See " : "; see ") + of + " --help";
}

std::string in_a_row(const std::vector<std::string>& words) {
  std::string all;
  for (const std::string& one : words) all += (all.empty() ? "" : ", ") + one;
  return all;
}

bool is_option(std::string_view word) { return word.size() > 1 && word.front() == '-'; }

std::vector<std::string> commands_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* one : app.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(one->get_name());
  }
  return names;
}

std::vector<std::string> options_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* one : app.get_options()) {
    for (const std::string& name : one->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

std::string unknown_option(const CLI::App& app, std::string_view typed) {
  const std::string_view name = typed.substr(0, typed.find('='));
  return "unknown option " + in_quotes(name) + did_you_mean(name, options_of(app));
}

// Before there is a command that could tell more.
std::string problem_without_command(const CLI::App& app, const std::vector<std::string>& words) {
  const std::vector<std::string> commands = commands_of(app);
  if (words.empty()) return "a command is missing: " + in_a_row(commands);
  const std::string& first = words.front();
  if (!is_option(first))
    return "unknown command " + in_quotes(first) + did_you_mean(first, commands);
  const auto command =
      std::find_first_of(words.begin(), words.end(), commands.begin(), commands.end());
  if (command == words.end()) return unknown_option(app, first);
  return "option " + in_quotes(first) + " stands before the command: it goes behind " + *command;
}

}  // namespace

std::string did_you_mean(std::string_view typed, const std::vector<std::string>& known) {
  const std::string word = bare(typed);
  if (word.size() < 2 || word.size() > longest_word) return "";
  const std::string* best = nullptr;
  std::size_t least = 0;
  for (const std::string& one : known) {
    const std::string other = bare(one);
    // The beginning of a word is as good as a slip.
    const bool begun = other.starts_with(word) || (other.size() > 3 && word.starts_with(other));
    const std::size_t far = begun ? 1 : distance(word, other);
    if (far > 1 + word.size() / 4 || far >= other.size()) continue;
    if (best == nullptr || far < least) {
      best = &one;
      least = far;
    }
  }
  return best == nullptr ? "" : "; did you mean " + in_quotes(*best) + "?";
}

CLI::Validator one_of(std::vector<std::string> words) {
  const std::string all = in_a_row(words);
  return CLI::Validator(
      [words = std::move(words), all](const std::string& typed) -> std::string {
        if (std::find(words.begin(), words.end(), typed) != words.end()) return "";
        return in_quotes(typed) + " is none of " + all + did_you_mean(typed, words);
      },
      "{" + all + "}");
}

CLI::Validator whole_number(std::uint64_t least, std::uint64_t most) {
  return CLI::Validator(
      [=](const std::string& typed) -> std::string {
        std::uint64_t value = 0;
        const auto [end, wrong] = std::from_chars(typed.data(), typed.data() + typed.size(), value);
        const bool whole = wrong == std::errc() && end == typed.data() + typed.size();
        if (whole && value >= least && value <= most) return "";
        return fmt::format("{} is not a whole number from {} to {}", in_quotes(typed), least, most);
      },
      fmt::format("[{} - {}]", least, most));
}

CLI::Validator number(double least, double most) {
  return CLI::Validator(
      [=](const std::string& typed) -> std::string {
        char* end = nullptr;
        const double value = std::strtod(typed.c_str(), &end);
        const bool all = !typed.empty() && end == typed.c_str() + typed.size();
        if (all && value >= least && value <= most) return "";  // NaN is neither
        return fmt::format("{} is not a number from {:g} to {:.0f}", in_quotes(typed), least, most);
      },
      fmt::format("[{:g} - {:.0f}]", least, most));
}

std::vector<std::string> with_help_in_place(std::vector<std::string> words) {
  if (words.empty() || words.front() != "help") return words;
  words.erase(words.begin());
  words.emplace_back("--help");
  return words;
}

std::string command_problem(const CLI::App& app, const std::vector<std::string>& words) {
  const std::vector<std::string> commands = commands_of(app);
  const bool known = words.empty() || is_option(words.front()) ||
                     std::find(commands.begin(), commands.end(), words.front()) != commands.end();
  return known ? "" : with_help(problem_without_command(app, words), "trefoil");
}

std::string usage_problem(const CLI::App& app, const std::vector<std::string>& words,
                          const CLI::ParseError& why) {
  const CLI::App* command = nullptr;
  for (const CLI::App* one : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (!words.empty() && one->get_name() == words.front()) command = one;
  }
  if (command == nullptr) return with_help(problem_without_command(app, words), "trefoil");

  // A misspelt option is what is wrong even if something is missing besides: perhaps that is why.
  const std::vector<std::string> left = app.remaining(true);
  const auto option = std::find_if(left.begin(), left.end(), is_option);
  std::string what = why.what();
  if (option != left.end()) {
    what = unknown_option(*command, *option);
  } else if (!left.empty()) {
    what = "unexpected argument " + in_quotes(left.front());
  } else if (why.get_exit_code() == static_cast<int>(CLI::ExitCodes::ArgumentMismatch)) {
    what = what.substr(0, what.find(':')) + " needs a value";
  }
  return with_help(what, "trefoil " + command->get_name());
}

}  // namespace trefoil::tool
