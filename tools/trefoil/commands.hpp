// SPDX-License-Identifier: Apache-2.0
// The subcommands of the tool: each adds itself with its options and runs when it is chosen.
//
// What a program may want to read goes to stdout, everything for people's eyes only to stderr.
// Errors are thrown (lab::error); main() makes one line and an exit status of them.
#ifndef TREFOIL_TOOL_COMMANDS_HPP
#define TREFOIL_TOOL_COMMANDS_HPP

#include <CLI/CLI.hpp>

namespace trefoil::tool {

void add_import(CLI::App& app);
void add_info(CLI::App& app);
void add_record(CLI::App& app);
void add_replay(CLI::App& app);
void add_storm(CLI::App& app);

}  // namespace trefoil::tool

#endif
