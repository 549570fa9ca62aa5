# SPDX-License-Identifier: Apache-2.0
"""What is measured is built first, as a release."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from .console import Failure, note, progress

ROOT = Path(__file__).resolve().parent.parent.parent
RELEASE = ROOT / "build" / "release"
# To configure the tree and to build what every suite rests on.
PACKAGES = ("g++", "cmake", "ninja-build", "libbenchmark-dev", "libgtest-dev", "libsqlite3-dev",
            "zlib1g-dev", "libcli11-dev", "libfmt-dev", "nlohmann-json3-dev", "libboost1.81-dev",
            "libboost-context1.81-dev", "liburcu-dev", "pkg-config",
            "binutils")


def build(target: str, optional: Sequence[str] = ()) -> None:
    """`optional`: packages without which it builds as well, and has less to measure."""
    progress("building")
    dependencies = str(ROOT / "scripts" / "dependencies")
    if optional and subprocess.run([dependencies, *optional], capture_output=True,
                                   check=False).returncode != 0:
        note(f"not all of these are there, nor can they be installed: {' '.join(optional)}")
    log_path = ROOT / "build" / "logs" / "bench.log"
    log_path.parent.mkdir(parents=True, exist_ok=True)
    commands = [
        [dependencies, *PACKAGES],
        ["cmake", "--preset", "release"],
        ["cmake", "--build", "--preset", "release", "--target", target],
    ]
    with open(log_path, "w", encoding="utf-8") as log:
        for command in commands:
            done = subprocess.run(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT,
                                  check=False)
            if done.returncode != 0:
                log.flush()
                lines = log_path.read_text(encoding="utf-8", errors="replace").splitlines(True)
                raise Failure(f"{''.join(lines[-40:])}{target} does not build (the whole log: "
                              f"{log_path})")
