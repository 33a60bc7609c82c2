"""What is known of the bleeds of a person's own scans, in the words in which the simulator tells of its own.

Size, brightness, slices and tilt are measured on scan and mask. Types are known where the data folder says what the
values of its masks mean, as it must to train on them; otherwise, what the manifest's column ``types`` names.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from radiologycnn.baselines.interface import ScanCase
from radiologycnn.hemorrhage.labels import BLEED_TYPES
from radiologycnn.hemorrhage.mask_values import types_in
from radiologycnn.images.volume import Volume
from radiologycnn.reproduction.arab2020_people import Person
from radiologycnn.training.hemorrhage.cases import read_scan, types_are_known


def measured_bleeds(case: ScanCase, data: Path) -> dict[str, Any]:
    """What scan and mask of a data folder show, JSON-able.

    Returns:
        held_ml: volume by type as the mask's values stand for them, None where they stand for none; mask_ml; median_hu
        in the mask, None without blood; slice_mm, along the slices' normal; gantry_tilt_deg.
    """
    row = {"id": case.id, "image": str(case.image.resolve()), "mask": str(case.mask.resolve())}
    volume, labels = read_scan(data, row)
    voxel_ml = volume.voxel_volume_mm3 / 1000
    held = types_in(labels)
    slice_mm, tilt_deg = _slices(volume)
    return {
        "held_ml": None if held is None else {kind: _ml(labels == BLEED_TYPES[kind].value, voxel_ml) for kind in held},
        "mask_ml": _ml(labels > 0, voxel_ml),
        "median_hu": float(np.median(volume.array[labels > 0])) if labels.any() else None,
        "slice_mm": slice_mm,
        "gantry_tilt_deg": tilt_deg,
    }


def known_bleeds(measured: Mapping[str, Any], data: Path, person: Person) -> dict[str, Any]:
    """The same with what the data folder states.

    Args:
        measured: of :func:`measured_bleeds`.

    Returns:
        Besides: types_known, whether the mask's values tell types; bleeds: kind and volume_ml of each type, which is
        None where only the manifest names it; confounders.
    """
    held, stated = measured["held_ml"], sorted(person.types or ())
    known = types_are_known(data, "+".join(stated), held)
    kinds = held if known else stated if measured["mask_ml"] else ()
    return {
        **measured,
        "types_known": known,
        "bleeds": [{"kind": kind, "volume_ml": held[kind] if known else None} for kind in kinds],
        "confounders": sorted(person.confounders),
    }


def _ml(mask: np.ndarray, voxel_ml: float) -> float:
    return round(np.count_nonzero(mask) * voxel_ml, 3)


def _slices(volume: Volume) -> tuple[float, float]:
    """Distance of two slices along their normal, mm, and the angle by which they are shifted sideways, degrees."""
    column, row, step = np.asarray(volume.ijk_to_lps, float)[:3, :3].T
    normal = np.cross(column, row)
    along = abs(float(step @ normal)) / float(np.linalg.norm(normal))
    sheared = float(np.degrees(np.arccos(min(along / float(np.linalg.norm(step)), 1.0))))
    # A tilted DICOM series was resampled on reading, so that its grid is upright.
    return round(along, 3), round(float(volume.provenance.get("tilt_degrees") or sheared), 1)
