// SPDX-License-Identifier: Apache-2.0
// What is wrong with a command line, in words that help: which word, what it may have been meant to be, what
// is allowed, and where to read more.
#ifndef TREFOIL_TOOL_USAGE_HPP
#define TREFOIL_TOOL_USAGE_HPP

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace trefoil::tool {

// "; did you mean 'X'?" of the known word that is near to what was typed; empty: none is.
std::string did_you_mean(std::string_view typed, const std::vector<std::string>& known);

// For options whose values are some words, whole numbers, numbers.
CLI::Validator one_of(std::vector<std::string> words);
CLI::Validator whole_number(std::uint64_t least, std::uint64_t most);
CLI::Validator number(double least, double most);

// `help`, `help COMMAND` are what `--help`, `COMMAND --help` are.
std::vector<std::string> with_help_in_place(std::vector<std::string> words);

// Of a first word that is no command, in one line; empty: there is nothing wrong with it.
std::string command_problem(const CLI::App& app, const std::vector<std::string>& words);

// Of a command line that could not be parsed, in one line. `words` are those behind the program's name.
std::string usage_problem(const CLI::App& app, const std::vector<std::string>& words,
                          const CLI::ParseError& why);

}  // namespace trefoil::tool

#endif
