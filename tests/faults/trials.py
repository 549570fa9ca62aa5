# SPDX-License-Identifier: Apache-2.0
"""One run of the tool with one failure, and which failures there are."""

import collections
import dataclasses
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

from subjects import CannotTry

HANG_SECONDS = 20


@dataclasses.dataclass(frozen=True)
class Fault:
    """The N-th allocation; or the N-th of the system calls that have a `way`-th way to fail."""

    kind: str = "none"
    number: int = 0
    way: int = 0

    def __str__(self):
        return f"{self.kind}:{self.number}:{self.way}"

    @staticmethod
    def parse(text):
        kind, number, way = text.split(":")
        return Fault(kind, int(number), int(way))

    def arguments(self):
        if self.kind == "allocation":
            return ["--allocation", str(self.number)]
        if self.kind == "call":
            return ["--system-call", str(self.number), "--way", str(self.way)]
        return ["--list"]

    def told(self, report):
        call = report.get("failed")
        if self.kind == "allocation" or not call:
            return f"{self.kind} {self.number}"
        return f"call {self.number}, {call['name']} ({call['first'] & 0xFFFFFFFF:#x}, ...) = {call['ways'][0]}"


def faults_of(report, each):
    """Those of a run without any: of calls from one place the first `each`; 0: all."""
    found = []
    seen = collections.Counter()

    def wanted(place):
        seen[place] += 1
        return each == 0 or seen[place] <= each

    for number, place in enumerate(report["allocation_places"], 1):
        if wanted(place):
            found.append(Fault("allocation", number))
    counts = collections.Counter()
    for call in report["calls"]:
        for way in range(len(call["ways"])):
            counts[way] += 1
            if wanted((call["place"], way)):
                found.append(Fault("call", counts[way], way))
    return found


@dataclasses.dataclass
class Result:
    command: list
    fault: Fault
    report: dict
    stdout: str
    stderr: str
    files: dict  # name: content

    @property
    def ended(self):
        if self.report["hung"]:
            return "hung"
        if self.report["signal"]:
            return "SIG" + self.report["signal"]
        return f"status {self.report['status']}"


class Bench:
    """A folder of inputs, and a fresh one for each run."""

    def __init__(self, build):
        build = build.resolve()
        self.build = build
        self.inputs = None
        self._normal = {}

    def __enter__(self):
        self.inputs = pathlib.Path(tempfile.mkdtemp(prefix="trefoil-faults-"))
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.inputs, ignore_errors=True)

    def program(self, name):
        path = self.build / name
        if not path.exists():
            raise CannotTry(f"no {path}; build the target faults_run")
        return str(path)

    def normal(self, subject):
        if subject.name not in self._normal:
            subject.prepare(self)
            result = self.run(subject, Fault())
            why = subject.cannot(result)
            if why:
                raise CannotTry(why)
            self._normal[subject.name] = result
        return self._normal[subject.name]

    def run(self, subject, fault):
        subject.prepare(self)
        with tempfile.TemporaryDirectory(prefix="trefoil-fault-") as name:
            folder = pathlib.Path(name)
            if subject.older:
                (folder / subject.output).write_bytes(subject.older)
            report = self.inputs / f"report-{folder.name}"
            command = [self.program("tests/faults/faults_run"), "--allocations", self.program("tests/faults/libfaults_allocations.so"), "--seconds",
                       str(HANG_SECONDS), "--report", str(report), *fault.arguments(), "--",
                       self.program(subject.program), *subject.words(self.inputs)]
            done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True,
                                  env=dict(os.environ, LC_ALL="C"), check=False)
            if done.returncode != 0:
                raise RuntimeError(done.stderr.decode(errors="replace"))
            files = {p.name: p.read_bytes() for p in sorted(folder.iterdir())}
            told = json.loads(report.read_text())
            report.unlink()
        return Result(command, fault, told, done.stdout.decode(errors="replace"),
                      done.stderr.decode(errors="replace"), files)
