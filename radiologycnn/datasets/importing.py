"""From a data set's scans to a folder that training reads: each scan checked, a manifest, and what was left out."""

from __future__ import annotations

import csv
import io
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from radiologycnn import __version__
from radiologycnn.datasets.bhsd import Bhsd
from radiologycnn.datasets.ct_ich import CtIch
from radiologycnn.datasets.instance import Instance
from radiologycnn.datasets.layout import NO_BLEED, TYPES, Layout, Scan
from radiologycnn.errors import Cancelled, InputError
from radiologycnn.evaluation.summary import write_record, write_rows
from radiologycnn.hemorrhage.head_check import check_head_ct
from radiologycnn.hemorrhage.mask_values import DESCRIPTION_NAME, VALUES_KEY
from radiologycnn.images import read_volume, write_image
from radiologycnn.images.volume import Volume
from radiologycnn.images.write import write_atomically
from radiologycnn.training.case_files import MANIFEST_NAME, Progress, mask_fits, run_jobs

LAYOUTS: dict[str, Layout] = {one.key: one for one in (Bhsd(), CtIch(), Instance())}

REPORT_NAME = "import-report.csv"
_COLUMNS = ("id", "image", "mask", "split", "patient", "types", "volume_ml")


@dataclass(frozen=True)
class Examined:
    """What came of one scan.

    Attributes:
        problem: why it is left out; "" where it is used.
        notes: what is odd about it.
        types: as in :class:`Scan`, from the mask where its values state them.
        turned: whether its mask's header says another place than the image's, and its voxels were trusted.
    """

    id: str
    problem: str = ""
    notes: tuple[str, ...] = ()
    types: tuple[str, ...] | None = None
    volume_ml: float = 0.0
    turned: bool = False


@dataclass(frozen=True)
class Imported:
    """What came of an import.

    Attributes:
        manifest: the file that was written.
        used: how many scans it names.
        patients: of how many people.
        left_out: reasons by case.
        notes: what is odd about scans that are used, by case.
    """

    manifest: Path
    used: int
    patients: int
    left_out: dict[str, str] = field(default_factory=dict)
    notes: dict[str, tuple[str, ...]] = field(default_factory=dict)


