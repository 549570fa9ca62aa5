# SPDX-License-Identifier: Apache-2.0
"""What bench_cache_lines says: no measurement, a simulation, and the same each time."""

from __future__ import annotations

from typing import Any

from .build import RELEASE, build
from .console import output_of, progress

PROGRAM = RELEASE / "bench" / "bench_cache_lines"


def cache_lines() -> dict[str, Any]:
    """By row and interleaving: transfers and invalidated copies of one pair of acquire and release,
    for each number of CPUs."""
    build("bench_cache_lines")
    progress("simulating cache lines")
    whats = dict(line.split("\t") for line in output_of(str(PROGRAM), "--list",
                                                        timeout=60).splitlines())
    cpus: list[int] = []
    rows: dict[str, Any] = {}
    for line in output_of(str(PROGRAM), timeout=600).splitlines():
        name, kind, order, stops, count, _, transfers, invalidated = line.split("\t")
        if int(count) not in cpus:
            cpus.append(int(count))
        row = rows.setdefault(name, {"what": whats[name], "code": kind, "transfers": {},
                                     "invalidated": {}})
        interleaving = f"{order}_{stops}"
        row["transfers"].setdefault(interleaving, []).append(float(transfers))
        row["invalidated"].setdefault(interleaving, []).append(float(invalidated))
    return {"cpus": cpus, "rows": rows}
