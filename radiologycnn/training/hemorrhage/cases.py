"""Training cases: scans and masks brought onto the network's grid once and kept as files, simulated or from a folder.

A data folder holds ``cases.csv`` (:mod:`radiologycnn.training.case_files`); every case has a mask, in which any label
counts as blood. To learn types of bleed, what the labels mean must be known, too: see :func:`check_types`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from radiologycnn.errors import InputError
from radiologycnn.hemorrhage.head_check import check_hounsfield_units
from radiologycnn.hemorrhage.labels import BLEED_TYPES
from radiologycnn.hemorrhage.mask_values import DESCRIPTION_NAME, VALUES_KEY, standard_labels, stated_values, types_in
from radiologycnn.hemorrhage.preprocessing import Preprocessing
from radiologycnn.images.affine import voxel_ml
from radiologycnn.images.volume import Volume
from radiologycnn.progress import IsCancelled, Progress, never_cancelled, no_progress
from radiologycnn.training.case_files import (
    by_split,
    check_mask_fits,
    naming_case,
    read_case_file,
    read_manifest,
    save_arrays,
    simulate_files,
    simulated_id,
    simulated_numbers,
)
from radiologycnn.training.prepared_files import CaseToPrepare, fingerprint_of, prepare_files

MANIFEST_FILES = (("image", "mask"), ())
"""Columns that name a file in every row, and those that may."""

TRAINING_MATRIX = 256
"""In-plane size that simulated training scans are drawn at: pixels of 0.8 to 1.1 mm, as the default grid has 0.9 mm."""


@dataclass(frozen=True)
class PreparedCase:
    """One case on the network's grid.

    Attributes:
        image: float16, (K, J, I), clamped HU divided by the preprocessing's divisor.
        labels: uint8, (K, J, I), 0 where there is no blood; of :data:`radiologycnn.hemorrhage.labels.BLEED_TYPES` where
            the types are known.
        voxel_ml: volume of one network voxel of this case.
    """

    id: str
    image: np.ndarray
    labels: np.ndarray
    voxel_ml: float

    @property
    def mask(self) -> np.ndarray:
        """Where there is blood: uint8, (K, J, I), 0 or 1."""
        return (self.labels > 0).astype(np.uint8)


def prepare_case(case_id: str, volume: Volume, labels: np.ndarray, preprocessing: Preprocessing) -> PreparedCase:
    """Bring a scan and its label map (same KJI grid) onto the network's grid."""
    prepared = preprocessing.prepare(volume)
    labels = prepared.labels_to_network(labels.astype(np.uint8))
    return PreparedCase(case_id, prepared.array.astype(np.float16), labels, voxel_ml(prepared.ijk_to_lps))


def grid_name(preprocessing: Preprocessing) -> str:
    """A folder's name for prepared cases: those made for another grid must not slip in."""
    grid = "x".join(map(str, preprocessing.grid_shape_ijk))
    crop = "" if preprocessing.crop == "none" else f"-{preprocessing.crop}"
    return f"{grid}-{preprocessing.order}{'-antialias' if preprocessing.antialias else ''}{crop}"


def save_case(case: PreparedCase, folder: Path) -> None:
    """Write ``<id>.npz`` whole or not at all."""
    save_arrays(folder / f"{case.id}.npz", image=case.image, mask=case.labels, voxel_ml=case.voxel_ml)


def load_case(path: Path) -> PreparedCase:
    """A case as :func:`save_case` wrote it; its id is the file's name."""
    with np.load(path) as arrays:
        return PreparedCase(path.stem, arrays["image"], arrays["mask"], float(arrays["voxel_ml"]))


def label_sizes(path: Path) -> np.ndarray:
    """Only how many voxels of each label a prepared case holds, by value, background first."""
    with np.load(path) as arrays:
        return np.bincount(arrays["mask"].ravel(), minlength=2)


def read_scan(data: Path, row: Mapping[str, str]) -> tuple[Volume, np.ndarray]:
    """A manifest's scan, and its label map, uint8 (K, J, I) on its grid, as :func:`.mask_values.standard_labels`.

    Raises:
        InputError: a file cannot be read, the image is no CT in Hounsfield units, or the mask does not fit.
    """
    volume = read_case_file(data, row, "image")
    with naming_case(row, "image"):
        check_hounsfield_units(volume)  # what cannot be segmented is nothing to learn from
    mask = read_case_file(data, row, "mask")
    check_mask_fits(row["id"], volume, mask)
    return volume, standard_labels(mask.array, stated_values(data))