def import_dataset(
    name: str,
    source: Path,
    destination: Path,
    copy: bool = False,
    trust_voxels: bool = False,
    jobs: int = 1,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Imported:
    """Write a manifest for a data set as it was downloaded.

    Args:
        name: one of :data:`LAYOUTS`.
        source: the data set's folder, or one above it.
        destination: gets ``cases.csv``, ``import-report.csv`` (a line a case: used or why not) and
            ``dataset_description.json``; made if needed.
        copy: copy images and masks there too; otherwise the manifest names them where they are.
        trust_voxels: where a mask has the image's size, but its header another place, take it voxel by voxel; such
            masks are written anew, with the image's place.
        jobs: processes for reading.

    Raises:
        InputError: an unknown data set, another layout, a destination with a manifest, or no scan that can be used.
        Cancelled: as ``cancelled`` said; no manifest is written.
    """
    if name not in LAYOUTS:
        raise InputError("unknown-data-set", f"There is no reader for “{name}”.", f"Known: {', '.join(LAYOUTS)}.")
    layout = LAYOUTS[name]
    manifest = destination / MANIFEST_NAME
    if manifest.exists():
        raise InputError("folder-in-use", f"{destination} holds a {MANIFEST_NAME} already.", "Choose another folder.")
    found = layout.find(source)
    if not found.scans:
        raise InputError("no-scans", f"There is no scan in {source}.", layout.expected)
    destination.mkdir(parents=True, exist_ok=True)
    report = progress or (lambda part, text: None)
    rows, left_out, notes = [], dict(found.absent), {}
    items = [(scan, layout, trust_voxels) for scan in found.scans]
    for number, (scan, examined) in enumerate(zip(found.scans, run_jobs(_examine, items, jobs)), start=1):
        if cancelled():
            raise Cancelled
        if examined.problem:
            left_out[scan.id] = examined.problem
        else:
            rows.append(_row(scan, examined, destination, copy))
        if examined.notes:
            notes[scan.id] = examined.notes
        report(number / len(found.scans), f"Scan {number} of {len(found.scans)}")
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
    return Imported(manifest, len(rows), patients, left_out, {k: v for k, v in notes.items() if k not in left_out})


def _examine(item: tuple[Scan, Layout, bool]) -> Examined:
    """Whether a scan can be used, and what it holds."""
    scan, layout, trust_voxels = item
    if scan.mask is None:
        return Examined(scan.id, "There is no mask of this scan.")
    try:
        volume, mask = read_volume(scan.image), read_volume(scan.mask)
        warnings = list(check_head_ct(volume))
    except InputError as error:
        return Examined(scan.id, error.message)
    warnings = [text for text in warnings if not text.startswith("The file does not say that this is a CT")]
    problem, turned = _geometry(volume, mask, trust_voxels)
    if problem:
        return Examined(scan.id, problem)
    if turned:
        warnings.append("The mask's header states another place than the image's; its voxels were trusted.")
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
        warnings.append(f"The table says {says}, but the mask is {'not ' if values else ''}empty.")
    if scan.slices and scan.slices != len(volume.array):
        warnings.append(f"The table has {scan.slices} slices, the scan {len(volume.array)}.")
    volume_ml = float(np.count_nonzero(mask.array > 0)) * volume.voxel_volume_mm3 / 1000
    return Examined(scan.id, "", tuple(warnings), types, volume_ml, turned)


def _geometry(volume: Volume, mask: Volume, trust_voxels: bool) -> tuple[str, bool]:
    """Why the mask cannot lie on the image, or ""; and whether only its header says so."""
    if volume.array.shape != mask.array.shape:
        sizes = (" x ".join(map(str, one.array.shape[::-1])) for one in (mask, volume))
        return "The mask has {} voxels, the image {}.".format(*sizes), False
    if mask_fits(volume, mask):
        return "", False
    if trust_voxels:
        return "", True
    size = np.array(volume.array.shape[::-1], float)
    corners = np.array([[x, y, z, 1.0] for x in (0, size[0]) for y in (0, size[1]) for z in (0, size[2])])
    apart = float(np.linalg.norm((corners @ (volume.ijk_to_lps - mask.ijk_to_lps).T)[:, :3], axis=1).max())
    return (
        f"By their headers, image and mask lie up to {apart:.1f} mm apart. If they fit voxel by voxel all the same, "
        "import with --trust-voxels.",
        False,
    )


def _row(scan: Scan, examined: Examined, destination: Path, copy: bool) -> dict[str, Any]:
    """The manifest's line; files are copied or written where need be."""
    image, mask = scan.image, scan.mask
    if copy:
        image = _copied(image, destination / "images", scan.id)
    if examined.turned:
        volume, labels = read_volume(scan.image), read_volume(scan.mask)
        folder = destination / "masks"
        folder.mkdir(exist_ok=True)
        values = np.rint(labels.array).astype(np.uint8)
        mask = write_image(folder / f"{scan.id}.nii.gz", values, volume.ijk_to_lps)
    elif copy:
        mask = _copied(mask, destination / "masks", scan.id)
    types = "" if examined.types is None else "+".join(examined.types) or NO_BLEED
    return {
        "id": scan.id,
        "image": _reference(image, destination),
        "mask": _reference(mask, destination),
        "split": scan.split,
        "patient": scan.patient,
        "types": types,
        "volume_ml": f"{examined.volume_ml:.3f}",
        **scan.more,
    }


def _copied(path: Path, folder: Path, case_id: str) -> Path:
    folder.mkdir(exist_ok=True)
    target = folder / (case_id + (".nii.gz" if path.name.lower().endswith(".gz") else ".nii"))
    partial = target.with_name(f".{target.name}.part")
    shutil.copyfile(path, partial)
    os.replace(partial, target)
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
