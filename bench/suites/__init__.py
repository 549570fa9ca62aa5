# SPDX-License-Identifier: Apache-2.0
"""What bench/run measures: a table of figures and goals for each suite."""

from __future__ import annotations

from . import core, lab, mm, peers

ALL = {suite.name: suite for suite in (core.SUITE, peers.SUITE, mm.SUITE, lab.SUITE)}
