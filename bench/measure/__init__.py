# SPDX-License-Identifier: Apache-2.0
"""How bench/run measures. What it measures is in suites/."""
