#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# docs.sh SOURCE: the table of docs/building.md is what scripts/dependencies --markdown prints.
set -euo pipefail
cd "$1"
if ! diff <(scripts/dependencies --markdown) <(sed '1,/^## What each part/d' docs/building.md | grep '^|'); then
  echo "docs/building.md: its table is not what scripts/dependencies --markdown prints" >&2
  exit 1
fi
