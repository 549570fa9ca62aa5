# SPDX-License-Identifier: Apache-2.0
"""bench/compare as its users see it."""

import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

COMPARE = Path(__file__).resolve().parents[2] / "bench" / "compare"
MACHINE = {"cpu": "a", "cores": 2, "kernel": "k", "compiler": "c", "load": 0.1}


def suite(ratios=None, rates=None, spread=None, **more):
    return {"machine": MACHINE, "ratios": ratios or {}, "rates": rates or {},
            "spread": spread or {}, **more}


class Compare(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def file(self, name, content):
        path = self.folder / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    def run_on(self, *paths):
        return subprocess.run([sys.executable, str(COMPARE), *map(str, paths)],
                              capture_output=True, text=True, check=False)

    def compared(self, old, new):
        return self.run_on(self.file("old", old), self.file("new", new))

    def worse(self, done):
        return [line.split()[0] for line in done.stdout.splitlines() if line.endswith("WORSE")]

    def test_the_same_is_not_worse(self):
        done = self.compared(suite({"a": 1.0}), suite({"a": 1.0}))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.worse(done), [])

    def test_a_ratio_that_grows_by_more_than_a_tenth_is_worse(self):
        old = suite({"same": 1.0, "slower": 1.0, "a_little": 1.0, "faster": 1.0})
        new = suite({"same": 1.0, "slower": 1.11, "a_little": 1.09, "faster": 0.5})
        done = self.compared(old, new)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(self.worse(done), ["slower"])
        self.assertIn("+11.0%", done.stdout)
        self.assertIn("-50.0%", done.stdout)

    def test_a_rate_is_worse_when_it_falls(self):
        old = suite(rates={"up": 1e6, "down": 1e6})
        new = suite(rates={"up": 2e6, "down": 0.85e6})
        done = self.compared(old, new)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(self.worse(done), ["down"])

    def test_what_lies_within_the_spread_of_either_run_is_not_worse(self):
        for spread_old, spread_new, expected in ((0.0, 0.0, 1), (0.3, 0.0, 0), (0.0, 0.3, 0)):
            done = self.compared(suite({"a": 1.0}, spread={"a": spread_old}),
                                 suite({"a": 1.2}, spread={"a": spread_new}))
            self.assertEqual(done.returncode, expected, (spread_old, spread_new))

    def test_all_suites_by_name(self):
        old = {"core": suite({"a": 1.0}), "peers": suite({"a": 1.0}), "mm": {"failed": "why"}}
        new = {"core": suite({"a": 1.0}), "peers": suite({"a": 2.0}), "mm": suite({"b": 1.0})}
        done = self.compared(old, new)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(self.worse(done), ["peers:"])
        self.assertIn("mm: not measured in the first file", done.stdout)

    def test_what_came_and_went_is_said_and_no_failure(self):
        done = self.compared(suite({"a": 1.0, "gone": 1.0}), suite({"a": 1.0, "come": 9.0}))
        self.assertEqual(done.returncode, 0)
        self.assertIn("gone is gone", done.stdout)
        self.assertIn("come is new", done.stdout)

    def test_different_machines_are_said(self):
        new = suite({"a": 1.0})
        new["machine"] = {**MACHINE, "cpu": "another"}
        done = self.compared(suite({"a": 1.0}), new)
        self.assertEqual(done.returncode, 0)
        self.assertIn("different machines", done.stdout)

    def test_bad_input_is_one_line_and_status_2(self):
        good = self.file("good", suite({"a": 1.0}))
        for content, says in (("", "not JSON"), ("{", "not JSON"), ("[]", "not written by"),
                              ("{}", "no suite"), ({"core": 1}, "has no ratios"),
                              ({"core": {}}, "has no ratios"), (suite({"a": "x"}), "a is 'x'"),
                              (suite({"a": 0}), "a is 0"), (suite({"a": -1}), "a is -1"),
                              (suite({"a": True}), "a is True"),
                              ('{"ratios": {"a": NaN}}', "a is nan"),
                              ({"ratios": []}, "ratios is no object"),
                              (suite({"another": 1.0}), "nothing in common")):
            bad = self.file("bad", content)
            for paths in ((good, bad), (bad, good)):
                done = self.run_on(*paths)
                with self.subTest(content=content):
                    self.assertEqual(done.returncode, 2)
                    self.assertEqual(done.stdout, "")
                    self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
                    self.assertIn(says, done.stderr)
                    self.assertIn("bad", done.stderr)

    def test_a_missing_file_is_one_line_and_status_2(self):
        good = self.file("good", suite({"a": 1.0}))
        for path in (self.folder / "missing", self.folder):
            done = self.run_on(good, path)
            self.assertEqual(done.returncode, 2)
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
            self.assertIn(str(path), done.stderr)


if __name__ == "__main__":
    unittest.main()
