#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# test_command.sh SOURCE: the manners of ./test, on a copy that has no sources: help, a stage that is not,
# nothing but lines in a pipe, a status line on a terminal that is one.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/scripts"
cp "$1/test" "$work/test"
printf '#!/bin/sh\n' >"$work/scripts/dependencies"
chmod +x "$work/scripts/dependencies"
cd "$work"

fail() {
  echo "test_command.sh: $*" >&2
  exit 1
}

./test --help | grep -q '^usage: ./test' || fail "no help"
status=0
./test fromat >out 2>err || status=$?
[[ $status == 2 && ! -s out ]] && grep -q "'fromat'" err || fail "an unknown stage: status $status"

TERM=xterm ./test format >out 2>err || fail "stage format fails: $(cat out)"
if grep -q $'[\r\e]' out; then fail "progress in a pipe: $(cat -v out)"; fi
[[ $(tail -n 1 out) =~ ^[0-9]+\ passed,\ 0\ failed$ ]] || fail "the last line is '$(tail -n 1 out)'"

if command -v script >/dev/null; then
  TERM=xterm script -qec './test format' /dev/null </dev/null >out || fail "stage format fails on a terminal"
  grep -q $'\e' out || fail "no progress on a terminal"
  TERM=dumb script -qec './test format' /dev/null </dev/null >out || fail "stage format fails on a dumb terminal"
  if grep -q $'\e' out; then fail "progress on a dumb terminal"; fi
fi
