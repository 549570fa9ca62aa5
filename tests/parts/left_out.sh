#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# left_out.sh SOURCE CMAKE COMPILER: each library that CMake looks for is taken away in turn. A plain cmake
# tells the part and the package in a line and goes on; asked for by its option, the line is an error.
set -euo pipefail
source=$1 cmake=$2 compiler=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

failures=0
fail() {
  echo "$1" >&2
  cat "$work/log" >&2
  failures=$((failures + 1))
}

# OPTION: what of the project is built, as little as will do. "package NAME" is taken away by CMake's own
# switch, a program by what CMake remembers of it, the modules of pkg-config by where it looks.
try() { # PACKAGE OPTION SWITCH...
  local package=$1 option=$2
  shift 2
  local all=(TESTS BENCH TOOLS VERIFY) off=() one
  for one in "${all[@]}"; do
    if [[ TREFOIL_BUILD_$one != "$option" ]]; then off+=("-DTREFOIL_BUILD_$one=OFF"); fi
  done
  # The recorder comes with the tool, and tests of the machine with the tests.
  if [[ $option == TREFOIL_BUILD_RECORDER ]]; then off+=(-DTREFOIL_BUILD_LAB=ON); fi
  if [[ $option == TREFOIL_TEST_MM ]]; then off+=(-DTREFOIL_BUILD_TESTS=ON); fi
  local plain=("$cmake" -S "$source" -B "$work/build" "-DCMAKE_CXX_COMPILER=$compiler" "${off[@]}" "$@")
  rm -rf "$work/build"
  if ! "${plain[@]}" >"$work/log" 2>&1; then
    fail "$package missing: a plain cmake fails"
  elif (($(grep -c "^-- trefoil: .*$option.*$package" "$work/log") != 1)); then
    fail "$package missing: not told in one line that names $option"
  fi
  rm -rf "$work/build"
  if "${plain[@]}" "-D$option=ON" >"$work/log" 2>&1; then
    fail "$package missing, $option=ON: no error"
  elif ! grep -q "^ *trefoil: .*$option.*$package" "$work/log"; then
    fail "$package missing, $option=ON: the error does not name both"
  fi
}

try libgtest-dev TREFOIL_BUILD_TESTS -DCMAKE_DISABLE_FIND_PACKAGE_GTest=ON
try libboost TREFOIL_TEST_MM -DCMAKE_DISABLE_FIND_PACKAGE_Boost=ON
try libsqlite3-dev TREFOIL_BUILD_TOOLS -DCMAKE_DISABLE_FIND_PACKAGE_SQLite3=ON
try zlib1g-dev TREFOIL_BUILD_TOOLS -DCMAKE_DISABLE_FIND_PACKAGE_ZLIB=ON
try libcli11-dev TREFOIL_BUILD_TOOLS -DCMAKE_DISABLE_FIND_PACKAGE_CLI11=ON
try nlohmann-json3-dev TREFOIL_BUILD_VERIFY -DCMAKE_DISABLE_FIND_PACKAGE_nlohmann_json=ON
try libboost-context TREFOIL_BUILD_VERIFY -DCMAKE_DISABLE_FIND_PACKAGE_boost_context=ON
try libbenchmark-dev TREFOIL_BUILD_BENCH -DCMAKE_DISABLE_FIND_PACKAGE_benchmark=ON
try bpftool TREFOIL_BUILD_RECORDER -DTREFOIL_BPFTOOL=

mkdir "$work/modules" "$work/none"
cp "$(pkg-config --variable=pcfiledir liburcu-memb)"/liburcu*.pc "$work/modules/"
PKG_CONFIG_LIBDIR=$work/none try liburcu-dev TREFOIL_TEST_MM
PKG_CONFIG_LIBDIR=$work/modules try libbpf-dev TREFOIL_BUILD_RECORDER
((failures == 0))
