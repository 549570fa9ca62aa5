# SPDX-License-Identifier: Apache-2.0
"""Trefoil beside its peers: one reference taken and given back, by 1, 2, 4, 8 threads."""

from measure.suite import Suite

SUITE = Suite(name="peers", help="other counted references, by 1, 2, 4, 8 threads", ratios={})
