"""Training cases: shoulders brought into the network's cube once and kept as files, simulated or from a folder.

A data folder holds ``cases.csv`` with paths relative to it and these columns; the last five may be missing or empty:

- id, image: image any volume that the engine reads;
- class: 0 None, 1 Partial, 2 Small, 3 Medium, 4 Large-to-Massive, or one of these words; with ``codes="paper"`` the
  numbers of the paper's own data, where Partial is 4;
- mask: label map on the image's grid, any label is tear; for ``localization_weight`` and to judge activation maps;
- side: left or right; otherwise the scan is asked;
- centre: of the humeral head, "x y z" in LPS mm; otherwise it is searched;
- split: train, validation or test.

Cases hold a margin around the network's cube, so that shifts and turns in training bring in what is really there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from radiologycnn.errors import InputError
from radiologycnn.evaluation.table_files import TableRow, number_in
from radiologycnn.images.grid import resample
from radiologycnn.images.masks import marked
from radiologycnn.images.volume import Volume
from radiologycnn.progress import IsCancelled, Progress, never_cancelled, no_progress
from radiologycnn.rotatorcuff.padding import without_padding
from radiologycnn.rotatorcuff.preprocessing import Preprocessing
from radiologycnn.rotatorcuff.series import describe_series
from radiologycnn.rotatorcuff.tear_classes import FROM_PAPER_CODES, TEAR_CLASSES
from radiologycnn.training.case_files import (
    by_split,
    check_mask_fits,
    read_case_file,
    read_manifest,
    save_arrays,
    simulate_files,
    simulated_id,
)
from radiologycnn.training.prepared_files import CaseToPrepare, fingerprint_of, prepare_files

MANIFEST_FILES = (("image",), ("mask",))
"""Columns that name a file in every row, and those that may."""

CLASS_CODES = ("ordinal", "paper")

MARGIN_SHARE = 1 / 8
"""Of the cube's edge, on each side of it: how far a case reaches beyond the cube."""

CLASS_SHARES = (0.28, 0.18, 0.18, 0.18, 0.18)
"""Of simulated training shoulders: rare classes as often as common ones. Test shoulders come as in the population."""


@dataclass(frozen=True)
class PreparedCase:
    """One shoulder in the network's cube and a margin around it.

    Attributes:
        grey: uint8, (K, J, I), 0-255.
        tear_class: 0-4 in the order of severity.
        mask: bool, (K, J, I): the tear; None where it is not known. All False is known to be none.
    """

    id: str
    grey: np.ndarray
    tear_class: int
    mask: np.ndarray | None


def with_margin(preprocessing: Preprocessing) -> Preprocessing:
    """The same voxels over a larger cube, whose middle is the network's cube."""
    size = preprocessing.grid_size
    return replace(preprocessing, grid_size=size + 2 * round(size * MARGIN_SHARE))


def prepare_case(
    case_id: str,
    volume: Volume,
    tear_class: int,
    preprocessing: Preprocessing,
    mask: np.ndarray | None = None,
    side: str | None = None,
    centre_lps_mm: Sequence[float] | None = None,
) -> PreparedCase:
    """Bring a scan and its tear mask (same KJI grid) into the cube with its margin."""
    wide = with_margin(preprocessing)
    picture = without_padding(volume)
    region = preprocessing.region(picture, centre_lps_mm)
    region = replace(region, edge_mm=region.edge_mm * wide.grid_size / preprocessing.grid_size)
    prepared = wide.prepare(picture, region, side or describe_series(picture).side)
    found = None
    if mask is not None:
        share = resample((mask > 0).astype(np.float32), volume.ijk_to_lps, prepared.ijk_to_lps, wide.shape)
        # A tear thinner than a voxel fills none by half, and still is one.
        found = share >= min(0.5, share.max() / 2) if share.any() else share > 0
    return PreparedCase(case_id, np.rint(prepared.grey).astype(np.uint8), int(tear_class), found)


def save_case(case: PreparedCase, folder: Path) -> None:
    """Write ``<id>.npz``; not compressed, as it is read in every epoch."""
    arrays: dict[str, Any] = {"grey": case.grey, "tear_class": case.tear_class}
    if case.mask is not None:
        arrays["mask"] = np.packbits(case.mask)
    save_arrays(folder / f"{case.id}.npz", compressed=False, **arrays)


def load_case(path: Path) -> PreparedCase:
    """A case as :func:`save_case` wrote it; its id is the file's name."""
    with np.load(path) as arrays:
        grey = arrays["grey"]
        mask = None
        if "mask" in arrays:
            mask = np.unpackbits(arrays["mask"], count=grey.size).reshape(grey.shape).astype(bool)
        return PreparedCase(path.stem, grey, int(arrays["tear_class"]), mask)


def load_class(path: Path) -> int:
    """Only the class of a case."""
    with np.load(path) as arrays:
        return int(arrays["tear_class"])