def types_are_known(data: Path, stated: str, held: Collection[str] | None) -> bool:
    """Whether a mask of a data folder tells the types of bleed.

    It does where ``dataset_description.json`` says what values mean, or where the manifest's column ``types`` names the
    very types that the mask's values stand for.

    Args:
        stated: in that column, such as "iph+ivh".
        held: by its values, as :func:`..mask_values.types_in` says.
    """
    if not held:
        return held is not None  # without blood there is nothing to know
    return stated_values(data) is not None or set(held) == set(stated.split("+"))


def check_types(data: Path, row: Mapping[str, str], labels: np.ndarray) -> None:
    """Refuse a mask from which types of bleed cannot be learned, see :func:`types_are_known`.

    Args:
        labels: of :func:`read_scan`.

    Raises:
        InputError: what is missing or does not agree.
    """
    stated = (row.get("types") or "").strip()
    if not types_are_known(data, stated, types_in(labels)):
        says = f"the column types says “{stated}”" if stated else "nothing says which types its values stand for"
        raise InputError(
            "no-types",
            f"The types of bleed in the mask of case {row['id']} are not known: "
            f"it holds the values {', '.join(map(str, np.unique(labels[labels > 0])))}, and {says}.",
            "Fill in the column types, or write what values mean into "
            f'{DESCRIPTION_NAME}: {{"{VALUES_KEY}": {{"1": "iph", "2": "ivh"}}}}; or train without types.',
        )


def simulate_cases(
    folder: Path,
    first: int,
    count: int,
    seed: int,
    preprocessing: Preprocessing,
    types: bool = False,
    jobs: int = 1,
    progress: Progress = no_progress,
    cancelled: IsCancelled = never_cancelled,
) -> list[Path]:
    """Simulate scans ``first`` to ``first + count - 1`` and keep them prepared; those already there are kept.

    Args:
        types: scans to learn types from, see :func:`simulated_scan`.

    Raises:
        Cancelled: as ``cancelled`` said.
    """
    settings = (preprocessing, types)
    return simulate_files(
        folder, "head-ct", first, count, seed, _simulate_one, settings, jobs, "scan", progress, cancelled
    )


def _simulate_one(item: tuple) -> None:
    index, seed, preprocessing, types, folder = item
    case_id = simulated_id(seed, index)
    save_case(prepare_case(case_id, *simulated_scan(case_id, types), preprocessing), folder)


def simulated_scan(case_id: str, types: bool = False) -> tuple[Volume, np.ndarray]:
    """The scan of a simulated case's id, and its label map, uint8 (K, J, I).

    Args:
        types: each type is the largest bleed as often as the others, so that there is enough of the rare ones to learn.
    """
    from radiologycnn.simulation.head_ct import HeadCtConfig, simulate_head_ct

    seed, index = simulated_numbers(case_id)
    config = HeadCtConfig().with_matrix(TRAINING_MATRIX)
    if types:
        config = replace(config, bleeds=replace(config.bleeds, primary_weights=dict.fromkeys(BLEED_TYPES, 1.0)))
    scan = simulate_head_ct(index, seed, config)
    return scan.volume, scan.labels


def prepare_folder(
    data: Path,
    cache: Path,
    preprocessing: Preprocessing,
    progress: Progress = no_progress,
    types: bool = False,
    cancelled: IsCancelled = never_cancelled,
) -> dict[str, list[Path]]:
    """Prepare every case of a data folder's manifest that is not prepared yet, or of which something has changed.

    Args:
        types: refuse cases from which types cannot be learned.

    Returns:
        Prepared files by split; the key "" holds cases without one.

    Raises:
        InputError: no manifest, a file missing, an image that is no CT, a mask that does not fit its image, or types
            that are not known.
        Cancelled: as ``cancelled`` said; what is prepared stays.
    """
    rows, values = read_manifest(data, *MANIFEST_FILES), stated_values(data)

    def fingerprint(row: Mapping[str, str]) -> str:
        stated = {"values": values, "types": row.get("types") if types else None}
        return fingerprint_of([data / row["image"], data / row["mask"]], **stated)

    def make(row: Mapping[str, str]) -> None:
        volume, labels = read_scan(data, row)
        if types:
            check_types(data, row, labels)
        save_case(prepare_case(row["id"], volume, labels, preprocessing), cache)

    todo = [CaseToPrepare(cache / f"{row['id']}.npz", partial(fingerprint, row), partial(make, row)) for row in rows]
    return by_split(rows, prepare_files(todo, progress, cancelled))
