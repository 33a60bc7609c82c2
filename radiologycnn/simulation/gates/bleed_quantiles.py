"""Brightness and volume of simulated bleeds beside the quantiles of a reference set of phantoms.

Reference: weighted quantiles of DIDSR/InSilicoICH's bleeds (FDA), region means with partial volume, trauma-like mix;
stroke cohorts bleed more (median 15-25 mL).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from radiologycnn.simulation.head_ct import BLEED_LABELS, SimulatedHeadCt

SHARES = (0.05, 0.25, 0.50, 0.75, 0.95)
REFERENCE_HU = {
    "iph": (33, 41, 48, 54, 61),
    "ivh": (25, 34, 39, 46, 55),
    "sdh": (27, 43, 51, 59, 69),
    "edh": (37, 49, 56, 63, 72),
    "sah": (31, 38, 43, 49, 58),
}
REFERENCE_ML = {
    "iph": (0.4, 3, 7.3, 14, 43),
    "ivh": (0.2, 1.1, 2.5, 4.9, 19),
    "sdh": (0.6, 2.5, 5.9, 11, 54),
    "edh": (1.2, 6.1, 12.6, 22, 39),
    "sah": (0.3, 0.3, 0.8, 1.5, 4.6),
}


@dataclass(frozen=True)
class BleedFigures:
    """One bleed: type, mean HU of its region in the scan, drawn volume."""

    kind: str
    mean_hu: float
    volume_ml: float


def bleed_figures(scan: SimulatedHeadCt) -> list[BleedFigures]:
    """Of each bleed whose region can be seen in the scan; two of one type share their region."""
    found = []
    for bleed in scan.truth["bleeds"]:
        region = scan.labels == BLEED_LABELS[bleed["kind"]]
        if region.any():
            found.append(BleedFigures(bleed["kind"], float(scan.volume.array[region].mean()), bleed["volume_ml"]))
    return found


def format_quantiles(bleeds: Iterable[BleedFigures]) -> str:
    """Plain text: 5/25/50/75/95 % of each type's HU and mL, simulated and reference."""
    bleeds = list(bleeds)
    lines = ["Quantiles 5/25/50/75/95 %      HU simulated | reference            mL simulated | reference"]
    for kind in BLEED_LABELS:
        own = [bleed for bleed in bleeds if bleed.kind == kind]
        if not own:
            continue
        hu = np.quantile([bleed.mean_hu for bleed in own], SHARES)
        ml = np.quantile([bleed.volume_ml for bleed in own], SHARES)
        lines.append(
            f"{kind} ({len(own)})".ljust(12)
            + "/".join(f"{value:.0f}" for value in hu).rjust(30)
            + " | "
            + "/".join(map(str, REFERENCE_HU[kind])).ljust(16)
            + "/".join(f"{value:.1f}" for value in ml).rjust(28)
            + " | "
            + "/".join(map(str, REFERENCE_ML[kind]))
        )
    return "\n".join(lines)
