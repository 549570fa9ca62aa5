#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# docs.sh SOURCE: the table of docs/building.md is what scripts/dependencies --markdown prints; what a person is told
# fits a terminal.
set -euo pipefail
cd "$1"
if scripts/dependencies --list | grep -nE '^.{81}'; then
  echo "scripts/dependencies --list: these lines are longer than 80 columns" >&2
  exit 1
fi
if ! diff <(scripts/dependencies --markdown) <(sed '1,/^## What each part/d' docs/building.md | grep '^|'); then
  echo "docs/building.md: its table is not what scripts/dependencies --markdown prints" >&2
  exit 1
fi