def simulate_cases(
    folder: Path,
    first: int,
    count: int,
    seed: int,
    preprocessing: Preprocessing,
    matrix: int = 256,
    jobs: int = 1,
    progress: Progress = no_progress,
    cancelled: IsCancelled = never_cancelled,
) -> list[Path]:
    """Simulate shoulders ``first`` to ``first + count - 1`` and keep them prepared; those already there are kept.

    Args:
        matrix: in-plane size that the scans are drawn at; the cube's voxels are coarser than those of 256.

    Raises:
        Cancelled: as ``cancelled`` said.
    """
    settings = (preprocessing, matrix)
    return simulate_files(
        folder, "shoulder-mr", first, count, seed, _simulate_one, settings, jobs, "shoulder", progress, cancelled
    )


def _simulate_one(item: tuple) -> None:
    from radiologycnn.simulation.shoulder_mr import ShoulderMrConfig, simulate_shoulder_mr

    index, seed, preprocessing, matrix, folder = item
    config = ShoulderMrConfig().with_matrix(matrix).with_class_shares(CLASS_SHARES)
    scan = simulate_shoulder_mr(index, seed, config)
    truth = scan.truth
    # The true centre: in training it is shifted anyway, farther than the search for it errs.
    case = prepare_case(
        simulated_id(seed, index), scan.volume, truth["tear_class"], preprocessing, scan.labels == 1, truth["side"],
        truth["head_centre_lps_mm"],
    )  # fmt: skip
    save_case(case, folder)


def prepare_folder(
    data: Path,
    cache: Path,
    preprocessing: Preprocessing,
    codes: str = "ordinal",
    progress: Progress = no_progress,
    cancelled: IsCancelled = never_cancelled,
) -> dict[str, list[Path]]:
    """Prepare every case of a data folder's manifest that is not prepared yet, or of which something has changed.

    Args:
        codes: what the numbers of the column "class" mean: "ordinal" or "paper".

    Returns:
        Prepared files by split; the key "" holds cases without one.

    Raises:
        InputError: no manifest, a class or centre that cannot be read, a file missing, or a mask that does not fit.
        Cancelled: as ``cancelled`` said; what is prepared stays.
    """
    rows = read_manifest(data, *MANIFEST_FILES)
    # Every line is read before the first scan, so that a mistake in the last one costs no hour.
    facts = {row["id"]: manifest_facts(row, codes) for row in rows}

    def fingerprint(row: TableRow) -> str:
        tear_class, centre, side = facts[row["id"]]
        files = [data / row[column] for column in ("image", "mask") if row.get(column)]
        return fingerprint_of(files, tear_class=tear_class, centre=centre, side=side)

    def make(row: TableRow) -> None:
        tear_class, centre, side = facts[row["id"]]
        volume, mask = read_case_file(data, row, "image"), None
        if row.get("mask"):
            labels = read_case_file(data, row, "mask")
            check_mask_fits(row["id"], volume, labels)
            mask = marked(labels.array)
        elif tear_class == 0:
            mask = np.zeros(volume.array.shape, bool)
        save_case(prepare_case(row["id"], volume, tear_class, preprocessing, mask, side, centre), cache)

    todo = [CaseToPrepare(cache / f"{row['id']}.npz", partial(fingerprint, row), partial(make, row)) for row in rows]
    return by_split(rows, prepare_files(todo, progress, cancelled))


def manifest_facts(row: TableRow, codes: str = "ordinal") -> tuple[int, tuple[float, ...] | None, str | None]:
    """Class, centre (LPS mm) and side that a manifest's row states, for those who read the scan themselves.

    Raises:
        InputError: one of them cannot be read; the line is named.
    """
    return _tear_class(row, codes), _centre(row), _side(row)


def _tear_class(row: TableRow, codes: str) -> int:
    if codes not in CLASS_CODES:
        raise InputError("bad-codes", f"There are no class codes “{codes}”.", f"Use {' or '.join(CLASS_CODES)}.")
    text = (row.get("class") or "").strip()
    words = {one.key: one.index for one in TEAR_CLASSES} | {one.name.lower(): one.index for one in TEAR_CLASSES}
    if text.lower() in words:
        return words[text.lower()]
    numbers = FROM_PAPER_CODES if codes == "paper" else {one.index: one.index for one in TEAR_CLASSES}
    if text.isdecimal() and int(text) in numbers:
        return numbers[int(text)]
    says = f"the class “{text}” is unknown" if text else "the column class is empty or not there"
    raise _bad_row(row.line, says, f"Use 0 to 4, or {', '.join(one.name for one in TEAR_CLASSES)}.")


def _centre(row: TableRow) -> tuple[float, ...] | None:
    text = (row.get("centre") or "").strip()
    if not text:
        return None
    try:
        centre = tuple(number_in(part) for part in text.replace(";", " ").split())
    except ValueError:
        centre = ()
    if len(centre) != 3 or not np.isfinite(centre).all():
        raise _bad_row(row.line, f"the centre “{text}” is not three numbers", "Write it as x y z, LPS in mm.")
    return centre


def _side(row: TableRow) -> str | None:
    text = (row.get("side") or "").strip().lower()
    side = {"": None, "l": "left", "left": "left", "r": "right", "right": "right", "unknown": None}
    if text not in side:
        raise _bad_row(row.line, f"the side “{text}” is unknown", "Use left or right, or leave it empty.")
    return side[text]


def _bad_row(line: int, problem: str, hint: str) -> InputError:
    return InputError("bad-manifest", f"cases.csv, line {line}: {problem}.", hint)
