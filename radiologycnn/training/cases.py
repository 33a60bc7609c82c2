"""Training cases: scans and masks brought onto the network's grid once and kept as files, simulated or from a folder.

A data folder holds ``cases.csv`` (id, image, mask, split) with paths relative to it: image any volume that the engine
reads, mask a label map on the same grid (any label counts as blood). ``split`` is train, validation or test, or empty.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from radiologycnn.errors import InputError
from radiologycnn.hemorrhage.preprocessing import Preprocessing
from radiologycnn.images.volume import Volume

SPLITS = ("train", "validation", "test")
MANIFEST_NAME = "cases.csv"
Progress = Callable[[float, str], None]


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
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"{case.id}.npz.part"
    with partial.open("wb") as file:
        np.savez_compressed(file, image=case.image, mask=case.mask, voxel_ml=case.voxel_ml)
    os.replace(partial, folder / f"{case.id}.npz")


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
    paths = [folder / f"sim-{seed}-{index:05d}.npz" for index in range(first, first + count)]
    todo = [
        (index, seed, preprocessing, matrix, folder)
        for index, path in zip(range(first, first + count), paths)
        if not path.exists()
    ]
    done = count - len(todo)
    for _ in _run_jobs(_simulate_one, todo, jobs):
        done += 1
        if progress:
            progress(done / count, f"Simulating scan {done} of {count}")
    return paths


def _run_jobs(work: Callable, items: list, jobs: int) -> Iterator:
    if jobs <= 1:
        yield from map(work, items)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(work, items)


def _simulate_one(item: tuple) -> None:
    from radiologycnn.simulation.head_ct import HeadCtConfig, simulate_head_ct

    index, seed, preprocessing, matrix, folder = item
    scan = simulate_head_ct(index, seed, HeadCtConfig().with_matrix(matrix))
    save_case(prepare_case(f"sim-{seed}-{index:05d}", scan.volume, scan.labels, preprocessing), folder)


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

    rows = read_manifest(data)
    found: dict[str, list[Path]] = {split: [] for split in ("", *SPLITS)}
    for number, row in enumerate(rows, start=1):
        path = cache / f"{row['id']}.npz"
        if not path.exists():
            volume, mask = read_volume(data / row["image"]), read_volume(data / row["mask"])
            if volume.array.shape != mask.array.shape or not np.allclose(volume.ijk_to_lps, mask.ijk_to_lps, atol=0.01):
                raise InputError(
                    "mask-does-not-fit",
                    f"The mask of case {row['id']} is not on its image's grid.",
                    "Export the mask with the image as reference geometry.",
                )
            save_case(prepare_case(row["id"], volume, mask.array, preprocessing), cache)
        found[row["split"]].append(path)
        if progress:
            progress(number / len(rows), f"Preparing case {number} of {len(rows)}")
    return found


def read_manifest(data: Path) -> list[dict[str, str]]:
    """Rows of ``cases.csv``, checked.

    Raises:
        InputError: what is wrong, with the line.
    """
    path = data / MANIFEST_NAME
    if not path.is_file():
        raise InputError(
            "no-manifest",
            f"There is no {MANIFEST_NAME} in {data}.",
            "Write one with the columns id, image, mask, split; or use --simulate.",
        )
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    seen: set[str] = set()
    for line, row in enumerate(rows, start=2):
        case_id, split = (row.get("id") or "").strip(), (row.get("split") or "").strip()
        if not case_id or case_id in seen or Path(case_id).name != case_id:
            raise InputError(
                "bad-manifest",
                f"{MANIFEST_NAME}, line {line}: the id is missing, repeated or no plain name.",
                "Give every case its own short id.",
            )
        if split not in ("", *SPLITS):
            raise InputError(
                "bad-manifest",
                f"{MANIFEST_NAME}, line {line}: unknown split “{split}”.",
                "Use train, validation or test, or leave it empty.",
            )
        for column in ("image", "mask"):
            if not row.get(column) or not (data / row[column]).exists():
                raise InputError(
                    "bad-manifest",
                    f"{MANIFEST_NAME}, line {line}: the {column} does not exist.",
                    "Paths are relative to the data folder.",
                )
        seen.add(case_id)
        row.update(id=case_id, split=split)
    if not rows:
        raise InputError("bad-manifest", f"{MANIFEST_NAME} lists no case.", "Add a line for each case.")
    return rows


def split_cases(paths: list[Path], validation_share: float, seed: int) -> tuple[list[Path], list[Path]]:
    """Shuffle cases without a split into training and validation, at least one in each."""
    if len(paths) < 2:
        raise InputError(
            "too-few-cases", f"{len(paths)} case is too few to train and validate.", "Give at least two cases."
        )
    order = np.random.default_rng(seed).permutation(len(paths))
    count = min(max(1, round(validation_share * len(paths))), len(paths) - 1)
    return [paths[i] for i in order[count:]], [paths[i] for i in order[:count]]
