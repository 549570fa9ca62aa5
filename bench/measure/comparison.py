# SPDX-License-Identifier: Apache-2.0
"""Two runs of bench/run, side by side."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Worse by more than this is worth a look.
THRESHOLD = 0.10


class BadInput(Exception):
    """The text is one line that names the file."""


@dataclass(frozen=True)
class Change:
    suite: str
    name: str
    old: float
    new: float
    spread: float  # the greater one
    higher_is_better: bool

    @property
    def change(self) -> float:
        return self.new / self.old - 1

    @property
    def is_worse(self) -> bool:
        """By more than the threshold, and by more than the runs themselves vary."""
        worse = self.old / self.new - 1 if self.higher_is_better else self.change
        return worse > max(THRESHOLD, self.spread)


def suites_of(path: Path) -> dict[str, dict[str, Any]]:
    """By name. A file of one suite has no name: all its members are that suite's."""
    try:
        with open(path, encoding="utf-8") as text:
            whole = json.load(text)
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror or error}") from error
    except ValueError as error:
        raise BadInput(f"{path}: not JSON: {error}") from error
    if not isinstance(whole, dict):
        raise BadInput(f"{path}: not written by bench/run --json")
    suites = {"": whole} if "ratios" in whole else whole
    if not suites:
        raise BadInput(f"{path}: no suite in it")
    for name, suite in suites.items():
        if not isinstance(suite, dict) or not ("failed" in suite or "ratios" in suite):
            raise BadInput(f"{path}: not written by bench/run --json: "
                           f"{name or 'it'} has no ratios")
        if "failed" in suite:
            continue
        for kind in ("ratios", "rates", "times", "spread"):
            check(path, kind, suite.get(kind, {}))
    return suites


def check(path: Path, kind: str, figures: Any) -> None:
    if not isinstance(figures, dict):
        raise BadInput(f"{path}: {kind} is no object")
    for name, value in figures.items():
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not math.isfinite(value) or value < 0 or (kind != "spread" and value == 0):
            raise BadInput(f"{path}: {kind}: {name} is {value!r}, no figure")


def compare(old: dict[str, dict[str, Any]],
            new: dict[str, dict[str, Any]]) -> tuple[list[Change], list[str]]:
    """What is in both, and a line for what is not."""
    changes, notes = [], []
    for suite in dict.fromkeys([*old, *new]):
        before, after = old.get(suite, {}), new.get(suite, {})
        title = f"{suite}: " if suite else ""
        if "ratios" not in before or "ratios" not in after:
            which = "first" if "ratios" not in before else "second"
            notes.append(f"{title}not measured in the {which} file")
            continue
        if machine_of(before) != machine_of(after):
            notes.append(f"{title}measured on different machines")
        for kind in ("ratios", "rates", "times"):
            a, b = before.get(kind, {}), after.get(kind, {})
            notes += [f"{title}{name} is gone" for name in a if name not in b]
            notes += [f"{title}{name} is new" for name in b if name not in a]
            changes += [Change(suite, name, a[name], b[name],
                               max(spread_of(before, name), spread_of(after, name)),
                               kind == "rates") for name in a if name in b]
    return changes, notes


def machine_of(suite: dict[str, Any]) -> tuple[Any, ...]:
    machine = suite.get("machine")
    if not isinstance(machine, dict):
        return ()
    return tuple(machine.get(key) for key in ("cpu", "cores", "kernel", "compiler"))


def spread_of(suite: dict[str, Any], name: str) -> float:
    return suite.get("spread", {}).get(name, 0.0)


def show(changes: list[Change], notes: list[str]) -> None:
    names = [f"{c.suite}: {c.name}" if c.suite else c.name for c in changes]
    wide = max([40, *(len(name) + 1 for name in names)])
    print(f"{'':{wide}}{'old':>12}{'new':>12}{'change':>9}{'spread':>9}")
    for name, c in zip(names, changes):
        print(f"{name:{wide}}{c.old:12.5g}{c.new:12.5g}{c.change:+9.1%}{c.spread:9.1%}"
              f"{'  WORSE' if c.is_worse else ''}")
    for note in notes:
        print(note)
    worse = sum(c.is_worse for c in changes)
    print(f"{len(changes)} compared, {worse} worse by more than {THRESHOLD:.0%} and their spread")
