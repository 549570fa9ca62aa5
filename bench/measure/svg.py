# SPDX-License-Identifier: Apache-2.0
"""Drawings as SVG, with no more than plots need."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

INK, FAINT, PAPER = "#222", "#d8d8d8", "#fff"
# Told apart by people who do not see all colours (Okabe and Ito).
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999933",
           "#882255", "#117733", "#7f7f7f", "#aa4499")

Point = tuple[float, float]


class Drawing:
    def __init__(self, width: int, height: int, title: str, note: str = "") -> None:
        self.parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" role="img" font-family="sans-serif" font-size="12">',
            f"<title>{escape(title)}</title>",
            f'<rect width="{width}" height="{height}" fill="{PAPER}"/>',
        ]
        self.text(16, 24, title, size=15, weight="bold")
        if note:
            self.text(16, 42, note, size=11, colour="#555")

    def text(self, x: float, y: float, what: str, *, anchor: str = "start", size: int = 12,
             colour: str = INK, weight: str = "normal") -> None:
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" '
            f'font-weight="{weight}" fill="{colour}">{escape(what)}</text>')

    def line(self, a: Point, b: Point, colour: str = FAINT, width: float = 1) -> None:
        self.parts.append(f'<line x1="{a[0]:.1f}" y1="{a[1]:.1f}" x2="{b[0]:.1f}" y2="{b[1]:.1f}" '
                          f'stroke="{colour}" stroke-width="{width}"/>')

    def bar(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        self.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" '
                          f'height="{height:.1f}" fill="{colour}"/>')

    def path(self, points: Sequence[Point], colour: str, dashed: bool = False) -> None:
        at = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        dashes = ' stroke-dasharray="5 4"' if dashed else ""
        self.parts.append(f'<polyline points="{at}" fill="none" stroke="{colour}" '
                          f'stroke-width="2"{dashes}/>')
        self.parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colour}"/>'
                       for x, y in points]

    def __str__(self) -> str:
        return "\n".join([*self.parts, "</svg>", ""])
