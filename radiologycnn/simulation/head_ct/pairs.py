"""Baseline and follow-up of one simulated head: another position and protocol, and bleeds that grew, stayed or shrank.

The growth is known twice: as the volumes that were drawn, and as both scans' masks; so is the rigid motion between the
scans, for measuring a registration.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from radiologycnn.simulation.head_ct.bleeds import Bleed
from radiologycnn.simulation.head_ct.config import HeadCtConfig
from radiologycnn.simulation.head_ct.simulate import SimulatedHeadCt, draw_head, scan_head, simulate_head_ct
from radiologycnn.simulation.limits import Range

_FOLLOW_UP_STREAM = 5  # the first five belong to the baseline scan


@dataclass(frozen=True)
class FollowUpConfig:
    """How bleeds change until the follow-up scan. A range is (low, high), drawn uniformly."""

    grows: float = 0.4  # share of heads; expansion within a day in about a third of early scans [anat]
    shrinks: float = 0.35  # the rest stays as it is [choice]
    growth: Range = (1.15, 2.2)  # factor on the volume; expansion is called so from 1.33 or 6 mL on [anat]
    shrinkage: Range = (0.30, 0.85)  # factor after days of resorption [choice]
    hours_growing: Range = (3.0, 24.0)
    days_shrinking: Range = (3.0, 14.0)
    hu_loss_per_day: Range = (0.7, 1.5)  # clot on CT fades by about 1.5 HU a day [anat], slower at its core [choice]
    least_hu: float = 34.0  # a clot as bright as brain cannot be seen, and no truth should ask for it [choice]


@dataclass(frozen=True)
class SimulatedPair:
    """Two scans of one head.

    Attributes:
        truth: JSON-able: change ("grows", "stays", "shrinks"), hours between the scans, drawn and mask volumes, growth
            in mL, and the motion.
        baseline_to_follow_up: 4x4, LPS of the baseline scan to LPS of the follow-up scan, mm; rigid.
    """

    baseline: SimulatedHeadCt
    follow_up: SimulatedHeadCt
    baseline_to_follow_up: np.ndarray
    truth: dict[str, Any]


def simulate_head_ct_pair(
    index: int, seed: int = 0, config: HeadCtConfig = HeadCtConfig(), change: FollowUpConfig = FollowUpConfig()
) -> SimulatedPair:
    """Draw pair number ``index`` of the population; its baseline is scan ``index`` of :func:`simulate_head_ct`."""
    stream = np.random.SeedSequence([int(seed), int(index)]).spawn(_FOLLOW_UP_STREAM + 2)[_FOLLOW_UP_STREAM:]
    course, machine = (np.random.Generator(np.random.PCG64(one)) for one in stream)
    baseline = simulate_head_ct(index, seed, config)

    what = course.random()
    factor, hours, loss = 1.0, course.uniform(*change.hours_growing), 0.0
    kind = "stays"
    if what < change.grows:
        kind, factor = "grows", course.uniform(*change.growth)
    elif what < change.grows + change.shrinks:
        kind, factor = "shrinks", course.uniform(*change.shrinkage)
        days = course.uniform(*change.days_shrinking)
        hours, loss = 24 * days, days * course.uniform(*change.hu_loss_per_day)
    if not baseline.truth["bleeds"]:
        kind = "stays"

    def alter(bleeds: list[Bleed]) -> None:
        for bleed in bleeds:
            bleed.growth = factor
            bleed.hu = max(bleed.hu - loss, min(bleed.hu, change.least_hu))

    follow_up = scan_head(draw_head(index, seed, config, alter), machine, index, seed, config)
    before, after = (sum(b["volume_ml"] for b in scan.truth["bleeds"]) for scan in (baseline, follow_up))
    truth = {
        "seed": int(seed),
        "index": int(index),
        "change": kind,
        "hours": round(float(hours), 1),
        "kinds": [bleed["kind"] for bleed in baseline.truth["bleeds"]],
        "baseline_ml": round(before, 3),
        "follow_up_ml": round(after, 3),
        "growth_ml": round(after - before, 3),
        "baseline_mask_ml": baseline.truth["mask_ml"],
        "follow_up_mask_ml": follow_up.truth["mask_ml"],
    }
    motion = np.linalg.inv(follow_up.lps_to_head) @ baseline.lps_to_head
    truth["baseline_to_follow_up_lps"] = [[round(float(value), 9) for value in row] for row in motion]
    return SimulatedPair(baseline, follow_up, motion, truth)
