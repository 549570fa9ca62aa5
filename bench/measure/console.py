# SPDX-License-Identifier: Apache-2.0
"""What goes to people while figures go to stdout, and what ends a suite."""

from __future__ import annotations

import subprocess
import sys
from typing import Any


class Failure(Exception):
    """A suite cannot be measured; the text says why."""


def progress(text: str) -> None:
    """Overwrites itself; nothing where nobody looks."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def note(text: str) -> None:
    progress("")
    print(f"bench/run: {text}", file=sys.stderr)


def output_of(*command: str, **options: Any) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        tail = (done.stdout + done.stderr)[-2000:]
        raise Failure(f"{command[0]} ended with status {done.returncode}\n{tail}")
    return done.stdout
