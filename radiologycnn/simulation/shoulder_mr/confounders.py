"""What looks like a tear or hides one, planned as numbers from a stream that knows nothing of the tear."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from radiologycnn.simulation.shoulder_mr.config import ConfounderConfig

CONFOUNDERS = (
    "tendinosis", "bursitis", "effusion", "ac_arthrosis", "calcific", "cysts", "slap", "biceps_fluid", "marrow_oedema",
)  # fmt: skip


@dataclass(frozen=True)
class Confounders:
    """Which are there, and how each looks (``numbers`` by name; there also for those that are absent)."""

    present: tuple[str, ...] = ()
    numbers: dict[str, Any] = field(default_factory=dict)

    def __contains__(self, name: str) -> bool:
        return name in self.present


def plan_confounders(rng: np.random.Generator, config: ConfounderConfig) -> Confounders:
    """Draw which are there and what they look like."""
    present = tuple(name for name in CONFOUNDERS if rng.random() < getattr(config, name))
    numbers = {
        # Places on the cuff: arc (mm, forwards), along (mm from the footprint's rim).
        "tendinosis": (rng.uniform(-6, 12), rng.uniform(5, 18), rng.uniform(6, 14), rng.uniform(6, 13),
                       rng.uniform(*config.tendinosis_share)),
        "bursitis": (rng.uniform(*config.bursitis_mm), rng.uniform(-10, 14), rng.uniform(-6, 18),
                     rng.uniform(9, 26), rng.uniform(10, 24)),
        "effusion": rng.uniform(*config.effusion_mm),
        "ac_arthrosis": (rng.uniform(0.3, 1.0), rng.uniform(1.0, 3.5)),
        "calcific": (rng.uniform(-4, 12), rng.uniform(4, 18), rng.uniform(*config.calcium_mm) / 2),
        "cysts": [
            (rng.uniform(-12, 14), rng.uniform(1, 15), rng.uniform(2, 6), rng.uniform(*config.cyst_mm) / 2)
            for _ in range(int(rng.integers(1, 5)))
        ],
        "slap": (rng.uniform(-3, 6), rng.uniform(0.7, 1.5), rng.uniform(3, 7), rng.uniform(2, 4)),
        "biceps_fluid": rng.uniform(0.8, 2.6),
        "marrow_oedema": (rng.uniform(6, 14), rng.uniform(0.3, 0.8)),
    }  # fmt: skip
    return Confounders(present, numbers)
