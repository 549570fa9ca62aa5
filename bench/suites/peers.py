# SPDX-License-Identifier: Apache-2.0
"""Trefoil beside its peers: one reference taken and given back, by 1, 2, 4, 8 threads."""

from measure.cache_lines import cache_lines
from measure.figures import Ratio, Time
from measure.suite import Suite

# bench/peers, in the order of the tables. Counts in the object: each thread works on the same word.
COUNTED = ("ref_copy", "ref_share", "ref_promote", "ref_padded_copy", "ref_padded_promote",
           "shared_ptr", "weak_ptr", "atomic_shared_ptr", "intrusive_ptr",
           "boost_atomic_shared_ptr", "urcu_ref", "xenium_counts", "dual_count",
           "dual_count_promote", "refcount", "refcount_not_zero")
# A thread writes to what is its own, and what it reads stays. Of these only counts per CPU give a reference
# to keep or to pass on.
UNCOUNTED = ("lazy_pin", "per_cpu_copy", "per_cpu_promote", "local_shared_ptr", "urcu_read",
             "libcds_hp", "libcds_dhp", "ck_epoch", "ck_hp", "xenium_hp", "xenium_epoch")
# Each thread with an object of its own.
ALONE = ("ref_copy", "ref_padded_copy", "shared_ptr", "intrusive_ptr", "dual_count")
# Made, and destroyed elsewhere: from the first to the last.
HANDED_OVER = ("urcu_call_rcu", "refcount_work")

THREADS = (1, 2, 4, 8)


def ratios() -> dict[str, Ratio]:
    result = {}
    for peer in COUNTED + UNCOUNTED:
        for n in THREADS:
            result[f"{peer}_{n}_vs_floor"] = Ratio(f"{peer}_{n}", f"floor_{n}")
    result["lazy_pin_vs_shared_ptr_contended"] = Ratio("lazy_pin_2", "shared_ptr_2", 0.02)
    for peer in ALONE:
        for n in THREADS[1:]:
            result[f"{peer}_{n}_own_vs_floor"] = Ratio(f"{peer}_{n}_own", f"floor_{n}_own")
    for peer in HANDED_OVER:
        for n in THREADS:
            result[f"ref_deferred_{n}_vs_{peer}"] = Ratio(f"ref_deferred_{n}", f"{peer}_{n}")
    return result


SUITE = Suite(
    name="peers",
    help="other counted references, by 1, 2, 4, 8 threads",
    ratios=ratios(),
    times={"lazy_pin_ns": Time({f"lazy_pin_{n}": n for n in THREADS}, 2.0)},
    optional=("liburcu-dev", "libcds-dev", "libck-dev", "libxenium-dev"),
    rounds=2,
    more={"cache_lines": cache_lines},
)
