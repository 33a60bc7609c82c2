"""What the simulated shoulder MR adds to the files of a population: its columns, its preview, its options."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from radiologycnn.simulation.population import Population, outline, shrunk
from radiologycnn.simulation.shoulder_mr.simulate import (
    SIMULATOR_VERSION,
    SimulatedShoulderMr,
    known_series,
    simulate_shoulder_mr,
)

_PROTOCOL = (
    "plane", "weighting", "fat_saturated", "repetition_time_ms", "echo_time_ms", "field_tesla", "pixel_mm",
    "spacing_mm", "slices", "snr", "failed_fat_saturation", "ghosts", "bias",
)  # fmt: skip
TRUTH_COLUMNS = (
    "tear_class", "tear_width_mm", "measured_width_mm", "tear_length_mm", "tear_depth", "tear_side",
    "behind_biceps_mm", "retraction_mm", "fatty_infiltration", "tear_ml", "mask_ml", "side", "head_radius_mm",
    "acromiohumeral_mm", "acromion_type", "confounders", "head_centre_lps_mm", "tear_centre_lps_mm", *_PROTOCOL,
)  # fmt: skip
_TILE = 192


def shoulder_mr_population(plane: str = "coronal", weighting: str | None = None) -> Population:
    """Shoulders seen in one plane and weighting, to be written with :func:`..population.write_population`.

    Raises:
        InputError: ``unknown-plane``, ``unknown-weighting``.
    """
    plane, weighting = known_series(plane, weighting)
    return Population(
        kind="shoulder-mr" if plane == "coronal" else f"shoulder-mr-{plane}",
        version=SIMULATOR_VERSION,
        simulate=partial(simulate_shoulder_mr, plane=plane, weighting=weighting),
        row=truth_row,
        columns=TRUTH_COLUMNS,
        preview=preview,
        options={"plane": plane, "weighting": weighting or "by plane"},
        manifest={"class": "tear_class", "side": "side", "centre": "head_centre_lps_mm"},
        people="shoulder-mr",
    )


def truth_row(truth: dict[str, Any]) -> dict[str, Any]:
    """A scan's truth as one row of ``truth.csv``."""
    protocol = {name: truth["protocol"][name] for name in _PROTOCOL}
    places = {name: " ".join(map(str, truth[name] or ())) for name in ("head_centre_lps_mm", "tear_centre_lps_mm")}
    return {**truth, **protocol, **places, "confounders": "+".join(truth["confounders"])}


def preview(scan: SimulatedShoulderMr, columns: int = 5) -> np.ndarray:
    """A strip of slices around the tear (or the head's centre), the tear's outline in red.

    Returns:
        uint8, (192, columns * 192, 3).
    """
    array = scan.volume.array
    middle = scan.truth["tear_centre_lps_mm"] or scan.truth["head_centre_lps_mm"]
    centre = np.linalg.solve(scan.volume.ijk_to_lps, np.append(middle, 1.0))[2]
    slices = np.clip(round(float(centre)) + 2 * (np.arange(columns) - columns // 2), 0, len(array) - 1)
    white = max(float(np.percentile(array, 99.6)), 1.0)
    tiles = []
    for k in slices:
        grey = shrunk(np.clip(array[k] * (255 / white), 0, 255), _TILE).astype(np.uint8)
        tiles.append(outline(grey, shrunk(scan.labels[k], _TILE) >= 0.5))
    return np.concatenate(tiles, axis=1)
