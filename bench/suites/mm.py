# SPDX-License-Identifier: Apache-2.0
"""Address spaces: the calls of Trefoil's mm beside the same calls of the Linux that runs here."""

from measure.figures import Ratio
from measure.suite import Suite

SUITE = Suite(
    name="mm",
    help="address spaces: fork, mmap, fault, exit, beside Linux's own",
    ratios={
        "fork_vs_linux": Ratio("trefoil_fork", "linux_fork", 0.5),
        "mmap_vs_linux": Ratio("trefoil_mmap", "linux_mmap", 0.5),
        "fault_vs_linux": Ratio("trefoil_fault", "linux_fault", 0.5),
        "exit_vs_linux": Ratio("trefoil_exit", "linux_exit", 0.5),
    },
    rounds=1,  # a pair takes long, and goals and figures are far apart
)
