# SPDX-License-Identifier: Apache-2.0
"""The tool: how fast it imports and replays the sample recordings, all of them each time."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
import time
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


def import_all(samples: list[Path], folder: Path) -> tuple[int, float]:
    """Events, and seconds on the wall with everything: unpack, parse, write."""
    events, seconds = 0, 0.0
    for sample in samples:
        begin = time.perf_counter()
        done = subprocess.run(
            [str(TOOL), "import", str(sample), "-o", str(recording_of(sample, folder)),
             "--repeat", str(REPEAT)], capture_output=True, text=True, check=False)
        seconds += time.perf_counter() - begin
        written = re.search(r": (\d+) events$", done.stderr, re.M)
        if done.returncode != 0 or written is None:
            raise Failure(f"trefoil import {sample.name}: {done.stderr.strip()}")
        events += int(written[1])
    return events, seconds


def recording_of(sample: Path, folder: Path) -> Path:
    return folder / (sample.name.removesuffix(".tsv.gz") + ".trefoil")


def replay_all(recordings: list[Path]) -> dict[Path, tuple[int, float]]:
    """By recording: events times designs, and the seconds in which they were played."""
    result = {}
    for recording in recordings:
        told = json.loads(output_of(str(TOOL), "replay", str(recording), "--json", timeout=600))
        played = told["events"] * len(told["designs"])
        result[recording] = (played, told["measured"]["playing_seconds"])
    return result


class LabSuite:
    name = "lab"
    help = "the tool: import and replay of the sample recordings"
    rates = {
        "replay_event_designs_per_s": Rate("replay", 10e6),
        "import_events_per_s": Rate("import", 1e6),
    }

    def run(self, pairs: int) -> dict[str, Any]:
        build("trefoil_tool")
        samples = sorted(SAMPLES.glob("*.tsv.gz"))
        if not samples:
            raise Failure(f"no sample recordings in {SAMPLES}")
        seen: dict[str, list[float]] = {"replay": [], "import": []}
        by_sample: dict[str, list[float]] = {}
        with tempfile.TemporaryDirectory(dir=RELEASE) as folder:
            recordings = [recording_of(sample, Path(folder)) for sample in samples]
            for done in range(pairs):
                progress(f"measured: {done} of {pairs} times")
                events, seconds = import_all(samples, Path(folder))
                seen["import"].append(events / seconds)
                played = replay_all(recordings)
                seen["replay"].append(sum(n for n, _ in played.values()) /
                                      sum(s for _, s in played.values()))
                for recording, (count, playing) in played.items():
                    by_sample.setdefault(recording.stem, []).append(count / playing)
        progress("")
        figures = Figures(pairs)
        for name, rate in self.rates.items():
            figures.add_rate(name, seen[rate.operation], rate.goal)
        return figures.as_json(
            machine(compiler()),
            replay_event_designs_per_s_by_sample={
                name: round(sorted(values)[len(values) // 2]) for name, values in by_sample.items()},
            spread_by_sample={name: round(relative_iqr(v), 4) for name, v in by_sample.items()})


def compiler() -> str:
    version = output_of("g++", "-dumpfullversion", timeout=60).strip()
    return f"g++ {version}"


SUITE = LabSuite()
