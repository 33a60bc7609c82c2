"""Comparing activation maps in files with masks of lesions: does the map name the lesion?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from radiologycnn.errors import InputError
from radiologycnn.evaluation.localization import Localization, localization
from radiologycnn.evaluation.mask_files import files_by_case, read_one
from radiologycnn.images import read_map
from radiologycnn.images.masks import marked
from radiologycnn.progress import Progress, no_progress

#: The map in a case's own folder, as ``radiologycnn classify`` writes it.
MAP_IN_FOLDER = "cam_raw.nii.gz"
SUFFIXES = ("map", "cam")

# Every voxel is compared with the lesion's surface; a map on the scan's grid has millions, all of them interpolated.
_MOST_VOXELS = 300_000


def map_files(folder: Path) -> dict[str, Path]:
    """Map files by case: ``<case>.nii.gz``, ``<case>-map.nii.gz``, ``<case>-cam.nii.gz`` or ``<case>/cam_raw.nii.gz``.

    Raises:
        InputError: the folder is not there or holds none, or two files of one case.
    """
    return files_by_case(folder, MAP_IN_FOLDER, "map", SUFFIXES)


def evaluate_maps(
    pairs: list[tuple[str, Path, Path]],
    label: int | None = None,
    tolerance_mm: float = 5.0,
    progress: Progress = no_progress,
) -> tuple[dict[str, Localization], list[str]]:
    """Each map against its lesion, by case, and the cases whose mask holds none.

    Args:
        pairs: case, map, mask; the two may lie on different grids.
        label: which value of label maps is the lesion; None for everything that is not 0.
        tolerance_mm: of the pointing game, about one voxel of the map.

    Raises:
        InputError: a file cannot be read, or a map has far more voxels than a network's.
    """
    found: dict[str, Localization] = {}
    without: list[str] = []
    for number, (case, map_path, mask_path) in enumerate(pairs):
        progress(number / len(pairs), f"Case {case}")
        mask, raw = read_one(mask_path), read_one(map_path, read_map)
        if raw.array.size > _MOST_VOXELS:
            raise InputError(
                "map-too-fine",
                f"The map {map_path} of case “{case}” has {raw.array.size:,} voxels.",
                f"Give the network's own map, which is coarse: {MAP_IN_FOLDER} of the command classify.",
            )
        lesion = marked(mask.array) if label is None else mask.array.round() == label
        if not lesion.any():
            without.append(case)
            continue
        found[case] = localization(raw.array, raw.ijk_to_lps, lesion, mask.ijk_to_lps, tolerance_mm)
    progress(1.0, "Done")
    return found, without


def map_row(case: str, one: Localization) -> dict[str, Any]:
    """A line of ``cases.csv``; the peak in RAS mm, as Slicer shows places."""
    record = one.to_dict()
    left, posterior, superior = record.pop("peak_lps_mm")
    return {"case": case, "peak_ras_mm": f"{-left:.1f} {-posterior:.1f} {superior:.1f}", **record}
