# SPDX-License-Identifier: Apache-2.0
"""The mechanism: what each operation costs, against what one would use instead."""

from measure.code_size import code_size
from measure.figures import Rate, Ratio
from measure.suite import Suite

SUITE = Suite(
    name="core",
    help="the mechanism: copy, share, promote, demote, birth, death",
    ratios={
        "create_destroy_vs_make_shared": Ratio("life", "make_shared_life", 0.12),
        "create_destroy_vs_three_counts": Ratio("life", "three_counts_life_pooled", 0.15),
        "create_destroy_vs_three_counts_malloc": Ratio("life", "three_counts_life_malloc"),
        "create_destroy_busy_vs_make_shared": Ratio("life_busy", "make_shared_life_busy"),
        "create_destroy_64_vs_make_shared": Ratio("life_64", "make_shared_life_64"),
        "copy_drop_vs_floor": Ratio("copy_drop", "floor", 1.05),
        "copy_drop_vs_shared_ptr": Ratio("copy_drop", "shared_ptr_copy_drop"),
        "copy_drop_vs_intrusive_ptr": Ratio("copy_drop", "intrusive_ptr_copy_drop"),
        "share_drop_vs_floor": Ratio("share_drop", "floor"),
        "promote_drop_vs_floor": Ratio("promote_drop", "floor", 1.4),
        "promote_drop_vs_weak_lock": Ratio("promote_drop", "weak_ptr_lock_drop", 0.85),
        "demote_vs_two_step": Ratio("demote", "share_then_drop", 0.55),
        "copy_demote_drop_vs_two_step": Ratio("copy_demote_drop", "copy_share_drop_drop"),
        "any_drop_vs_process_drop": Ratio("last_drop_any", "last_drop_process"),
        "any_drop_vs_punt_idle_worker": Ratio("last_drop_any", "punt_idle_worker", 0.005),
        "deferred_vs_inline_busy": Ratio("punt_busy_worker", "last_drop_any"),
        **{f"refill_{threads}_vs_make_shared": Ratio(f"refill_{threads}", f"make_shared_refill_{threads}")
           for threads in (2, 4, 8, 16, 32, 64)},
    },
    rates={
        "deferred_per_s": Rate("deferred", 12e6),
        "deferred_in_batches_per_s": Rate("deferred_in_batches", 20e6),
    },
    only_times=(("scope", "empty_loop"), ("deferred", "deferred_in_batches")),
    more={"code_size": code_size},
)
