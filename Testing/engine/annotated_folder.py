"""A small annotation dataset: balls as bleeds, drawn a little differently by each rater, and the network's own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from radiologycnn.annotation.records import Decision, Mask
from radiologycnn.annotation.store import AnnotationStore

SHAPE = (16, 24, 24)
MATRIX = np.diag([1.0, 1.0, 3.0, 1.0])
VOXEL_ML = 0.003


def ball(radius: float, shift: float = 0.0) -> np.ndarray:
    """A ball on the grid, uint8 (K, J, I)."""
    k, j, i = np.indices(SHAPE)
    return (((k - 8) * 1.5) ** 2 + (j - 12) ** 2 + (i - 12 - shift) ** 2 <= radius**2).astype(np.uint8)


def annotated_folder(folder: Path, cases: int, raters: Mapping[str, tuple[float, float]]) -> dict[str, list[str]]:
    """Write it; case ids by rater.

    Args:
        raters: (radius as a share of the true one, shift in voxels) by rater; "network" is the network.
    """
    words: dict[str, list[str]] = {}
    for rater, (growth, shift) in sorted(raters.items(), key=lambda one: one[0] == "network"):
        store = AnnotationStore(folder, "ab" if rater == "network" else rater)
        names = store.add_sources([(f"{n:032x}", "") for n in range(cases)])
        for number, case in enumerate(names.values()):
            scan = np.full(SHAPE, 30 + number, np.int16)
            scan[0] = -1000  # air
            store.write_scan(case, scan, MATRIX)
            mask = Mask.of_whole(ball((3 + 0.7 * number) * growth, shift))
            if rater == "network":
                store.save_network(case, mask, {"model": "m-1.0.0", "provenance": {"model_sha256": "0"}})
            else:
                store.decide(case, Decision("accepted", mask))
            words.setdefault(rater, []).append(case)
    return words
