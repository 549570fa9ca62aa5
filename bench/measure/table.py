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


def goal_of(result: dict[str, Any], name: str) -> tuple[float | None, float | None]:
    """At most, at least: one of them, or none where there is no goal."""
    return result["goals"].get(name, result["time_goals"].get(name)), result["rate_goals"].get(name)


def verdict(result: dict[str, Any], name: str) -> str:
    at_most, at_least = goal_of(result, name)
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
    wide = max(40, *(len(name) + 1 for name in [*result["ratios"], *result["rates"],
                                                *result["times"]]))
    if result["ratios"]:
        print(f"{'ratio':{wide}}{'median':>10}{'spread':>9}   goal")
    for name, median in result["ratios"].items():
        print(f"{name:{wide}}{median:10.4f}{result['spread'][name]:9.1%}{verdict(result, name)}")
    if result["times"]:
        print(f"{'time':{wide}}{'ns':>10}{'spread':>9}   goal")
    for name, median in result["times"].items():
        print(f"{name:{wide}}{median:10.3f}{result['spread'][name]:9.1%}{verdict(result, name)}")
    if result["rates"]:
        print(f"{'rate':{wide}}{'a second':>10}{'spread':>9}   goal")
    for name, median in result["rates"].items():
        print(f"{name:{wide}}{median:10.3g}{result['spread'][name]:9.1%}{verdict(result, name)}")


def show_code_size(code: dict[str, Any]) -> None:
    counts = code["inlined_instructions"]
    print(f"\n{'instructions where it is inlined':40}" + "".join(f"{c:>12}" for c in counts))
    for name in next(iter(counts.values())):
        print(f"{name:40}" + "".join(f"{by_name[name]:12}" for by_name in counts.values()))
    print(f"\n{'bytes':40}{'in all':>12}{'payload':>12}")
    for name, size in code["sizeof"].items():
        print(f"{name:40}{size['bytes']:12}{size['payload']:12}")
    for compiler, times in code["compile_time"].items():
        print(f"\n{compiler}: the umbrella header compiles in {times['umbrella_ms']:.0f} ms, "
              f"{times['umbrella_vs_memory']:.2f} times <memory>", end="")
    print()


def show_cache_lines(simulated: dict[str, Any]) -> None:
    shown = [i for i, n in enumerate(simulated["cpus"]) if n in (1, 2, 4, 16, 128, 1024)]
    print("\ncache lines moved by one acquire + release, simulated CPUs in turn, whole calls")
    print(f"{'':40}" + "".join(f"{simulated['cpus'][i]:>8}" for i in shown))
    for name, row in simulated["rows"].items():
        moved = row["transfers"]["round_robin_between_calls"]
        pattern = " (pattern)" if row["code"] == "pattern" else ""
        print(f"{name + pattern:40}" + "".join(f"{moved[i]:8.2f}" for i in shown))


def show(result: dict[str, Any]) -> None:
    show_machine(result["machine"])
    show_operations(result)
    show_ratios(result)
    if "code_size" in result:
        show_code_size(result["code_size"])
    if "cache_lines" in result:
        show_cache_lines(result["cache_lines"])
