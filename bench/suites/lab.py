# SPDX-License-Identifier: Apache-2.0
"""The tool: how fast it imports and replays the sample recordings, all of them each time.

What is one thread, which waits for nothing, in processor time: on an idle machine that is the time on the
wall, and on a busy one it is what that would have been. A replay by as many threads as it takes of itself,
one per CPU, by the wall.
"""

from __future__ import annotations

import json
import re
import resource
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measure.build import RELEASE, ROOT, build
from measure.console import Failure, output_of, progress
from measure.figures import Figures, Rate, relative_iqr
from measure.machine import machine

SAMPLES = ROOT / "samples" / "recordings"
TOOL = RELEASE / "trefoil"
# Long enough that starting the program and making the file disappear.
REPEAT = 8


@dataclass(frozen=True)
class Ended:
    out: str
    err: str
    wall: float
    processor: float


def processor_time() -> float:
    """Of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def tool(*arguments: str) -> Ended:
    begin, used = time.perf_counter(), processor_time()
    done = subprocess.run([str(TOOL), *arguments], capture_output=True, text=True, check=False,
                          timeout=600)
    if done.returncode != 0:
        raise Failure(f"trefoil {arguments[0]}: {done.stderr.strip()}")
    return Ended(done.stdout, done.stderr, time.perf_counter() - begin, processor_time() - used)


def import_all(samples: list[Path], folder: Path) -> tuple[int, float]:
    """Events, and seconds with everything: unpack, parse, write."""
    events, seconds = 0, 0.0
    for sample in samples:
        done = tool("import", str(sample), "-o", str(recording_of(sample, folder)),
                    "--force", "--repeat", str(REPEAT))
        written = re.search(r": (\d+) events$", done.err, re.M)
        if written is None:
            raise Failure(f"trefoil import {sample.name} does not say how many events")
        events += int(written[1])
        seconds += done.processor
    return events, seconds


def recording_of(sample: Path, folder: Path) -> Path:
    return folder / (sample.name.removesuffix(".tsv.gz") + ".trefoil")


def replay_all(recordings: list[Path], *more: str) -> dict[Path, tuple[int, float]]:
    """By recording: events times designs, and the seconds in which they were played."""
    result = {}
    for recording in recordings:
        done = tool("replay", str(recording), "--json", *more)
        told = json.loads(done.out)
        played = told["events"] * len(told["designs"])
        seconds = told["measured"]["playing_seconds"]
        if told["measured"]["threads"] == 1:
            # What it took of the processor, as far as it is the playing.
            seconds *= min(1.0, done.processor / done.wall)
        result[recording] = (played, seconds)
    return result


def rate_of(played: dict[Path, tuple[int, float]]) -> float:
    return sum(n for n, _ in played.values()) / sum(s for _, s in played.values())


class LabSuite:
    name = "lab"
    help = "the tool: import and replay of the sample recordings"
    rates = {
        "replay_event_designs_per_s": Rate("replay", 10e6),
        "replay_one_thread_event_designs_per_s": Rate("replay_one_thread", None),
        "import_events_per_s": Rate("import", 1e6),
    }

    def run(self, pairs: int) -> dict[str, Any]:
        build("trefoil_tool")
        samples = sorted(SAMPLES.glob("*.tsv.gz"))
        if not samples:
            raise Failure(f"no sample recordings in {SAMPLES}")
        seen: dict[str, list[float]] = {"replay": [], "replay_one_thread": [], "import": []}
        by_sample: dict[str, list[float]] = {}
        with tempfile.TemporaryDirectory(dir=RELEASE) as folder:
            recordings = [recording_of(sample, Path(folder)) for sample in samples]
            for done in range(pairs):
                progress(f"measured: {done} of {pairs} times")
                events, seconds = import_all(samples, Path(folder))
                seen["import"].append(events / seconds)
                played = replay_all(recordings)
                seen["replay"].append(rate_of(played))
                seen["replay_one_thread"].append(
                    rate_of(replay_all(recordings, "--threads", "1")))
                for recording, (count, playing) in played.items():
                    by_sample.setdefault(recording.stem, []).append(count / playing)
        progress("")
        figures = Figures(pairs)
        for name, rate in self.rates.items():
            figures.add_rate(name, seen[rate.operation], rate.goal)
        return figures.as_json(
            machine(compiler()),
            replay_event_designs_per_s_by_sample={
                name: round(statistics.median(values)) for name, values in by_sample.items()},
            spread_by_sample={name: round(relative_iqr(values), 4)
                              for name, values in by_sample.items()})


def compiler() -> str:
    version = output_of("g++", "-dumpfullversion", timeout=60).strip()
    return f"g++ {version}"


SUITE = LabSuite()
