"""From a DICOM folder, or one file of a series, to a Volume."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from radiologycnn.errors import InputError
from radiologycnn.images.dicom_headers import FolderScan, files_below, hashed_uid, is_table_of_contents, scan_files
from radiologycnn.images.dicom_pixels import INVERTED, read_slices
from radiologycnn.images.dicom_series import Series, sort_into_series
from radiologycnn.images.regular_grid import to_regular_grid
from radiologycnn.images.slice_stack import SliceStack
from radiologycnn.images.source_slices import SourceSlices
from radiologycnn.images.volume import Volume

_CT_AIR_HU = -1024
NO_DICOM_ADVICE = "Give a folder with DICOM files, or a scan file."


def list_dicom(path: Path) -> tuple[list[Series], FolderScan]:
    """Series in a folder (and the folders below it), usable ones first, and what else was found there.

    For a file: the series of its own folder that it belongs to. The table of contents of a CD (its DICOMDIR) stands
    for its folder.
    """
    path = _folder_of_contents(path)
    if path.is_dir():
        scan = scan_files(files_below(path))
        return sort_into_series(scan.frames), scan
    own = scan_files([path])
    if not own.frames or own.frames[0].index is not None:
        return sort_into_series(own.frames), own
    scan = scan_files(files_below(path.parent, recursive=False))
    first = own.frames[0]
    series = sort_into_series([frame for frame in scan.frames if frame.series_uid == first.series_uid])
    mine = [one for one in series if any(frame.path == path for frame in one.frames)]
    scan.other_files.clear()
    # The file itself may be the duplicate that was left out: then its whole series is what the person means.
    return mine or [one for one in series if one.frames[0].study_uid == first.study_uid] or series, scan


def _folder_of_contents(path: Path) -> Path:
    """The folder that a table of contents lies in; any other path as it is."""
    return path.parent if is_table_of_contents(path) else path


def read_dicom(path: Path, series: str | int | None = None) -> Volume:
    """Reads one series into a volume.

    Args:
        path: a file of the series, a folder in which it lies, perhaps among others, or such a folder's DICOMDIR.
        series: its number, as :func:`radiologycnn.images.list_series` lists it, or uid; needed where there are several.

    Raises:
        InputError: no such series, several to choose from, or one that is no volume; see
            :func:`radiologycnn.images.read_volume`.
    """
    path = _folder_of_contents(path)
    listed, scan = list_dicom(path)
    if not listed:
        raise _nothing_found(path, scan)
    chosen, notes = _choose(listed, series)
    if scan.damaged:
        some = f"{len(scan.damaged)} DICOM files" if len(scan.damaged) > 1 else "One DICOM file"
        notes.append(f"{some} could not be read and may be missing from the series.")
    slices = read_slices(chosen.frames)
    assert chosen.stack is not None
    volume = _assemble(slices, chosen, chosen.stack)
    return Volume(
        volume.array, volume.ijk_to_lps, chosen.modality, _name(chosen), (*notes, *chosen.notes, *volume.notes),
        volume.provenance, volume.source_slices,
    )  # fmt: skip


def _choose(listed: list[Series], wanted: str | int | None) -> tuple[Series, list[str]]:
    if wanted is not None and str(wanted) != "":
        chosen = next((one for one in listed if str(wanted) in (str(one.number), one.uid)), None)
        if chosen is None:
            raise InputError("no-such-series", f"There is no series {wanted}.", f"There are: {_list_of(listed)}")
        if not chosen.usable:
            raise _unusable(chosen)
        return chosen, []
    usable = [one for one in listed if one.usable]
    if len(usable) > 1:
        raise InputError(
            "several-series",
            f"There are {len(usable)} series that could be meant.",
            f"Choose one by its number: {_list_of(usable)}",
        )
    if not usable:
        if len(listed) == 1:
            raise _unusable(listed[0])
        reasons = "; ".join(f"series {one.label()}: {one.problem.rstrip('.')}" for one in listed[:8])
        raise InputError(
            "no-usable-series", f"None of the {len(listed)} series can be used as a 3D scan. {_sentence(reasons)}",
            "Give the folder of the scan itself.",
        )  # fmt: skip
    left_out = [f"Left out: series {one.label()} ({one.problem.rstrip('.')})." for one in listed if not one.usable]
    if len(left_out) > 5:
        left_out = [*left_out[:5], f"Left out: {len(left_out) - 5} more series that cannot be used as a 3D scan."]
    return usable[0], left_out


def _unusable(series: Series) -> InputError:
    return InputError(
        "unusable-series",
        f"The series cannot be used as a 3D scan: {series.problem}",
        "Choose the series of the scan itself.",
    )


def _list_of(series: list[Series]) -> str:
    shown = "; ".join(one.label() for one in series[:20])
    return shown + ("; ..." if len(series) > 20 else ".")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."


def _nothing_found(path: Path, scan: FolderScan) -> InputError:
    if scan.damaged:
        return InputError(
            "damaged-file",
            f"No image could be read: {len(scan.damaged)} DICOM file(s) are cut short or damaged ({scan.damaged[0]}).",
            "Copy or export the series again.",
        )
    if scan.without_image:
        return InputError(
            "no-image",
            f"The {scan.without_image} DICOM file(s) hold no image (reports, measurements, presentation states).",
            "Give the folder of the scan itself.",
        )
    if not scan.other_files:
        return InputError("empty-folder", f"The folder {path.name} is empty.", "Give a folder with DICOM files.")
    return InputError("no-dicom", f"The folder {path.name} holds no DICOM images.", NO_DICOM_ADVICE)


def _name(series: Series) -> str:
    number = series.frames[0].series_number
    return series.description or f"{series.modality or 'DICOM'} series{'' if number is None else f' {number}'}"


def _assemble(slices: np.ndarray, series: Series, stack: SliceStack) -> Volume:
    """The volume of a series' slices (in order of position), on a regular grid, with notes on what was done."""
    first = series.frames[0]
    notes = []
    provenance: dict[str, Any] = {
        "format": "DICOM",
        "series": hashed_uid(series.uid),
        "modality": series.modality,
        "image_type": list(first.image_type),
        "slices": len(slices),
        "pixel_spacing_mm": [round(value, 6) for value in stack.pixel_spacing_ij_mm],
        "slice_gaps_mm": _gap_counts(stack.gaps_mm),
        "slice_thickness_mm": sorted({frame.thickness_mm for frame in series.frames if frame.thickness_mm}),
        "tilt_degrees": round(stack.tilt_degrees, 2) if stack.sheared else 0.0,
        "missing_slices": sum(count for _, count in stack.missing),
        "resampled": not stack.even or stack.sheared,
        "acquisition": dict(first.acquisition_facts) | ({"EchoTime": first.echo_time} if first.echo_time else {}),
    }
    if series.modality == "CT" and not all(frame.rescaled for frame in series.frames):
        notes.append("The headers do not say how to turn the stored numbers into HU; they were taken as they are.")
    if series.modality == "MR" and any(frame.photometric == INVERTED for frame in series.frames):
        notes.append("The headers say that the pictures are stored as negatives (MONOCHROME1); they were turned back.")
    nominal_tilt = max((abs(frame.tilt_degrees or 0) for frame in series.frames), default=0.0)
    if nominal_tilt > 0.5 and not stack.sheared:
        notes.append(
            f"The headers name a gantry tilt of {nominal_tilt:.1f} degrees, but the slices lie straight above each "
            "other: the tilt was taken as corrected already."
        )
    if stack.even and not stack.sheared:
        ijk_to_lps = np.eye(4)
        ijk_to_lps[:3, :3] = stack.axes * (*stack.pixel_spacing_ij_mm, stack.step_mm)
        ijk_to_lps[:3, 3] = stack.origins_lps_mm[0]
        return Volume(slices, ijk_to_lps, series.modality, "", tuple(notes), provenance)

    fill = _fill_value(slices, series.modality)
    array, ijk_to_lps, guessed = to_regular_grid(slices, stack, fill)
    step = float(np.linalg.norm(ijk_to_lps[:3, 2]))
    provenance |= {
        "grid_step_mm": round(step, 4),
        "interpolated_far_from_any_slice": guessed,
        "fill_value": float(fill),
    }
    notes += _resampling_notes(stack, step, guessed)
    return Volume(
        array, ijk_to_lps, series.modality, "", tuple(notes), provenance, SourceSlices(slices, stack.slice_matrices())
    )


