"""Training cases: scans and masks brought onto the network's grid once and kept as files, simulated or from a folder.

A data folder holds ``cases.csv`` (id, image, mask, split) with paths relative to it: image any volume that the engine
reads, mask a label map on the same grid (any label counts as blood). ``split`` is train, validation or test, or empty.
"""

from __future__ import annotations

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
    from radiologycnn.simulation.head_ct import HeadCtConfig, simulate_head_ct

    index, seed, preprocessing, matrix, folder = item
    scan = simulate_head_ct(index, seed, HeadCtConfig().with_matrix(matrix))
    save_case(prepare_case(simulated_id(seed, index), scan.volume, scan.labels, preprocessing), folder)


def prepare_folder(
    data: Path, cache: Path, preprocessing: Preprocessing, progress: Progress | None = None
) -> dict[str, list[Path]]:
    """Prepare every case of a data folder's manifest.

    Returns:
        Prepared files by split; the key "" holds cases without one.

    Raises:
        InputError: no manifest, a file missing, or a mask that does not fit its image.
    """
    from radiologycnn.images import read_volume

    rows = read_manifest(data, MANIFEST_FILES)
    found: dict[str, list[Path]] = {split: [] for split in ("", *SPLITS)}
    for number, row in enumerate(rows, start=1):
        path = cache / f"{row['id']}.npz"
        if not path.exists():
            volume, mask = read_volume(data / row["image"]), read_volume(data / row["mask"])
            check_mask_fits(row["id"], volume, mask)
            save_case(prepare_case(row["id"], volume, mask.array, preprocessing), cache)
        found[row["split"]].append(path)
        if progress:
            progress(number / len(rows), f"Preparing case {number} of {len(rows)}")
    return found
