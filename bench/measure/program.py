# SPDX-License-Identifier: Apache-2.0
"""A program of benchmarks: operations with names, run in one of several ways (harness/main.cpp)."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .console import Failure, output_of, progress

# Where a process's memory lies makes some operations slower by a sixth, for as long as it lives.
PROCESSES = 8

Pair = tuple[str, str]
Samples = dict[Pair, list[tuple[float, float]]]


@dataclass(frozen=True)
class Operation:
    countable: bool  # its instructions are the same each time
    what: str


class Program:
    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def operations(self) -> dict[str, Operation]:
        lines = output_of(self.path, "--list", timeout=60).splitlines()
        return {name: Operation(countable == "countable", what)
                for name, countable, what in (line.split("\t") for line in lines)}

    def compiler(self) -> str:
        return output_of(self.path, "--compiler", timeout=60).strip()

    def pairs(self, wanted: list[Pair], count: int) -> Samples:
        """(A, B) -> count times (ns of A, ns of B), measured in turn, by several processes."""
        samples: Samples = {}
        parts = shares(count, PROCESSES) if wanted else []
        for number, part in enumerate(parts, 1):
            command = [self.path, f"--pairs={part}"] + [f"{a},{b}" for a, b in wanted]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
                for line in child.stdout or ():
                    a, b, ns_a, ns_b = line.split()
                    samples.setdefault((a, b), []).append((float(ns_a), float(ns_b)))
                    progress(f"measuring {a} and {b}, {number} of {len(parts)} times")
            if child.returncode != 0:
                raise Failure(f"{self.path} ended with status {child.returncode}")
        return samples

    def instructions(self, names: Iterable[str]) -> dict[str, float] | None:
        """Instructions per operation; None without valgrind."""
        names = list(names)
        if shutil.which("valgrind") is None:
            return None
        if not names:
            return {}
        progress("counting instructions")
        with tempfile.TemporaryDirectory() as folder:
            out = f"{folder}/out"
            # Collection is on inside bench_measured() only, and each time it returns a file is
            # written.
            lines = output_of(
                "valgrind", "--tool=callgrind", f"--callgrind-out-file={out}",
                "--collect-atstart=no", "--toggle-collect=bench_measured",
                "--dump-after=bench_measured", self.path, "--instructions", *names,
                timeout=600).splitlines()
            totals = [total_of(Path(f"{out}.{number}"))
                      for number in range(1, 3 * len(names) + 1)]
        counts = {}
        for i, line in enumerate(lines):
            name, difference = line.split()
            _, few, many = totals[3 * i:3 * i + 3]  # as --instructions runs: warm-up, few, many
            counts[name] = round((many - few) / int(difference), 2)
        for name in names:
            if not counts.get(name, 0) > 0:
                raise Failure(f"no instructions counted for {name}")
        return counts


def shares(count: int, parts: int) -> list[int]:
    """count, in so many parts as equal as they can be; none of them empty."""
    parts = min(count, parts)
    return [count // parts + (1 if i < count % parts else 0) for i in range(parts)]


def total_of(dump: Path) -> int:
    found = re.search(r"^totals: (\d+)", dump.read_text(encoding="utf-8"), re.M)
    if found is None:
        raise Failure("callgrind wrote no totals")
    return int(found[1])
