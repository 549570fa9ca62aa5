// SPDX-License-Identifier: Apache-2.0
/// @file
/// What every program of benchmarks does; a program is its operations and a main() that names them.
#pragma once

#include <span>
#include <vector>

#include "operation.hpp"

namespace bench {

/// Appends the operations of one file.
using add_operations = void(std::vector<operation>& to);

/// The program; see main.cpp for its arguments.
int main(int argc, char** argv, std::span<add_operations* const> files);

}  // namespace bench
