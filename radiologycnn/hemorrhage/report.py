"""Writing a segmentation's results into a folder: mask, probability, table of the lesions, and a full report."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from radiologycnn.errors import ResourceError
from radiologycnn.hemorrhage.inference import SegmentationResult
from radiologycnn.hemorrhage.results import csv_rows
from radiologycnn.images.volume import Volume
from radiologycnn.images.write import write_atomically, write_image, write_segmentation_nrrd
from radiologycnn.result_folder import make_result_folder

MASK_NAME = "mask.nii.gz"
SEGMENTATION_NAME = "mask.seg.nrrd"
PROBABILITY_NAME = "probability.nii.gz"
LESIONS_NAME = "lesions.csv"
REPORT_NAME = "report.json"
SOURCE_SLICES_NAME = "source_slices.npz"
_NAMES = (MASK_NAME, SEGMENTATION_NAME, PROBABILITY_NAME, LESIONS_NAME, REPORT_NAME, SOURCE_SLICES_NAME)
_PROBABILITY_OF_LABEL = re.compile(r"probability-\d+\.nii\.gz")


def report_record(result: SegmentationResult, volume: Volume) -> dict[str, Any]:
    """Everything about a result but its voxels, JSON-able; numbers with all their digits."""
    return {
        "measurements": result.measurements.to_dict(),
        "threshold": result.threshold,
        "expected_dice": result.expected_dice,
        "labels": [label.to_dict() for label in result.labels],
        "notes": list(result.notes),
        "grid": {
            "shape_ijk": [int(size) for size in volume.array.shape[::-1]],
            "spacing_mm": [float(step) for step in volume.spacing_mm],
            "ijk_to_lps": np.asarray(volume.ijk_to_lps, float).tolist(),
            "voxel_volume_mm3": volume.voxel_volume_mm3,
        },
        "provenance": dict(result.provenance),
    }


def csv_text(result: SegmentationResult) -> str:
    """The table of the lesions as CSV text (RFC 4180)."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerows(csv_rows(result.measurements))
    return buffer.getvalue()


def result_files(folder: str | Path) -> list[Path]:
    """Files that lie in a folder under the names that :func:`write_result` gives."""
    found = [path for path in sorted(Path(folder).glob("*")) if path.is_file()]
    return [path for path in found if path.name in _NAMES or _PROBABILITY_OF_LABEL.fullmatch(path.name)]


def write_result(folder: str | Path, result: SegmentationResult, volume: Volume) -> list[Path]:
    """Write all files of a result; those of an earlier one go first, so that no file of another model stays with them.

    Mask and probability lie on the volume's grid, where the volumes are measured. Where that grid was resampled from
    uneven or tilted slices, ``source_slices.npz`` holds both on the slices as acquired too (``mask`` and
    ``probability``, shape (slices, rows, columns), and each slice's ``ijk_to_lps``); no other format has a place
    for uneven slices.

    Raises:
        ResourceError: the folder cannot be written.
    """
    folder = make_result_folder(folder)
    _clear(folder)
    matrix = volume.ijk_to_lps
    written = [
        write_image(folder / MASK_NAME, result.mask, matrix),
        write_segmentation_nrrd(folder / SEGMENTATION_NAME, result.mask, matrix, result.labels),
    ]
    if result.probability.ndim == 3:
        written.append(write_image(folder / PROBABILITY_NAME, result.probability, matrix))
    else:
        for label, probability in zip(result.labels, result.probability):
            written.append(write_image(folder / f"probability-{label.value}.nii.gz", probability, matrix))
    if volume.source_slices is not None:
        written.append(_write_source_slices(folder / SOURCE_SLICES_NAME, result, volume))
    write_atomically(folder / LESIONS_NAME, csv_text(result).encode("utf-8"))
    record = report_record(result, volume)
    record["files"] = [path.name for path in written] + [LESIONS_NAME]
    text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_atomically(folder / REPORT_NAME, text.encode("utf-8"))
    return [*written, folder / LESIONS_NAME, folder / REPORT_NAME]


def _clear(folder: Path) -> None:
    for path in result_files(folder):
        try:
            path.unlink()
        except OSError as error:
            raise ResourceError(
                "cannot-write",
                f"{path.name} of an earlier run cannot be removed from {folder} ({error.strerror or error}).",
                "Close it in other programs, or choose another folder for the results.",
            ) from error


def _write_source_slices(path: Path, result: SegmentationResult, volume: Volume) -> Path:
    probabilities = result.probability if result.probability.ndim == 4 else result.probability[None]
    on_slices = [volume.to_source_slices(one, interpolation="linear") for one in probabilities]
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        mask=volume.to_source_slices(result.mask),
        probability=on_slices[0] if len(on_slices) == 1 else np.stack(on_slices),
        ijk_to_lps=volume.source_slices.ijk_to_lps,
    )
    write_atomically(path, buffer.getvalue())
    return path
