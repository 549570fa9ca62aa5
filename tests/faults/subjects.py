# SPDX-License-Identifier: Apache-2.0
"""The commands that are tried, each on a small input."""

import gzip
import pathlib
import re
import subprocess

LIVES = pathlib.Path(__file__).resolve().parent.parent / "lab/lives"


class CannotTry(Exception):
    pass


class Subject:
    program = "trefoil"
    alone = False
    output = None  # the file that it makes
    older = None  # what has that name before
    fails = True  # if a call of its own does
    threads = 0  # that may have a block each when it ends

    def __init__(self, name, *words):
        self.name = name
        self._words = words

    def words(self, inputs):
        return [w.replace("@", str(inputs)) for w in self._words]

    def prepare(self, bench):
        """What it reads."""
        recording = bench.inputs / "in.trefoil"
        if recording.exists():
            return
        text = b"".join(LIVES.joinpath("vfork_children.tsv").read_bytes().splitlines(True))
        (bench.inputs / "in.tsv.gz").write_bytes(gzip.compress(text, mtime=0))
        subprocess.run([bench.program("trefoil"), "import", bench.inputs / "in.tsv.gz", "-o", recording], check=True,
                       capture_output=True)

    def cannot(self, normal):
        if normal.report["status"] != 0:
            raise RuntimeError(f"{self.name} fails without a fault: {normal.ended}\n{normal.stderr}")
        return None

    def wrong_result(self, normal, result):
        """It says that all went well: what is not as it should be."""
        if self.without_times(result.stdout) != self.without_times(normal.stdout):
            return "status 0, but stdout is not that of a run without a fault"
        if result.files != normal.files:
            return "status 0, but the file is not that of a run without a fault"
        return None

    @staticmethod
    def without_times(text):
        return text


class Import(Subject):
    output = "out.trefoil"


class Replacing(Import):
    older = b"what was there before"


class Replay(Subject):
    threads = 4

    # Nor how many threads played: with fewer it is slower, and no figure another.
    @staticmethod
    def without_times(text):
        text = re.sub(r'("[a-z0-9_]*(?:per_s|seconds|threads|p50_ns|p99_ns|max_ns|sum_ns)": )[0-9.e+-]+', r"\1", text)
        return re.sub(r"(?m)^measured: .*", "", text)


class Storm(Subject):
    threads = 6

    def wrong_result(self, normal, result):
        # Whether all went well it knows itself: its figures are others in every run.
        rows = [line[:34] for line in result.stdout.splitlines()]
        if rows != [line[:34] for line in normal.stdout.splitlines()]:
            return "status 0, but stdout is not the whole table"
        return None


class Record(Subject):
    alone = True  # it hears of all processes of the machine
    output = "out.trefoil"

    def cannot(self, normal):
        if normal.report["status"] == 2:
            return normal.stderr.strip().removeprefix("trefoil: ")
        return super().cannot(normal)

    def wrong_result(self, normal, result):
        made = result.files.get(self.output, b"")
        if not made.startswith(b"SQLite format 3\0"):
            return "status 0, but there is no recording"
        if self.older and result.files.get(self.output + ".old") != self.older:
            return "status 0, but the older file is not kept"
        return None


class RecordBeside(Record):
    older = b"what was there before"


class Again(Subject):
    """A program that does once more what has failed: it never ends otherwise than well."""

    fails = False
    threads = 2

    def __init__(self, name):
        super().__init__(name)
        self.program = f"tests/faults/faults_{name}"

    def prepare(self, bench):
        pass

    def wrong_result(self, normal, result):
        return "it says something" if result.stdout or result.stderr else None


def subjects():
    return [
        Again("mechanism"),
        Again("mm"),
        Import("import", "import", "@/in.tsv.gz", "-o", "out.trefoil"),
        Replacing("import-force", "import", "@/in.tsv.gz", "-o", "out.trefoil", "--force"),
        Subject("info", "info", "@/in.trefoil"),
        Subject("info-json", "info", "@/in.trefoil", "--json"),
        Replay("replay", "replay", "@/in.trefoil"),
        Replay("replay-json", "replay", "@/in.trefoil", "--json"),
        Storm("storm", "storm", "--cpus", "2", "--processes", "4"),
        Record("record", "record", "-o", "out.trefoil", "--", "/bin/true"),
        RecordBeside("record-beside", "record", "-o", "out.trefoil", "--", "/bin/true"),
    ]
