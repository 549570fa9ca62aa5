# SPDX-License-Identifier: Apache-2.0
"""What the headers cost in code, memory and time to compile."""

from __future__ import annotations

import re
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from .build import ROOT
from .console import Failure, output_of, progress

SOURCES = ROOT / "bench" / "code_size"
FLAGS = ("-std=c++20", f"-I{ROOT / 'include'}")
COMPILERS = ("g++", "clang++")
TIMES = 5
# They fill up to an alignment.
PADDING = re.compile(r"(nop|data16|cs nop|xchg\s+%ax,%ax|int3)")


def instructions_by_function(disassembly: str) -> dict[str, int]:
    """Of what `objdump -d` prints. Parts that the compiler has put among what is hardly ever run
    (NAME.cold) do not count."""
    counts: dict[str, int] = {}
    name = None
    for line in disassembly.splitlines():
        head = re.match(r"[0-9a-f]+ <(.+)>:$", line)
        if head:
            name = head[1]
        found = re.match(r"\s+[0-9a-f]+:\t(.+)$", line)
        if found and name is not None and not PADDING.match(found[1]):
            counts[name] = counts.get(name, 0) + 1
    return counts


def inlined(compiler: str, folder: Path) -> dict[str, int]:
    source = SOURCES / "operations.cpp"
    names = re.findall(r"^void (\w+)\(", source.read_text(encoding="utf-8"), re.M)
    compiled = folder / f"{compiler}.o"
    # Calls to other translation units as in a program that is linked statically.
    output_of(compiler, *FLAGS, "-O2", "-DNDEBUG", "-fno-pic", "-fno-asynchronous-unwind-tables",
              "-w", "-c", str(source), "-o", str(compiled), timeout=300)
    counts = instructions_by_function(
        output_of("objdump", "-d", "--no-show-raw-insn", str(compiled), timeout=60))
    missing = [name for name in names if name not in counts]
    if missing:
        raise Failure(f"{compiler}: no code for {', '.join(missing)}")
    return {name: counts[name] for name in names}


def sizes(compiler: str, folder: Path) -> dict[str, dict[str, int]]:
    program = folder / "sizes"
    output_of(compiler, *FLAGS, str(SOURCES / "sizes.cpp"), "-o", str(program), timeout=300)
    result = {}
    for line in output_of(str(program), timeout=60).splitlines():
        what, size, payload = line.split("\t")
        result[what] = {"bytes": int(size), "payload": int(payload)}
    return result


def compile_times(compiler: str, folder: Path) -> dict[str, float]:
    """Of a file with nothing in it but one header, taken in turn."""
    files = {}
    for key, header in (("umbrella", "trefoil/trefoil.hpp"), ("memory", "memory")):
        files[key] = folder / f"{key}.cpp"
        files[key].write_text(f"#include <{header}>\n", encoding="utf-8")
    taken: dict[str, list[float]] = {key: [] for key in files}
    for _ in range(TIMES):
        for key, file in files.items():
            begin = time.perf_counter()
            subprocess.run([compiler, *FLAGS, "-fsyntax-only", str(file)], check=True)
            taken[key].append((time.perf_counter() - begin) * 1000)
    return {
        "umbrella_ms": round(statistics.median(taken["umbrella"]), 1),
        "memory_ms": round(statistics.median(taken["memory"]), 1),
        "umbrella_vs_memory": round(statistics.median(
            a / b for a, b in zip(taken["umbrella"], taken["memory"])), 3),
    }


def code_size() -> dict[str, Any]:
    """By compiler, as far as they are there: instructions of each operation where it is inlined,
    and the time the umbrella header takes; the sizes are the same with both."""
    progress("compiling for sizes")
    compilers = [name for name in COMPILERS if shutil.which(name)]
    if not compilers or shutil.which("objdump") is None:
        raise Failure("no compiler, or no objdump, to tell sizes with")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return {
            "inlined_instructions": {c: inlined(c, folder) for c in compilers},
            "sizeof": sizes(compilers[0], folder),
            "compile_time": {c: compile_times(c, folder) for c in compilers},
        }
