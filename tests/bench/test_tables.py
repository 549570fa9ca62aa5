# SPDX-License-Identifier: Apache-2.0
"""bench/tables as its users see it, and the figures of docs/performance.md."""

import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "performance.md"
RUN = ROOT / "docs" / "performance" / "run.json"


class Tables(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.document = self.folder / "document.md"
        self.document.write_text(DOCUMENT.read_text(encoding="utf-8"), encoding="utf-8")

    def run_on(self, run):
        return subprocess.run([sys.executable, str(ROOT / "bench" / "tables"), str(run), str(self.document)],
                              capture_output=True, text=True, check=False)

    def changed(self, change):
        run = json.loads(RUN.read_text(encoding="utf-8"))
        change(run)
        path = self.folder / "run.json"
        path.write_text(json.dumps(run))
        return path

    def lines(self):
        return self.document.read_text(encoding="utf-8").split("\n")

    def test_the_document_has_the_figures_of_the_run_beside_it(self):
        done = self.run_on(RUN)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(self.document.read_text(encoding="utf-8"), DOCUMENT.read_text(encoding="utf-8"))

    def test_another_figure_goes_to_its_place_and_no_other(self):
        def change(run):
            run["core"]["ratios"]["copy_drop_vs_floor"] = 7.125
            run["core"]["missed"].append("copy_drop_vs_floor")
        before = self.lines()
        self.assertEqual(self.run_on(self.changed(change)).returncode, 0)
        new = [line for line in self.lines() if line not in before]
        self.assertEqual(len(new), 1)
        self.assertTrue(new[0].startswith("| `copy_drop_vs_floor` | 7.12 |") and "**missed**" in new[0], new)

    def test_what_the_run_does_not_know_stays_and_is_named(self):
        before = self.lines()
        done = self.run_on(self.changed(lambda run: run["core"]["ns"].pop("scope")))
        self.assertIn("left as it was: scope", done.stderr)
        self.assertEqual(self.lines(), before)

    def test_bad_input_is_one_line_and_nothing_is_written(self):
        before = self.lines()
        for run in (self.changed(lambda run: run.pop("mm")), self.folder / "none"):
            done = self.run_on(run)
            self.assertEqual(done.returncode, 2)
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertEqual(self.lines(), before)


if __name__ == "__main__":
    unittest.main()
