"""Case files of a training run: the manifest of a data folder, splits, and work spread over processes.

``cases.csv`` has a line for each scan, with these columns for every task; each task adds its own, and any others are
left alone. Names of columns may have capitals. Paths are relative to the folder, or absolute.

- id: a plain name, once;
- image: any volume that the engine reads (NIfTI, NRRD, MetaImage, a DICOM folder);
- mask: label map on the image's grid;
- split: train, validation, test, or empty;
- patient: whose scan it is; empty where each scan is another patient's. All scans of a patient go the same way.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from radiologycnn.errors import Cancelled, InputError, ResourceError
from radiologycnn.evaluation.table_files import TableRow, table_lines
from radiologycnn.file_replacing import whole_file
from radiologycnn.images.affine import apart_mm
from radiologycnn.images.masks import marked
from radiologycnn.images.volume import Volume
from radiologycnn.progress import IsCancelled, Progress, never_cancelled, no_progress
from radiologycnn.simulation.samples import VERSIONS

SPLITS = ("train", "validation", "test")
MANIFEST_NAME = "cases.csv"
_DECIDING = ("id", "image", "mask", "split", "patient", "class", "side", "centre", "types")
"""Columns of all tasks that decide what is learned of a scan, and in which part."""

MOST_LABELS = 255
"""Different values above 0 in a mask; scans hold more."""


def read_manifest(data: Path, files: Sequence[str], optional_files: Sequence[str] = ()) -> list[TableRow]:
    """Rows of ``cases.csv``, checked: ids, splits, and that the files are there; ``patient`` is filled in.

    A scan without a split gets that of the same patient's other scans, where these have one.

    Args:
        data: the folder; paths in the manifest are relative to it.
        files: columns that name a file in every row.
        optional_files: columns that name a file or nothing.

    Raises:
        InputError: what is wrong, with the line.
    """
    path = data / MANIFEST_NAME
    if not data.is_dir():
        raise InputError("no-such-folder", f"There is no folder {data}.", "Check the path.")
    if not path.is_file():
        raise InputError(
            "no-manifest",
            f"There is no {MANIFEST_NAME} in {data}.",
            "Write one, with a line for each case, or use --simulate.",
        )
    rows = _rows_of(path, ("id", *files))
    seen: set[str] = set()
    for row in rows:
        case_id, split = (row.get("id") or "").strip(), (row.get("split") or "").strip()
        if not case_id or case_id in seen or Path(case_id).name != case_id:
            raise InputError(
                "bad-manifest",
                f"{MANIFEST_NAME}, line {row.line}: the id is missing, repeated or no plain name.",
                "Give every case its own short id.",
            )
        if split not in ("", *SPLITS):
            raise InputError(
                "bad-manifest",
                f"{MANIFEST_NAME}, line {row.line}: unknown split “{split}”.",
                "Use train, validation or test, or leave it empty.",
            )
        for column in (*files, *(name for name in optional_files if row.get(name))):
            if not row.get(column) or not (data / row[column]).exists():
                says = f"the {column} “{row[column]}” does not exist" if row.get(column) else f"no {column} is named"
                raise InputError(
                    "bad-manifest",
                    f"{MANIFEST_NAME}, line {row.line}: {says}.",
                    f"Paths are relative to {data}, or absolute.",
                )
        seen.add(case_id)
        row.update(id=case_id, split=split, patient=(row.get("patient") or "").strip() or case_id)
    if not rows:
        raise InputError("bad-manifest", f"{MANIFEST_NAME} lists no case.", "Add a line for each case.")
    _keep_patients_together(rows)
    return rows


def _rows_of(path: Path, needed: Sequence[str]) -> list[TableRow]:
    """A table's rows below its heading.

    Raises:
        InputError: it is no such table, or a column that is needed is not there, or there twice.
    """
    try:
        lines = table_lines(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InputError(
            "bad-manifest",
            f"{path.name} is not a text in UTF-8 (byte {error.start + 1} is none).",
            "Save it as “CSV UTF-8”.",
        ) from error
    except csv.Error as error:
        raise InputError("bad-manifest", f"{path.name} is no CSV table.", "Save it as “CSV UTF-8”.") from error
    heading = [name.strip().lower() for name in lines[0][1]] if lines else []
    rows = [TableRow(line, heading, [cell.strip() for cell in cells]) for line, cells in lines[1:]]
    twice = next((name for name in _DECIDING if heading.count(name) > 1), "")
    if twice:
        raise InputError(
            "bad-manifest", f"Two columns of {path.name} are called {twice}.", "Rename one of them, or take it out."
        )
    missing = [name for name in needed if name not in heading]
    if rows and missing:
        raise InputError(
            "bad-manifest",
            f"{path.name} has no column {' and no column '.join(missing)}; it has {', '.join(heading)}.",
            "Name the columns in its first line.",
        )
    return rows


def _keep_patients_together(rows: list[TableRow]) -> None:
    """Raises InputError where a patient stands in two splits: what was learned would be tested on the same head."""
    splits: dict[str, str] = {}
    for row in rows:
        patient, split = row["patient"], row["split"]
        if split and splits.setdefault(patient, split) != split:
            raise InputError(
                "bad-manifest",
                f"{MANIFEST_NAME}, line {row.line}: patient “{patient}” stands in {splits[patient]} and in {split}.",
                "Put all scans of a patient into one split.",
            )
    for row in rows:
        row["split"] = row["split"] or splits.get(row["patient"], "")


def by_split(rows: Sequence[Mapping[str, str]], paths: Sequence[Path]) -> dict[str, list[Path]]:
    """The files of a manifest's rows by split; the key "" holds those without one."""
    found: dict[str, list[Path]] = {split: [] for split in ("", *SPLITS)}
    for row, path in zip(rows, paths):
        found[row["split"]].append(path)
    return found


