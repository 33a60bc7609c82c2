"""One scan of a public data set, opened: whether it can be trained on, and what it holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from radiologycnn.datasets.geometry import lost_tilt, misplaced, with_tilt
from radiologycnn.datasets.layout import TYPES, Layout, Scan
from radiologycnn.errors import InputError
from radiologycnn.hemorrhage.head_check import check_head_ct
from radiologycnn.images import read_volume
from radiologycnn.images.masks import marked
from radiologycnn.images.volume import Volume

_LEAST_HEIGHT_MM = 60.0


@dataclass(frozen=True)
class Examined:
    """What came of one scan.

    Attributes:
        problem: why it is left out; "" where it is used.
        notes: what is odd about it.
        types: as in :class:`Scan`, from the mask where its values state them.
        volume_ml: of blood.
        write_mask: its mask's header is wrong and its voxels were trusted.
        write_image: so is the image's: both belong on ``ijk_to_lps``.
        ijk_to_lps: 4x4, mm, of what is written; None where nothing is.
        tilt_deg: of a gantry tilt that the files have lost.
    """

    id: str
    problem: str = ""
    notes: tuple[str, ...] = ()
    types: tuple[str, ...] | None = None
    volume_ml: float = 0.0
    write_mask: bool = False
    write_image: bool = False
    ijk_to_lps: np.ndarray | None = None
    tilt_deg: float = 0.0


@dataclass(frozen=True)
class Trust:
    """What a person says of a data set's headers: take masks voxel by voxel; put lost gantry tilts back."""

    voxels: bool = False
    restore_tilt: bool = False


def examine(item: tuple[Scan, Layout, Trust]) -> Examined:
    """Open a scan and its mask."""
    scan, layout, trust = item
    if scan.mask is None:
        return Examined(scan.id, "There is no mask of this scan.")
    volume = None
    try:
        volume = read_volume(scan.image)
        notes = list(check_head_ct(volume))
    except InputError as error:
        return Examined(scan.id, error.message + _too_flat(volume))
    try:
        mask = read_volume(scan.mask)
    except InputError as error:  # the two files are often called alike
        return Examined(scan.id, f"Its mask cannot be used. {error.message}")
    notes = [text for text in notes if not text.startswith("The file does not say that this is a CT")]
    problem, doubt = misplaced(volume, mask, trust.voxels)
    if problem:
        return Examined(scan.id, problem)
    notes += [doubt] if doubt else []
    values = {int(value) for value in np.unique(np.rint(mask.array)) if value > 0}
    unknown = sorted(values - layout.mask_types.keys()) if layout.mask_types else []
    if unknown:
        return Examined(scan.id, f"The mask holds the value {unknown[0]}, which {layout.title} does not have.")
    types = scan.types
    if layout.mask_types:
        types = tuple(kind for kind in TYPES if kind in {layout.mask_types[value] for value in values})
    elif types is None and not values:
        types = ()
    if scan.types is not None and bool(scan.types) != bool(values):
        says = ", ".join(scan.types) if scan.types else "no bleed"
        notes.append(f"The table says {says}, but the mask is {'not ' if values else ''}empty.")
    if scan.slices and scan.slices != len(volume.array):
        notes.append(f"The table has {scan.slices} slices, the scan {len(volume.array)}.")
    matrix, tilt = volume.ijk_to_lps, lost_tilt(volume)
    if tilt and trust.restore_tilt:
        matrix = with_tilt(volume)
        notes.append(f"The gantry's tilt of {tilt:.0f}°, which the files had lost, was put back.")
    elif tilt:
        excess = 100 / np.cos(np.radians(tilt)) - 100
        notes.append(
            f"Its gantry was tilted by {tilt:.0f}°, which the files have lost: slices stand too far apart, and volumes "
            f"are {excess:.1f} % too large."
        )
    restored = bool(tilt) and trust.restore_tilt
    volume_ml = float(np.count_nonzero(marked(mask.array)) * abs(np.linalg.det(matrix[:3, :3]))) / 1000
    anew = restored or bool(doubt)
    return Examined(
        scan.id, "", tuple(notes), types, volume_ml, anew, restored, np.asarray(matrix) if anew else None, tilt
    )


def _too_flat(volume: Volume | None) -> str:
    """One of BHSD's scans has 48 slices 0.5 mm apart by its header: then no head can be found in it."""
    if volume is None:
        return ""
    step_mm = float(volume.spacing_mm[2])
    height_mm = step_mm * len(volume.array)
    if height_mm >= _LEAST_HEIGHT_MM:
        return ""
    return f" By its header its {len(volume.array)} slices are {step_mm:g} mm apart, {height_mm:.0f} mm in all."
