"""Training cases: scans and masks brought onto the network's grid once and kept as files, simulated or from a folder.

A data folder holds ``cases.csv`` (:mod:`radiologycnn.training.case_files`); every case has a mask, in which any label
counts as blood.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from radiologycnn.hemorrhage.preprocessing import Preprocessing
from radiologycnn.images.volume import Volume
from radiologycnn.training.case_files import (
    SPLITS,
    Progress,
    check_mask_fits,
    read_manifest,
    save_arrays,
    simulate_files,
    simulated_id,
    simulated_numbers,
)

MANIFEST_FILES = ("image", "mask")


@dataclass(frozen=True)
class PreparedCase:
    """One case on the network's grid.

    Attributes:
        image: float16, (K, J, I), clamped HU divided by the preprocessing's divisor.
        mask: uint8, (K, J, I), 0 or 1.
        voxel_ml: volume of one network voxel of this case.
    """

    id: str
    image: np.ndarray
    mask: np.ndarray
    voxel_ml: float


def prepare_case(case_id: str, volume: Volume, labels: np.ndarray, preprocessing: Preprocessing) -> PreparedCase:
    """Bring a scan and its label map (same KJI grid) onto the network's grid."""
    prepared = preprocessing.prepare(volume)
    mask = prepared.labels_to_network((labels > 0).astype(np.uint8))
    voxel_ml = float(abs(np.linalg.det(prepared.ijk_to_lps[:3, :3]))) / 1000
    return PreparedCase(case_id, prepared.array.astype(np.float16), mask.astype(np.uint8), voxel_ml)


def save_case(case: PreparedCase, folder: Path) -> None:
    """Write ``<id>.npz`` whole or not at all."""
    save_arrays(folder / f"{case.id}.npz", image=case.image, mask=case.mask, voxel_ml=case.voxel_ml)


def load_case(path: Path) -> PreparedCase:
    with np.load(path) as arrays:
        return PreparedCase(path.stem, arrays["image"], arrays["mask"], float(arrays["voxel_ml"]))


def has_bleed(path: Path) -> bool:
    """Only whether a prepared case holds blood."""
    with np.load(path) as arrays:
        return bool(arrays["mask"].any())


def read_scan(data: Path, row: Mapping[str, str]) -> tuple[Volume, np.ndarray]:
    """A manifest's scan, and where blood is, bool (K, J, I) on its grid.

    Raises:
        InputError: a file cannot be read, or the mask does not fit.
    """
    from radiologycnn.images import read_volume

    volume, mask = read_volume(data / row["image"]), read_volume(data / row["mask"])
    check_mask_fits(row["id"], volume, mask)
    return volume, mask.array > 0


def simulate_cases(
    folder: Path,
    first: int,
    count: int,
    seed: int,
    preprocessing: Preprocessing,
    matrix: int = 256,
    jobs: int = 1,
    progress: Progress | None = None,
) -> list[Path]:
    """Simulate scans ``first`` to ``first + count - 1`` and keep them prepared; those already there are kept.

    Args:
        matrix: in-plane size that the scans are drawn at; the network's grid is far coarser than 512.
    """
    settings = (preprocessing, matrix)
    return simulate_files(folder, first, count, seed, _simulate_one, settings, jobs, "scan", progress)


def _simulate_one(item: tuple) -> None:
    index, seed, preprocessing, matrix, folder = item
    case_id = simulated_id(seed, index)
    save_case(prepare_case(case_id, *simulated_scan(case_id, matrix), preprocessing), folder)


def simulated_scan(case_id: str, matrix: int = 256) -> tuple[Volume, np.ndarray]:
    """The scan of a simulated case's id once more, and where blood is, bool (K, J, I)."""
    from radiologycnn.simulation.head_ct import HeadCtConfig, simulate_head_ct

    seed, index = simulated_numbers(case_id)
    scan = simulate_head_ct(index, seed, HeadCtConfig().with_matrix(matrix))
    return scan.volume, scan.labels > 0


def prepare_folder(
    data: Path, cache: Path, preprocessing: Preprocessing, progress: Progress | None = None
) -> dict[str, list[Path]]:
    """Prepare every case of a data folder's manifest.

    Returns:
        Prepared files by split; the key "" holds cases without one.

    Raises:
        InputError: no manifest, a file missing, or a mask that does not fit its image.
    """
    rows = read_manifest(data, MANIFEST_FILES)
    found: dict[str, list[Path]] = {split: [] for split in ("", *SPLITS)}
    for number, row in enumerate(rows, start=1):
        path = cache / f"{row['id']}.npz"
        if not path.exists():
            save_case(prepare_case(row["id"], *read_scan(data, row), preprocessing), cache)
        found[row["split"]].append(path)
        if progress:
            progress(number / len(rows), f"Preparing case {number} of {len(rows)}")
    return found
