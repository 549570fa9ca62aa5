# SPDX-License-Identifier: Apache-2.0
"""Plots: well-formed, with what they are to show; labels that do not cover each other."""

import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from xml.etree import ElementTree

BENCH = Path(__file__).resolve().parents[2] / "bench"
sys.path.insert(0, str(BENCH))

from measure.plots import Axis, apart

MACHINE = {"cpu": "a <CPU> & more", "cores": 2, "kernel": "k", "compiler": "c", "load": 0.1}
ROWS = ("ref_copy", "ref_padded_copy", "ref_promote", "ref_padded_three_kinds", "ref_own",
        "atomic_shared_ptr", "shared_ptr", "weak_ptr", "urcu_read")


def run_of_all():
    cpus = [1, 2, 4]
    return {
        "core": {"machine": MACHINE, "ratios": {}, "ns": {"floor": 4.0, "copy_drop": 4.25}},
        "peers": {"machine": MACHINE, "ratios": {},
                  "ns": {f"{name}_{n}": 3.0 * n for name in ("floor", "ref_copy")
                         for n in (1, 2, 4, 8)},
                  "cache_lines": {"cpus": cpus, "rows": {
                      name: {"transfers": {"at_random_between_calls": [0.0, 1.0, 2.0]}}
                      for name in ROWS}}},
    }


class Plot(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def plot(self, run):
        path = self.folder / "run.json"
        path.write_text(json.dumps(run))
        return subprocess.run([sys.executable, str(BENCH / "plot"), str(path), "-o",
                               str(self.folder / "plots")], capture_output=True, text=True,
                              check=False)

    def words(self, name):
        root = ElementTree.parse(self.folder / "plots" / name).getroot()
        return [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]

    def test_all_three_are_well_formed_and_say_what_they_show(self):
        done = self.plot(run_of_all())
        self.assertEqual(done.returncode, 0, done.stderr)
        core = self.words("core.svg")
        self.assertIn("ref copy + drop", core)
        self.assertIn("4.25 ns", core)
        self.assertIn("a <CPU> & more, 2 CPUs, k, c", core)
        self.assertNotIn("std::make_shared + drop", core)  # not measured
        peers = self.words("peers.svg")
        self.assertIn("ref copy", peers)
        self.assertNotIn("std::shared_ptr", peers)
        self.assertIn("liburcu read lock", self.words("cache-lines.svg"))

    def test_one_suite_is_not_enough(self):
        done = self.plot(run_of_all()["core"])
        self.assertEqual(done.returncode, 2)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)


class Layout(unittest.TestCase):
    def test_labels_keep_their_distance_and_their_order(self):
        places = apart([1.0, 2.0, 3.0, 12.0, 90.0], 10)
        self.assertTrue(all(b - a >= 10 - 1e-9 for a, b in zip(places, places[1:])))
        self.assertEqual(places[-1], 90.0)

    def test_a_logarithmic_axis_gives_factors_the_same_room(self):
        axis = Axis("", (1, 10, 100), True)
        self.assertAlmostEqual(axis.place(1), 0.0)
        self.assertAlmostEqual(axis.place(10), 0.5)
        self.assertAlmostEqual(axis.place(100), 1.0)


if __name__ == "__main__":
    unittest.main()
