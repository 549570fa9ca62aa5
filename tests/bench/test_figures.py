# SPDX-License-Identifier: Apache-2.0
"""How bench/run judges: by times where they can be trusted, else by instructions."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))

from measure.figures import Figures, Rate, Ratio, Time, measure, relative_iqr, wanted_pairs
from measure.program import Operation, shares

CALM = [1.0, 1.01, 1.0, 0.99, 1.0]
NOISY = [0.5, 1.0, 1.5, 2.0, 0.7]


class Judgement(unittest.TestCase):
    def judged(self, values, goal, instruction_ratio):
        figures = Figures(len(values))
        figures.add_ratio("r", values, goal, instruction_ratio)
        return figures

    def test_a_calm_ratio_is_judged_by_its_times(self):
        met = self.judged(CALM, 1.05, 9.0)
        self.assertEqual((met.decided_by, met.missed), ({"r": "time"}, []))
        missed = self.judged(CALM, 0.9, 0.1)
        self.assertEqual((missed.decided_by, missed.missed), ({"r": "time"}, ["r"]))

    def test_a_noisy_ratio_is_judged_by_instructions(self):
        met = self.judged(NOISY, 0.9, 0.8)
        self.assertEqual((met.decided_by, met.missed), ({"r": "instructions"}, []))
        missed = self.judged(NOISY, 1.5, 1.6)
        self.assertEqual((missed.decided_by, missed.missed), ({"r": "instructions"}, ["r"]))

    def test_without_instructions_times_decide_all_the_same(self):
        figures = self.judged(NOISY, 0.5, None)
        self.assertEqual((figures.decided_by, figures.missed), ({"r": "time"}, ["r"]))

    def test_without_a_goal_nothing_is_judged(self):
        figures = self.judged(CALM, None, 1.0)
        self.assertEqual((figures.goals, figures.decided_by, figures.missed), ({}, {}, []))

    def test_a_rate_has_to_reach_its_goal(self):
        figures = Figures(3)
        figures.add_rate("slow", [9.0, 9.0, 9.0], 10.0)
        figures.add_rate("fast", [11.0, 11.0, 11.0], 10.0)
        self.assertEqual(figures.missed, ["slow"])

    def test_a_time_becomes_a_rate(self):
        figures = Figures(2)
        figures.add_samples({}, {"per_s": Rate("op")}, {("op", "x"): [(100.0, 1.0)] * 3}, {}, {})
        self.assertEqual(figures.rates, {"per_s": 10_000_000})

    def test_a_time_is_the_worst_that_any_number_of_threads_takes_of_a_cpu(self):
        figures = Figures(3)
        samples = {("one", "x"): [(1.5, 1.0)] * 3, ("eight", "x"): [(6.0, 1.0)] * 3}
        figures.add_times({"ns": Time({"one": 1, "eight": 8, "absent": 4}, 1.4)}, samples, 2)
        self.assertEqual((figures.times, figures.missed), ({"ns": 1.5}, ["ns"]))
        figures.add_times({"slow": Time({"one": 1, "eight": 8}, 9.0)}, samples, 4)
        self.assertEqual(figures.times["slow"], 3.0)
        self.assertEqual(figures.missed, ["ns"])

    def test_a_ratio_is_the_median_of_ratios_not_the_ratio_of_medians(self):
        figures = Figures(3)
        samples = {("a", "b"): [(1.0, 1.0), (10.0, 5.0), (2.0, 10.0)]}
        figures.add_samples({"r": Ratio("a", "b")}, {}, samples, {}, {"a": 6.0, "b": 3.0})
        self.assertEqual(figures.ratios, {"r": 1.0})
        self.assertEqual(figures.instruction_ratios, {"r": 2.0})

    def test_the_spread_is_relative_to_the_median(self):
        self.assertEqual(relative_iqr([2.0]), 0.0)
        self.assertAlmostEqual(relative_iqr([1.0, 2.0, 3.0]), 1.0)


class ScriptedProgram:
    """Answers each round with the next of its samples."""

    def __init__(self, *rounds):
        self.rounds = list(rounds)

    def pairs(self, wanted, count):
        return {pair: self.rounds.pop(0) for pair in wanted}


class Rounds(unittest.TestCase):
    calm = [(1.0, 1.0)] * 5
    noisy = [(value, 1.0) for value in NOISY]
    noisier = [(value, 1.0) for value in (0.1, 1.0, 5.0, 2.0, 0.2)]

    def test_a_calm_pair_is_measured_once(self):
        samples, rounds = measure(ScriptedProgram(self.calm), [("a", "b")], 5, 3)
        self.assertEqual((samples, rounds), ({("a", "b"): self.calm}, {}))

    def test_a_noisy_pair_is_measured_again_until_it_is_calm(self):
        samples, rounds = measure(ScriptedProgram(self.noisy, self.calm), [("a", "b")], 5, 3)
        self.assertEqual((samples, rounds), ({("a", "b"): self.calm}, {("a", "b"): 2}))

    def test_of_noisy_rounds_the_calmest_counts(self):
        program = ScriptedProgram(self.noisier, self.noisy, self.noisier)
        samples, rounds = measure(program, [("a", "b")], 5, 3)
        self.assertEqual((samples, rounds), ({("a", "b"): self.noisy}, {("a", "b"): 3}))


class Shares(unittest.TestCase):
    def test_they_add_up_and_none_is_empty(self):
        self.assertEqual(shares(41, 8), [6, 5, 5, 5, 5, 5, 5, 5])
        self.assertEqual(shares(3, 8), [1, 1, 1])
        self.assertEqual(shares(8, 8), [1] * 8)


class Wanted(unittest.TestCase):
    def test_each_pair_once_and_only_what_there_is(self):
        available = {name: Operation(True, "") for name in ("a", "b", "c")}
        ratios = {"r": Ratio("a", "b"), "again": Ratio("a", "b"), "absent": Ratio("a", "z")}
        rates = {"alone": Rate("c"), "paired": Rate("a"), "missing": Rate("y")}
        self.assertEqual(wanted_pairs(ratios, rates, (), available), [("a", "b"), ("c", "c")])


if __name__ == "__main__":
    unittest.main()
