# SPDX-License-Identifier: Apache-2.0
"""What a suite says it measures, and the figures that come of it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .program import Operation, Pair, Program, Samples

# Above this spread a median of times is not to be trusted: instructions decide.
TRUSTED_SPREAD = 0.05
MOST_ROUNDS = 3


@dataclass(frozen=True)
class Ratio:
    """Operation A in units of operation B: lower is better."""
    a: str
    b: str
    goal: float | None = None  # what it should not exceed


@dataclass(frozen=True)
class Rate:
    """How many in a second: higher is better."""
    operation: str
    goal: float | None = None  # what it should reach


@dataclass(frozen=True)
class Time:
    """Nanoseconds of a CPU's time, the most that any of some operations takes."""
    operations: dict[str, int]  # operation -> how many threads do it at a time
    goal: float | None = None  # what it should not exceed


def relative_iqr(values: Sequence[float]) -> float:
    if len(values) < 2:
        return 0.0
    low, middle, high = statistics.quantiles(values, n=4)
    return (high - low) / middle


def is_calm(values: Sequence[tuple[float, float]]) -> bool:
    return spread_of(values) <= TRUSTED_SPREAD


def spread_of(values: Sequence[tuple[float, float]]) -> float:
    return relative_iqr([a / b for a, b in values])


def measure(program: Program, wanted: list[Pair], count: int,
            most_rounds: int) -> tuple[Samples, dict[Pair, int]]:
    """The calmest of up to so many rounds of each pair, chosen by its spread and nothing else; and
    how many rounds there were where there was more than one."""
    samples = program.pairs(wanted, count)
    rounds: dict[Pair, int] = {}
    for number in range(2, most_rounds + 1):
        again = [pair for pair, values in samples.items() if not is_calm(values)]
        for pair, values in program.pairs(again, count).items():
            rounds[pair] = number
            samples[pair] = min(samples[pair], values, key=spread_of)
    return samples, rounds


def times_by_operation(samples: Samples) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {}
    for (a, b), values in samples.items():
        times.setdefault(a, []).extend(ns_a for ns_a, _ in values)
        times.setdefault(b, []).extend(ns_b for _, ns_b in values)
    return times


def wanted_pairs(ratios: dict[str, Ratio], rates: dict[str, Rate], more: Sequence[Pair],
                 available: dict[str, Operation]) -> list[Pair]:
    """Each once; what was not built (a library is missing) is left out."""
    pairs = [(r.a, r.b) for r in ratios.values()]
    paired = {name for pair in [*pairs, *more] for name in pair}
    alone = [r.operation for r in rates.values() if r.operation not in paired]
    pairs += [*more, *((name, name) for name in alone)]
    return [(a, b) for a, b in dict.fromkeys(pairs) if a in available and b in available]


class Figures:
    """The members of a suite's JSON object, in the order in which they are filled."""

    def __init__(self, pairs: int) -> None:
        self.pairs = pairs
        self.ratios: dict[str, float] = {}
        self.spread: dict[str, float] = {}
        self.rounds: dict[str, int] = {}
        self.goals: dict[str, float] = {}
        self.rates: dict[str, float] = {}
        self.rate_goals: dict[str, float] = {}
        self.times: dict[str, float] = {}
        self.time_goals: dict[str, float] = {}
        self.instruction_ratios: dict[str, float] = {}
        self.decided_by: dict[str, str] = {}
        self.missed: list[str] = []

    def add_ratio(self, name: str, values: Sequence[float], goal: float | None,
                  instruction_ratio: float | None) -> None:
        self.ratios[name] = round(statistics.median(values), 5)
        self.spread[name] = round(relative_iqr(values), 4)
        if instruction_ratio is not None:
            self.instruction_ratios[name] = round(instruction_ratio, 5)
        if goal is None:
            return
        self.goals[name] = goal
        by_time = self.spread[name] <= TRUSTED_SPREAD or instruction_ratio is None
        self.decided_by[name] = "time" if by_time else "instructions"
        if (self.ratios if by_time else self.instruction_ratios)[name] > goal:
            self.missed.append(name)

    def add_rate(self, name: str, values: Sequence[float], goal: float | None) -> None:
        self.rates[name] = round(statistics.median(values))
        self.spread[name] = round(relative_iqr(values), 4)
        if goal is None:
            return
        self.rate_goals[name] = goal
        self.decided_by[name] = "time"
        if self.rates[name] < goal:
            self.missed.append(name)

    def add_time(self, name: str, by_threads: dict[int, Sequence[float]], cpus: int,
                 goal: float | None) -> None:
        """Threads beyond the CPUs take turns: the wall's time is not theirs."""
        of_a_cpu = {n: [ns * min(1.0, cpus / n) for ns in by_threads[n]] for n in by_threads}
        most = max(of_a_cpu.values(), key=statistics.median)
        self.times[name] = round(statistics.median(most), 3)
        self.spread[name] = round(relative_iqr(most), 4)
        if goal is None:
            return
        self.time_goals[name] = goal
        self.decided_by[name] = "time"
        if self.times[name] > goal:
            self.missed.append(name)

    def add_times(self, times: dict[str, Time], samples: Samples, cpus: int) -> None:
        measured = times_by_operation(samples)
        for name, time in times.items():
            by_threads = {n: measured[op] for op, n in time.operations.items() if op in measured}
            if by_threads:
                self.add_time(name, by_threads, cpus, time.goal)

    def add_samples(self, ratios: dict[str, Ratio], rates: dict[str, Rate], samples: Samples,
                    rounds: dict[Pair, int], instructions: dict[str, float]) -> None:
        for name, ratio in ratios.items():
            if (ratio.a, ratio.b) not in samples:
                continue
            if (ratio.a, ratio.b) in rounds:
                self.rounds[name] = rounds[ratio.a, ratio.b]
            counted = None
            if ratio.a in instructions and ratio.b in instructions:
                counted = instructions[ratio.a] / instructions[ratio.b]
            self.add_ratio(name, [a / b for a, b in samples[ratio.a, ratio.b]], ratio.goal, counted)
        times = times_by_operation(samples)
        for name, rate in rates.items():
            if rate.operation in times:
                self.add_rate(name, [1e9 / ns for ns in times[rate.operation]], rate.goal)

    def as_json(self, machine: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {"machine": machine, **vars(self), **more}
