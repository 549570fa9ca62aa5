# SPDX-License-Identifier: Apache-2.0
"""A suite whose figures are those of one program of benchmarks."""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .build import RELEASE, ROOT, build
from .console import Failure, note, progress
from .figures import (MOST_ROUNDS, Figures, Rate, Ratio, Time, measure, times_by_operation,
                      wanted_pairs)
from .machine import machine
from .program import Operation, Pair, Program


@dataclass(frozen=True)
class Suite:
    name: str
    help: str
    ratios: dict[str, Ratio]
    rates: dict[str, Rate] = field(default_factory=dict)
    times: dict[str, Time] = field(default_factory=dict)
    only_times: tuple[Pair, ...] = ()  # measured for the sake of their times
    optional: tuple[str, ...] = ()  # packages without which there is less to measure
    rounds: int = MOST_ROUNDS
    # Figures that the program does not measure: member of the JSON object -> its value.
    more: dict[str, Callable[[], Any]] = field(default_factory=dict)

    @property
    def program(self) -> str:
        return f"bench_{self.name}"

    def run(self, pairs: int) -> dict[str, Any]:
        if not any((ROOT / "bench" / self.name).glob("*.cpp")):
            raise Failure(f"there is no {self.program} in this tree")
        build(self.program, self.optional)
        program = Program(RELEASE / "bench" / self.program)
        available = program.operations()
        instructions = program.instructions(
            name for name, operation in available.items() if operation.countable)
        if instructions is None:
            note("no instruction counts: valgrind is not installed")
        samples, rounds = measure(
            program, wanted_pairs(self.ratios, self.rates, self.only_times, available), pairs,
            self.rounds)
        figures = Figures(pairs)
        figures.add_samples(self.ratios, self.rates, samples, rounds, instructions or {})
        figures.add_times(self.times, samples, os.cpu_count() or 1)
        times = times_by_operation(samples)
        more = {name: figure() for name, figure in self.more.items()}
        progress("")
        return figures.as_json(
            machine(program.compiler()),
            ns={name: round(statistics.median(values), 3) for name, values in times.items()},
            instructions=instructions or {},
            operations=whats(available, times),
            **more)


def whats(available: dict[str, Operation], times: dict[str, list[float]]) -> dict[str, str]:
    return {name: operation.what for name, operation in available.items() if name in times}