def read_case_file(data: Path, row: Mapping[str, str], column: str) -> Volume:
    """The scan or mask that a manifest's row names.

    Raises:
        InputError: it cannot be used; the case is named.
    """
    from radiologycnn.images import read_volume

    with naming_case(row, column):
        return read_volume(data / row[column])


@contextmanager
def naming_case(row: Mapping[str, str], column: str) -> Iterator[None]:
    """While entered, what cannot be used is said with its case; ``column`` is the manifest's."""
    try:
        yield
    except InputError as error:
        raise InputError(
            error.code, f"The {column} of case {row['id']} cannot be used. {error.message}", error.hint
        ) from error


def mask_fits(volume: Volume, mask: Volume) -> bool:
    """Whether the mask lies on its image's grid; on its way to a file's header a number may have been rounded."""
    shape = volume.array.shape
    nearly = 0.1 * float(volume.spacing_mm.min())
    return shape == mask.array.shape and apart_mm(volume.ijk_to_lps, mask.ijk_to_lps, shape) <= nearly


def check_mask_fits(case_id: str, volume: Volume, mask: Volume) -> None:
    """Raises InputError unless the mask is a label map that lies on its image's grid."""
    if not mask_fits(volume, mask):
        raise InputError(
            "mask-does-not-fit",
            f"The mask of case {case_id} is not on its image's grid: {_difference(volume, mask)}.",
            "Export the mask with the image as reference geometry.",
        )
    low, high = float(mask.array.min()), float(mask.array.max())
    # Whatever is marked is learned: of a scan in the mask's place, nearly all of it.
    if round(low) < 0 or len(np.unique(np.rint(mask.array[marked(mask.array)]))) > MOST_LABELS:
        raise InputError(
            "no-mask",
            f"The mask of case {case_id} is no label map: its values run from {low:g} to {high:g}.",
            f"Name the scan's mask: 0 where nothing is marked, up to {MOST_LABELS} different labels, none below 0.",
        )


def _difference(volume: Volume, mask: Volume) -> str:
    shapes = [one.array.shape for one in (mask, volume)]
    if shapes[0] != shapes[1]:
        return "it has {} voxels, the image {}".format(*(" x ".join(map(str, shape[::-1])) for shape in shapes))
    return f"they lie up to {apart_mm(volume.ijk_to_lps, mask.ijk_to_lps, shapes[0]):.1f} mm apart"


def save_arrays(path: Path, compressed: bool = True, **arrays: object) -> None:
    """Write an ``.npz`` whole or not at all; its folder is made if needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as file:
        (np.savez_compressed if compressed else np.savez)(file, **arrays)


def run_jobs(work: Callable, items: list, jobs: int) -> Iterator:
    """``map(work, items)``, in so many processes.

    Raises:
        ResourceError: one of them was ended from outside.
    """
    if jobs <= 1:
        yield from map(work, items)
        return
    try:
        with ProcessPoolExecutor(jobs) as pool:
            yield from pool.map(work, items)
    except BrokenProcessPool as error:
        raise ResourceError(
            "process-ended",
            f"One of the {jobs} processes that make cases ready was ended from outside, most likely because memory "
            "ran out.",
            "Run the same command again with fewer --jobs.",
        ) from error


def simulate_files(
    cases: Path,
    population: str,
    first: int,
    count: int,
    seed: int,
    simulate_one: Callable[[tuple], None],
    settings: tuple,
    jobs: int = 1,
    what: str = "scan",
    progress: Progress = no_progress,
    cancelled: IsCancelled = never_cancelled,
) -> list[Path]:
    """Paths of the prepared cases ``first`` to ``first + count - 1`` of a population; only missing ones are simulated.

    Args:
        cases: gets a folder for this version of the population's simulator, so that scans of an earlier one are never
            taken for its own.
        population: "head-ct" or "shoulder-mr".
        simulate_one: writes one file; called, maybe in another process, with (index, seed, *settings, folder).
        what: the word for one of them in ``progress``.

    Raises:
        Cancelled: as ``cancelled`` said; what is simulated stays.
    """
    folder = cases / f"simulator-{VERSIONS[population]}"
    folder.mkdir(parents=True, exist_ok=True)
    indices = range(first, first + count)
    paths = [folder / f"{simulated_id(seed, index)}.npz" for index in indices]
    todo = [(index, seed, *settings, folder) for index, path in zip(indices, paths) if not path.exists()]
    done = count - len(todo)
    if todo and cancelled():
        raise Cancelled
    for _ in run_jobs(simulate_one, todo, jobs):
        done += 1
        progress(done / count, f"Simulating {what} {done} of {count}")
        if done < count and cancelled():
            raise Cancelled
    return paths


def simulated_id(seed: int, index: int) -> str:
    """The id of a simulated case."""
    return f"sim-{seed}-{index:05d}"


def simulated_numbers(case_id: str) -> tuple[int, int]:
    """Seed and index of a simulated case; inverse of :func:`simulated_id`."""
    _, seed, index = case_id.rsplit("-", 2)
    return int(seed), int(index)
