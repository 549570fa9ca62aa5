# SPDX-License-Identifier: Apache-2.0
"""A suite's figures, for people."""

from __future__ import annotations

from typing import Any


def show_machine(m: dict[str, Any]) -> None:
    print(f"{m['cpu']}, {m['cores']} CPUs, {m['kernel']}, {m['compiler']}, load {m['load']}\n")


def show_operations(result: dict[str, Any]) -> None:
    if not result.get("ns"):
        return
    wide = max(26, *(len(name) + 1 for name in result["ns"]))
    print(f"{'operation':{wide}}{'':40}{'ns':>10}{'instructions':>14}")
    for name, what in result["operations"].items():
        count = result["instructions"].get(name)
        shown = "-" if count is None else f"{count:.1f}"
        print(f"{name:{wide}}{what:40}{result['ns'][name]:10.2f}{shown:>14}")
    print()


def verdict(result: dict[str, Any], name: str) -> str:
    at_most, at_least = result["goals"].get(name), result["rate_goals"].get(name)
    if at_most is None and at_least is None:
        return ""
    goal = f"<= {at_most}" if at_most is not None else f">= {at_least:.3g}"
    met = "MISSED" if name in result["missed"] else "met"
    by = ""
    if result["decided_by"][name] == "instructions":
        by = f" by instructions: {result['instruction_ratios'][name]:.4f}"
    return f"   {goal}  {met}{by}"


def show_ratios(result: dict[str, Any]) -> None:
    print(f"medians of {result['pairs']} pairs; spread: interquartile range\n")
    wide = max(40, *(len(name) + 1 for name in [*result["ratios"], *result["rates"]]))
    if result["ratios"]:
        print(f"{'ratio':{wide}}{'median':>10}{'spread':>9}   goal")
    for name, median in result["ratios"].items():
        print(f"{name:{wide}}{median:10.4f}{result['spread'][name]:9.1%}{verdict(result, name)}")
    if result["rates"]:
        print(f"{'rate':{wide}}{'a second':>10}{'spread':>9}   goal")
    for name, median in result["rates"].items():
        print(f"{name:{wide}}{median:10.3g}{result['spread'][name]:9.1%}{verdict(result, name)}")


def show(result: dict[str, Any]) -> None:
    show_machine(result["machine"])
    show_operations(result)
    show_ratios(result)
