# SPDX-License-Identifier: Apache-2.0
"""Plots of what bench/run says, as SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .svg import COLOURS, INK, Drawing


@dataclass(frozen=True)
class Bar:
    label: str
    value: float
    ours: bool


def bars(title: str, note: str, unit: str, groups: Sequence[Sequence[Bar]]) -> str:
    """Horizontal, in groups, with the values written at their ends."""
    left, right, step, gap = 250, 90, 22, 12
    width = 760
    rows = sum(len(group) for group in groups)
    height = 64 + rows * step + (len(groups) - 1) * gap + 16
    drawing = Drawing(width, height, title, note)
    most = max(bar.value for group in groups for bar in group)
    y = 60.0
    for group in groups:
        for bar in group:
            length = bar.value / most * (width - left - right)
            drawing.text(left - 8, y + 13, bar.label, anchor="end")
            drawing.bar(left, y + 2, max(length, 1), step - 6, COLOURS[0 if bar.ours else 4])
            drawing.text(left + length + 6, y + 13, f"{bar.value:.2f} {unit}")
            y += step
        y += gap
    return str(drawing)


@dataclass(frozen=True)
class Series:
    label: str
    values: Sequence[float]
    ours: bool  # the others are dashed
    colour: int


@dataclass(frozen=True)
class Axis:
    label: str
    ticks: Sequence[float]
    logarithmic: bool

    def place(self, value: float) -> float:
        """From 0 to 1."""
        low, high = self.ticks[0], self.ticks[-1]
        if self.logarithmic:
            return math.log(value / low) / math.log(high / low)
        return (value - low) / (high - low)


def lines(title: str, note: str, x: Axis, y: Axis, at: Sequence[float],
          series: Sequence[Series]) -> str:
    """Each line named at its end."""
    width, height = 760, 440
    left, right, top, bottom = 60, 210, 80, 50
    drawing = Drawing(width, height, title, note)

    def across(value: float) -> float:
        return left + x.place(value) * (width - left - right)

    def up(value: float) -> float:
        return height - bottom - y.place(value) * (height - top - bottom)

    for tick in y.ticks:
        drawing.line((left, up(tick)), (width - right, up(tick)))
        drawing.text(left - 8, up(tick) + 4, f"{tick:g}", anchor="end")
    for tick in x.ticks:
        drawing.line((across(tick), height - bottom), (across(tick), height - bottom + 5), INK)
        drawing.text(across(tick), height - bottom + 19, f"{tick:g}", anchor="middle")
    drawing.line((left, height - bottom), (width - right, height - bottom), INK)
    drawing.text((left + width - right) / 2, height - 12, x.label, anchor="middle")
    drawing.text(16, top - 16, y.label)

    ends = []
    for one in series:
        colour = COLOURS[one.colour % len(COLOURS)]
        points = [(across(a), up(v)) for a, v in zip(at, one.values)]
        drawing.path(points, colour, dashed=not one.ours)
        ends.append((points[-1][1], one.label, colour))
    for label_y, (end_y, label, colour) in zip(apart([e[0] for e in sorted(ends)], 15),
                                               sorted(ends)):
        drawing.line((width - right + 3, end_y), (width - right + 16, label_y), colour, 2)
        drawing.text(width - right + 20, label_y + 4, label)
    return str(drawing)


def apart(places: Sequence[float], distance: float) -> list[float]:
    """The same places in their order, moved as little as it takes to be so far apart."""
    blocks: list[tuple[float, int]] = []  # centre, number
    for place in places:
        blocks.append((place, 1))
        while len(blocks) > 1:
            (a, n), (b, m) = blocks[-2:]
            if b - a >= (n + m) / 2 * distance:
                break
            blocks[-2:] = [((a * n + b * m) / (n + m), n + m)]
    return [centre + (i - (n - 1) / 2) * distance for centre, n in blocks for i in range(n)]
