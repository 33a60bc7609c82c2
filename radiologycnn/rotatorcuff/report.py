"""Writing a classification's results into a folder: record, tables, activation maps and a page to read."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from radiologycnn.errors import InputError
from radiologycnn.images.grid import resample
from radiologycnn.images.volume import LPS_TO_RAS, Volume
from radiologycnn.images.write import write_atomically, write_image
from radiologycnn.networks.activation import normalize_map
from radiologycnn.result_folder import make_result_folder
from radiologycnn.rotatorcuff.inference import ClassificationResult
from radiologycnn.rotatorcuff.pictures import slice_pictures
from radiologycnn.rotatorcuff.report_page import html_report
from radiologycnn.rotatorcuff.results import csv_rows, evidence_rows
from radiologycnn.rotatorcuff.tear_classes import TEAR_CLASSES, TEAR_VERSUS_NONE, target_name

RECORD_NAME = "classification.json"
TABLE_NAME = "classification.csv"
EVIDENCE_NAME = "evidence.csv"
MAP_NAME = "cam.nii.gz"
RAW_MAP_NAME = "cam_raw.nii.gz"
MAP_ON_SCAN_NAME = "cam_on_scan.nii.gz"
PAGE_NAME = "report.html"
_NAMES = (RECORD_NAME, TABLE_NAME, EVIDENCE_NAME, MAP_NAME, RAW_MAP_NAME, MAP_ON_SCAN_NAME, PAGE_NAME)

PREDICTED = "predicted"


def resolve_target(target: str, predicted: int) -> int | str:
    """The target that a word means: "predicted", "tear_versus_none", or a class by key, name or index.

    ``predicted`` is the predicted class's index. Where that is no tear, the evidence for a tear says more than that
    for "None": the map is then that of tear versus none.

    Raises:
        InputError: code ``unknown-target``.
    """
    word = target.strip().lower().replace("-", "_")
    if word == PREDICTED:
        return predicted if predicted else TEAR_VERSUS_NONE
    if word == TEAR_VERSUS_NONE:
        return TEAR_VERSUS_NONE
    for tear_class in TEAR_CLASSES:
        if word in (tear_class.key, tear_class.name.lower().replace("-", "_"), str(tear_class.index)):
            return tear_class.index
    known = ", ".join((PREDICTED, *(tear_class.key for tear_class in TEAR_CLASSES), TEAR_VERSUS_NONE))
    raise InputError("unknown-target", f"There is no target {target!r} for the map.", f"Use one of {known}.")


def report_record(result: ClassificationResult, volume: Volume) -> dict[str, Any]:
    """Everything about a result but its voxels, JSON-able; numbers with all their digits."""
    return {
        "classification": result.classification.to_dict(),
        "answer": result.classification.words,
        "caution": result.caution,
        "classes": [
            {"index": one.index, "key": one.key, "name": one.name, "definition": one.definition} for one in TEAR_CLASSES
        ],
        "notes": list(result.notes),
        "maps": {
            "methods": list(result.methods),
            "targets": list(result.targets),
            "shape_ijk": [int(size) for size in result.maps.shape[:1:-1]],
            "ijk_to_lps": result.maps_ijk_to_lps.tolist(),
        },
        "grid": {
            "shape_ijk": [int(size) for size in volume.array.shape[::-1]],
            "spacing_mm": [float(step) for step in volume.spacing_mm],
            "ijk_to_lps": np.asarray(volume.ijk_to_lps, float).tolist(),
        },
        "model_card": dict(result.model_card),
        "provenance": dict(result.provenance),
    }


def check_method(method: str | None, known: Sequence[str]) -> None:
    """Raises InputError, ``unknown-method``, for a way to make maps that is not among the known ones; None is any."""
    if method is not None and method not in known:
        raise InputError("unknown-method", f"There is no map by {method!r} here.", f"Use one of {', '.join(known)}.")


def map_on_scan(
    result: ClassificationResult, target: int | str, volume: Volume, method: str | None = None
) -> np.ndarray:
    """A target's normalized map, 0-1, on the scan's own grid, float32, shape (K, J, I); 0 outside the cube."""
    normalized = normalize_map(raw_map(result, target, method))
    return resample(normalized, result.maps_ijk_to_lps, volume.ijk_to_lps, volume.array.shape)


def raw_map(result: ClassificationResult, target: int | str, method: str | None = None) -> np.ndarray:
    """One raw map, shape (k, j, i); of the first method where None.

    Raises:
        InputError: the result has no map of that method.
    """
    check_method(method, result.methods)
    return result.maps[result.methods.index(method or result.methods[0]), result.targets.index(target)]


def result_files(folder: str | Path) -> list[Path]:
    """Files that lie in a folder under the names that :func:`write_result` gives."""
    return [path for path in sorted(Path(folder).glob("*")) if path.is_file() and path.name in _NAMES]


def write_result(
    folder: str | Path,
    result: ClassificationResult,
    volume: Volume,
    target: str = PREDICTED,
    method: str | None = None,
    made_at: datetime | None = None,
) -> list[Path]:
    """Write all files of a result; earlier ones of the same names are replaced.

    ``cam.nii.gz`` (0-1) and ``cam_raw.nii.gz`` lie on the maps' own grid, ``cam_on_scan.nii.gz`` on the volume's.

    Args:
        folder: made if needed.
        result: what is written.
        volume: the scan that it belongs to.
        target: of the maps that are written, see :func:`resolve_target`.
        method: "cam" or "grad_cam"; None takes the first that the result has.
        made_at: date on the page; now where None.

    Raises:
        InputError: an unknown target or method.
        ResourceError: the folder cannot be written.
    """
    chosen = resolve_target(target, result.classification.predicted)
    raw = raw_map(result, chosen, method)
    folder = make_result_folder(folder)
    written = [
        write_image(folder / MAP_NAME, normalize_map(raw), result.maps_ijk_to_lps),
        write_image(folder / RAW_MAP_NAME, raw, result.maps_ijk_to_lps),
        write_image(folder / MAP_ON_SCAN_NAME, map_on_scan(result, chosen, volume, method), volume.ijk_to_lps),
    ]
    answer = result.classification
    for name, rows in ((TABLE_NAME, csv_rows(answer, result.caution)), (EVIDENCE_NAME, evidence_rows(answer))):
        written.append(_write_text(folder / name, _csv_text(rows)))
    written.append(_write_text(folder / PAGE_NAME, page(result, volume, chosen, method, made_at)))
    record = report_record(result, volume)
    record["maps"]["written_target"] = chosen
    record["maps"]["written_method"] = method or result.methods[0]
    record["files"] = [path.name for path in written]
    text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    return [*written, _write_text(folder / RECORD_NAME, text)]


def page(
    result: ClassificationResult,
    volume: Volume,
    target: int | str,
    method: str | None = None,
    made_at: datetime | None = None,
) -> str:
    """The report as HTML, with three slices through the peak of the target's map."""
    evidence = result.classification.evidence_for(target, method or result.methods[0])
    peak = evidence.peak_ras_mm if evidence else None
    if peak is None:
        peak = tuple(LPS_TO_RAS[:3, :3] @ np.asarray(result.classification.roi.centre_lps_mm))
    normalized = normalize_map(raw_map(result, target, method))
    return html_report(
        result.classification,
        model_card=result.model_card,
        provenance=result.provenance,
        notes=result.notes,
        caution=result.caution,
        pictures=slice_pictures(volume, normalized, result.maps_ijk_to_lps, peak, target_name(target)),
        scan_name=volume.name,
        made_at=made_at,
    )


def _csv_text(rows: Sequence[Sequence[str]]) -> str:
    """CSV text (RFC 4180)."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerows(rows)
    return buffer.getvalue()


def _write_text(path: Path, text: str) -> Path:
    write_atomically(path, text.encode("utf-8"))
    return path
