#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# command_test.sh EXPLORE: what the explorer's command promises. Exit status 0: it keeps it.
set -uo pipefail
explore=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
out=$folder/out
err=$folder/err

failed=0
expect() { # what | status | status it should be
  if [[ $2 != "$3" ]]; then
    echo "$1: status $2 and not $3" >&2
    cat "$out" "$err" >&2
    failed=1
  fi
}
has() { # file | text
  if ! grep -qF -- "$2" "$1"; then
    echo "missing: $2" >&2
    cat "$1" >&2
    failed=1
  fi
}

# A violation has a seed, and the seed leads to it again, step by step.
wrong="known broken: sleep without a look at the word"
"$explore" --program "$wrong" >"$out" 2>"$err"
expect "a violation that is expected" $? 0
seed=$(sed -n 's/.*(seed \(.*\))$/\1/p' "$out")
"$explore" --program "$wrong" --seed "$seed" >"$out" 2>"$err"
expect "a replay of a violation" $? 1
has "$out" "a thread sleeps for ever"
has "$out" "thread 1  wake_one"

# An incomplete search is a failure and says so, but for who only hunts.
"$explore" --kind pairs --program "1 tier: copy 0 | copy 0" --most 2 --json >"$out" 2>"$err"
expect "an incomplete search" $? 1
has "$out" '"complete": false'
"$explore" --kind pairs --program "1 tier: copy 0 | copy 0" --most 2 --hunt >"$out" 2>"$err"
expect "a hunt that gives up" $? 0

# One line, and nothing on stdout.
"$explore" --program "no such program" >"$out" 2>"$err"
expect "an unknown program" $? 2
has "$err" "there is no such program"
if [[ -s $out || $(wc -l <"$err") != 1 ]]; then
  echo "an unknown program: more than one line on stderr" >&2
  failed=1
fi
"$explore" --kind nonsense >"$out" 2>"$err"
expect "an unknown kind" $? 2

exit $failed
