"""What the simulated head CT adds to the files of a population: its columns and its preview."""

from __future__ import annotations

from typing import Any

import numpy as np

from radiologycnn.hemorrhage.mask_values import VALUES_KEY
from radiologycnn.simulation.head_ct.simulate import BLEED_LABELS, SIMULATOR_VERSION, SimulatedHeadCt, simulate_head_ct
from radiologycnn.simulation.population import Population, outline, shrunk

TRUTH_COLUMNS = (
    "kinds", "places", "volume_ml", "mask_ml", "median_hu", "midline_shift_mm", "age_years", "calcifications",
    "artefacts", "bone_haze_hu", "pixel_mm", "slice_mm", "slices", "gantry_tilt_deg", "rotation_deg",
    "missing_vertex_mm", "bleed_volumes_ml", "bleed_cores_hu", "bleed_sides", "bleed_thicknesses_mm",
    "bleed_oedemas_mm",
)  # fmt: skip


def head_ct_population() -> Population:
    """Head CTs, to be written with :func:`..population.write_population`."""
    return Population(
        "head-ct", SIMULATOR_VERSION, simulate_head_ct, truth_row, TRUTH_COLUMNS, preview, manifest={"types": "kinds"},
        description={VALUES_KEY: {str(value): kind for kind, value in BLEED_LABELS.items()}},
    )  # fmt: skip


def truth_row(truth: dict[str, Any]) -> dict[str, Any]:
    """A scan's truth as one row of ``truth.csv``; what each bleed has of its own in the order of ``kinds``."""
    bleeds = truth["bleeds"]
    own = {
        "bleed_volumes_ml": "volume_ml",
        "bleed_cores_hu": "core_hu",
        "bleed_sides": "side",
        "bleed_thicknesses_mm": "thickness_mm",
        "bleed_oedemas_mm": "oedema_mm",
    }
    return {
        **truth,
        **{column: "+".join(str(b[name]) for b in bleeds) for column, name in own.items()},
        "kinds": "+".join(b["kind"] for b in bleeds) or "none",
        "places": "+".join(b["place"] for b in bleeds if b["place"]),
        "calcifications": "+".join(truth["calcifications"]),
        "artefacts": "+".join(truth["artefacts"]),
        "rotation_deg": " ".join(map(str, truth["rotation_deg"])),
    }


def preview(scan: SimulatedHeadCt, columns: int = 8, size: int = 160) -> np.ndarray:
    """A strip of slices in the brain window (level 40, width 80 HU), the bleed's outline in red.

    Returns:
        uint8, (size, columns * size, 3).
    """
    array, mask = scan.volume.array, scan.mask
    slices = np.linspace(len(array) * 0.12, len(array) * 0.92, columns).round().astype(int)
    if mask.any():
        largest = int(mask.sum(axis=(1, 2)).argmax())
        slices[np.abs(slices - largest).argmin()] = largest
    tiles = []
    for k in slices:
        grey = shrunk(np.clip(array[k] * (255 / 80), 0, 255), size).astype(np.uint8)
        tiles.append(outline(grey, shrunk(mask[k], size) >= 0.5))
    return np.concatenate(tiles, axis=1)
