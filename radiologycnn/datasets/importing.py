"""From a data set's scans to a folder that training reads: each scan checked, a manifest, and what was left out."""

from __future__ import annotations

import csv
import io
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from radiologycnn import __version__
from radiologycnn.datasets.bhsd import Bhsd
from radiologycnn.datasets.ct_ich import CtIch
from radiologycnn.datasets.examination import Examined, Trust, examine
from radiologycnn.datasets.instance import Instance
from radiologycnn.datasets.layout import NO_BLEED, Layout, Scan
from radiologycnn.errors import Cancelled, InputError
from radiologycnn.evaluation.summary import write_record, write_rows
from radiologycnn.file_replacing import whole_file
from radiologycnn.hemorrhage.mask_values import DESCRIPTION_NAME, VALUES_KEY
from radiologycnn.images import read_volume, write_image
from radiologycnn.images.write import write_atomically
from radiologycnn.progress import IsCancelled, Progress, never_cancelled, no_progress
from radiologycnn.result_folder import check_result_folder
from radiologycnn.training.case_files import MANIFEST_NAME, run_jobs

LAYOUTS: dict[str, Layout] = {one.key: one for one in (Bhsd(), CtIch(), Instance())}

REPORT_NAME = "import-report.csv"
_COLUMNS = ("id", "image", "mask", "split", "patient", "types", "volume_ml")


@dataclass(frozen=True)
class Imported:
    """What came of an import.

    Attributes:
        manifest: the file that was written.
        used: how many scans it names.
        patients: of how many people.
        left_out: reasons by case.
        notes: what is odd about scans that are used, by case.
        tilts_deg: of the gantry where the files of a used scan had lost it, by case.
    """

    manifest: Path
    used: int
    patients: int
    left_out: dict[str, str] = field(default_factory=dict)
    notes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    tilts_deg: dict[str, float] = field(default_factory=dict)


def import_dataset(
    name: str,
    source: Path,
    destination: Path,
    copy: bool = False,
    trust: Trust = Trust(),
    jobs: int = 1,
    progress: Progress = no_progress,
    cancelled: IsCancelled = never_cancelled,
) -> Imported:
    """Write a manifest for a data set as it was downloaded.

    Args:
        name: one of :data:`LAYOUTS`.
        source: the data set's folder, or one above it.
        destination: gets ``cases.csv``, ``import-report.csv`` (a line a case: used or why not) and
            ``dataset_description.json``; made if needed.
        copy: copy images and masks there too; otherwise the manifest names them where they are.
        trust: what to do where a header is wrong (:mod:`radiologycnn.datasets.geometry`); masks and images that belong
            elsewhere than their headers say are written anew.
        jobs: processes for reading.

    Raises:
        InputError: an unknown data set, another layout, a destination with a manifest, or no scan that can be used.
        ResourceError: the destination is a file.
        Cancelled: as ``cancelled`` said; no manifest is written.
    """
    if name not in LAYOUTS:
        raise InputError("unknown-data-set", f"There is no reader for “{name}”.", f"Known: {', '.join(LAYOUTS)}.")
    check_result_folder(destination)
    layout = LAYOUTS[name]
    manifest = destination / MANIFEST_NAME
    if manifest.exists():
        raise InputError("folder-in-use", f"{destination} holds a {MANIFEST_NAME} already.", "Choose another folder.")
    found = layout.find(source)
    if not found.scans:
        raise InputError("no-scans", f"There is no scan in {source}.", layout.expected)
    destination.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    left_out = dict(found.absent)
    notes: dict[str, tuple[str, ...]] = {}
    tilts: dict[str, float] = {}
    items = [(scan, layout, trust) for scan in found.scans]
    for number, (scan, examined) in enumerate(zip(found.scans, run_jobs(examine, items, jobs)), start=1):
        if cancelled():
            raise Cancelled
        if examined.problem:
            left_out[scan.id] = examined.problem
        else:
            rows.append(_row(scan, examined, destination, copy))
            if examined.tilt_deg:
                tilts[scan.id] = examined.tilt_deg
        if examined.notes:
            notes[scan.id] = examined.notes
        progress(number / len(found.scans), f"Scan {number} of {len(found.scans)}")
    _write_report(destination / REPORT_NAME, [row["id"] for row in rows], left_out, notes)
    if not rows:
        raise InputError(
            "no-scans",
            f"None of the {len(found.scans)} scans of {layout.title} can be used.",
            f"{REPORT_NAME} in {destination} says why; the first: {next(iter(left_out.values()))}",
        )
    write_record(destination / DESCRIPTION_NAME, _description(layout))
    names = list(dict.fromkeys([*_COLUMNS, *(column for row in rows for column in row)]))
    write_atomically(manifest, _csv(names, rows))
    patients = len({row["patient"] for row in rows})
    used = {case: texts for case, texts in notes.items() if case not in left_out}
    return Imported(manifest, len(rows), patients, left_out, used, tilts)


def _row(scan: Scan, examined: Examined, destination: Path, copy: bool) -> dict[str, Any]:
    """The manifest's line; files are copied or written where need be."""
    files = {}
    for kind, path, anew in (("images", scan.image, examined.write_image), ("masks", scan.mask, examined.write_mask)):
        if anew:
            array = read_volume(path).array
            labels = np.rint(array).astype(np.uint8) if kind == "masks" else array
            folder = destination / kind
            folder.mkdir(exist_ok=True)
            path = write_image(folder / f"{scan.id}.nii.gz", labels, examined.ijk_to_lps)
        elif copy:
            path = _copied(path, destination / kind, scan.id)
        files[kind] = _reference(path, destination)
    types = "" if examined.types is None else "+".join(examined.types) or NO_BLEED
    return {
        "id": scan.id,
        "image": files["images"],
        "mask": files["masks"],
        "split": scan.split,
        "patient": scan.patient,
        "types": types,
        "volume_ml": f"{examined.volume_ml:.3f}",
        **scan.more,
    }


def _copied(path: Path, folder: Path, case_id: str) -> Path:
    folder.mkdir(exist_ok=True)
    target = folder / (case_id + (".nii.gz" if path.name.lower().endswith(".gz") else ".nii"))
    with path.open("rb") as source, whole_file(target) as file:
        shutil.copyfileobj(source, file)
    return target


def _reference(path: Path, destination: Path) -> str:
    """A path as the manifest holds it: relative where the file systems allow."""
    try:
        return Path(os.path.relpath(path.resolve(), destination.resolve())).as_posix()
    except ValueError:  # another drive
        return path.resolve().as_posix()


def _write_report(path: Path, used: list[str], left_out: dict[str, str], notes: dict[str, tuple[str, ...]]) -> None:
    rows = [
        {
            "id": case,
            "used": "no" if case in left_out else "yes",
            "reason": left_out.get(case, ""),
            "notes": " ".join(notes.get(case, ())),
        }
        for case in sorted([*used, *left_out])
    ]
    write_rows(path, rows)


def _description(layout: Layout) -> dict[str, Any]:
    """Fields of the same names as in BIDS, and what the masks' values mean."""
    record: dict[str, Any] = {
        "Name": layout.title,
        "DatasetType": "derivative",
        "License": "That of the data set; see its authors' page.",
        "ReferencesAndLinks": [layout.reference],
        "GeneratedBy": [{"Name": "radiologycnn", "Version": __version__}],
    }
    if layout.mask_types:
        record[VALUES_KEY] = {str(value): kind for value, kind in layout.mask_types.items()}
    return record


def _csv(names: list[str], rows: list[dict[str, Any]]) -> bytes:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue().encode("utf-8")
