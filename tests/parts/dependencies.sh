#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# dependencies.sh SOURCE: what scripts/dependencies does where packages are missing. apt-get, apt-cache and
# sudo are stand-ins here: nothing is installed.
set -euo pipefail
source=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/tree/scripts" "$work/tree/cmake" "$work/bin"
cp "$source/scripts/dependencies" "$work/tree/scripts/"
cat >"$work/tree/cmake/parts.txt" <<'LIST'
part base: what all take
  no-such-tool another-tool   command trefoil-no-such-command          -
part more takes base: with something that can be done without
  ?rare-tool                  command trefoil-no-such-rarity           -
LIST
for name in apt-get apt-cache; do
  printf '#!/bin/sh\necho "$0 $*" >>"%s"\n' "$work/calls" >"$work/bin/$name"
  chmod +x "$work/bin/$name"
done
# This distribution has the second name of the one, and nothing of the other.
cat >"$work/bin/apt-cache" <<'END_OF_IT'
#!/bin/sh
if [ "$2" = another-tool ]; then printf '%s:\n  Candidate: 1.0\n' "$2"; fi
END_OF_IT
export PATH="$work/bin:$PATH"

check() { # WHAT STATUS PATTERN_OF_STDERR COMMAND...
  local what=$1 want=$2 pattern=$3 status=0
  shift 3
  "$@" >"$work/out" 2>"$work/err" || status=$?
  if ((status != want)) || ! grep -qE "$pattern" "$work/err" || [[ -s $work/out ]]; then
    echo "$what: status $status, wanted $want and '$pattern' on stderr alone" >&2
    cat "$work/out" "$work/err" >&2
    exit 1
  fi
}

cd "$work/tree"
if ((EUID == 0)); then
  check "installs, and says so before" 0 '^installing \(for: base\): another-tool$' scripts/dependencies base
  grep -q 'apt-get install .* another-tool$' "$work/calls"
  check "what the distribution lacks and can be done without is told" 0 \
    '^not in this distribution, left out: rare-tool \(more\)$' scripts/dependencies more
fi
check "a part that is not there" 2 "unknown part 'less'; there are: base more" scripts/dependencies less

# Not root, and sudo refuses: one line that says what to type.
printf '#!/bin/sh\nexit 1\n' >"$work/bin/sudo"
chmod +x "$work/bin/sudo"
chmod -R a+rX "$work"
as_somebody=()
if ((EUID == 0)); then as_somebody=(setpriv --reuid=65534 --regid=65534 --clear-groups); fi
check "who may not install is told what to type" 2 \
  '^Trefoil needs some packages \(for: base\); run: apt-get install another-tool$' \
  "${as_somebody[@]}" scripts/dependencies base