def _gap_counts(gaps: np.ndarray) -> dict[str, int]:
    return dict(sorted(Counter(f"{gap:.2f}" for gap in gaps).items(), key=lambda item: float(item[0])))


def _resampling_notes(stack: SliceStack, step: float, guessed: list[int]) -> list[str]:
    notes = []
    if stack.sheared:
        notes.append(
            f"The gantry was tilted: the slices are shifted against each other by {stack.tilt_degrees:.1f} degrees. "
            "They were moved back into place; where that leaves the volume without an image, it holds the value of air."
        )
    if stack.missing:
        total = sum(count for _, count in stack.missing)
        places = ", ".join(f"{count} after slice {after}" for after, count in stack.missing[:5])
        plural = "slice seems" if total == 1 else "slices seem"
        # Between uneven gaps a whole multiple can be chance, so the sentence does not claim more than it knows.
        notes.append(f"{total} {plural} to be missing ({places}{', ...' if len(stack.missing) > 5 else ''}).")
    if not stack.even:
        counts = _gap_counts(stack.gaps_mm)
        if len(counts) <= 5:
            listed = ", ".join(
                f"{gap} mm ({count} times)" if count > 1 else f"{gap} mm (once)" for gap, count in counts.items()
            )
        else:
            listed = f"from {stack.gaps_mm.min():.2f} to {stack.gaps_mm.max():.2f} mm"
        notes.append(f"The slices are unevenly spaced: gaps of {listed}.")
    why = "" if stack.even else " (the smallest distance that is common in it)"
    notes.append(f"The volume was resampled to regular slices {step:.2f} mm apart{why}, from the first to the last.")
    if guessed:
        some = "One of its slices lies" if len(guessed) == 1 else f"{len(guessed)} of its slices lie"
        notes.append(f"{some} in a wide gap, far from any image: look at the original slices there.")
    return notes


def _fill_value(slices: np.ndarray, modality: str) -> float:
    """What stands where nothing was acquired: air for CT, nothing for others."""
    return float(_CT_AIR_HU) if modality == "CT" else float(min(slices.min(), 0))
