# SPDX-License-Identifier: Apache-2.0
"""Measures what Trefoil's operations cost on this machine, against what one would use instead.

Each ratio A / B is the median over pairs: A and B are measured in turn, in one process, in slices of
some milliseconds, so that what disturbs the machine for longer disturbs both; several processes do
so, one after the other, since some times depend on where a process's memory lies. A ratio travels from
one machine to another better than a time does, but not unchanged: where atomic operations are cheap,
whatever saves them gains less.

Instructions are counted by a simulator (valgrind's callgrind), exactly and without noise; they
include the three of the loop around each operation (the operation empty_loop).

Pairs whose spread is over 5 % are measured again, up to twice, and the calmest round counts. If that
does not help, the ratio of the instructions decides whether a goal is met, where both can be counted.
To it a locked addition is an instruction like any other: it is a judge for want of a better one.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from .console import Failure, note
from .table import show

KEYS = """\
JSON:
  One object on stdout: machine, pairs, and by name: ratios (medians), spread (relative
  interquartile range), rounds (where more than one was needed), goals (at most), rates and
  rate_goals (at least), times and time_goals (ns of a CPU, at most), instruction_ratios,
  decided_by (time or instructions), missed, ns, instructions, operations (what each is). Of all suites: an object with one such for each, or
  {"failed": why}."""


def at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def parser_for(suites: Mapping[str, Any]) -> argparse.ArgumentParser:
    names = "\n".join(f"  {name:8}{suite.help}" for name, suite in suites.items())
    parser = argparse.ArgumentParser(
        prog="bench/run", formatter_class=argparse.RawDescriptionHelpFormatter,
        description=__doc__,
        epilog=f"suites:\n{names}\n\n{KEYS}\n\n"
               "Exit status 0 even if a goal is missed: it is marked. 1: a suite could not be "
               "measured.\n"
               "For single operations: build/release/bench/bench_core --benchmark_filter=REGEX "
               "(Google Benchmark).")
    parser.add_argument("suite", nargs="?", choices=[*suites, "all"], default="all",
                        help="default: all")
    parser.add_argument("--json", action="store_true", help="figures as JSON, see below")
    parser.add_argument("--pairs", type=at_least_one, default=41, metavar="N",
                        help="measure each ratio N times (default 41; below 20 only for a first "
                             "look)")
    return parser


def run_all(suites: Mapping[str, Any], pairs: int) -> tuple[dict[str, Any], bool]:
    result: dict[str, Any] = {}
    for name, suite in suites.items():
        try:
            result[name] = suite.run(pairs)
        except (Failure, OSError, subprocess.SubprocessError) as failure:
            note(f"{name}: {failure}")
            result[name] = {"failed": str(failure).splitlines()[-1]}
    return result, all("failed" not in one for one in result.values())


def main(suites: Mapping[str, Any]) -> int:
    arguments = parser_for(suites).parse_args()
    try:
        if arguments.suite != "all":
            result = suites[arguments.suite].run(arguments.pairs)
            whole, by_name = True, {arguments.suite: result}
        else:
            result, whole = run_all(suites, arguments.pairs)
            by_name = {name: one for name, one in result.items() if "failed" not in one}
    except (Failure, OSError, subprocess.SubprocessError) as failure:
        note(str(failure))
        return 1
    except KeyboardInterrupt:
        return 130
    if arguments.json:
        json.dump(result, sys.stdout, indent=2)
        print()
    else:
        for name, one in by_name.items():
            print(f"---- {name}\n")
            show(one)
            print()
    return 0 if whole else 1
