"""Comparing mask files with reference mask files: which belong together, and the metrics of each pair."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from radiologycnn.errors import InputError
from radiologycnn.evaluation.label_scores import label_overlaps, score_labels
from radiologycnn.evaluation.segmentation_metrics import SURFACE_TOLERANCE_MM, case_metrics
from radiologycnn.evaluation.words import some_names
from radiologycnn.hemorrhage.labels import BLEED_TYPES
from radiologycnn.hemorrhage.mask_values import DESCRIPTION_NAME, standard_labels, types_in, values_of_mask
from radiologycnn.images import read_volume
from radiologycnn.images.affine import apart_mm
from radiologycnn.images.grid import reorient_to_lps
from radiologycnn.images.masks import marked
from radiologycnn.images.volume import Volume
from radiologycnn.progress import Progress, no_progress

ENDINGS = (".nii.gz", ".nii", ".nrrd", ".mha")
#: What is added to a case's name in a mask's file name, and says nothing of the case.
SUFFIXES = ("mask", "masks", "label", "labels", "seg", "segmentation", "prediction", "truth", "reference")
#: The mask in a case's own folder, as ``radiologycnn segment`` writes it.
MASK_IN_FOLDER = "mask.nii.gz"
#: Beside it, from the same command; says what the mask's values mean.
REPORT_NAME = "report.json"

_SAME_PLACE_MM = 0.01

DataFolders = tuple[Path | None, Path | None]
"""The folders whose ``cases.csv`` name the predictions and the references; None for masks that no table names."""


def case_files(folder: Path) -> dict[str, Path]:
    """Mask files by case: those that ``cases.csv`` names, where there is one as for training; otherwise
    ``<case>.nii.gz``, ``<case>-mask.nii.gz`` and the like, or ``<case>/mask.nii.gz``.

    Raises:
        InputError: the folder is not there or holds no mask, or two files of one case.
    """
    return _masks_of_manifest(folder) or files_by_case(folder, MASK_IN_FOLDER, "mask", SUFFIXES)


def data_folders(found: Path, reference: Path) -> DataFolders:
    """Of predictions and references as :func:`pair_cases` takes them."""
    first, second = (
        folder if folder.is_dir() and _masks_of_manifest(folder) else None for folder in (found, reference)
    )
    return first, second


def _masks_of_manifest(folder: Path) -> dict[str, Path]:
    """By id; empty without a manifest that has a column for masks."""
    from radiologycnn.training.case_files import MANIFEST_NAME, read_manifest

    path = folder / MANIFEST_NAME
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        heading = file.readline()
    if not {"id", "mask"} <= {name.strip().lower() for name in next(csv.reader([heading.replace(";", ",")]), [])}:
        return {}  # a table of something else, such as one that this command wrote
    return {row["id"]: folder / row["mask"] for row in read_manifest(folder, (), ("mask",)) if row["mask"]}


def files_by_case(folder: Path, in_folder: str, what: str, suffixes: tuple[str, ...]) -> dict[str, Path]:
    """Volume files by case: ``<case>.nii.gz``, ``<case>-<suffix>.nii.gz``, or ``<case>/<in_folder>``.

    Hidden files are left alone: on drives of other systems macOS lays a ``._<name>`` beside each file.

    Args:
        what: they are, for messages: "mask".

    Raises:
        InputError: the folder is not there or holds none, or two files of one case.
    """
    if not folder.is_dir():
        raise InputError("no-such-folder", f"There is no folder {folder}.", "Check the path.")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        file = path / in_folder if path.is_dir() else path
        ending = next((e for e in ENDINGS if file.name.lower().endswith(e)), "")
        is_other = path.name.startswith(".") or file.name.lower().endswith(".seg.nrrd")
        if not ending or is_other or not file.is_file():
            continue
        case = path.name if path.is_dir() else case_name(file.name[: -len(ending)], suffixes)
        if case in found:
            raise InputError(
                f"two-{what}s",
                f"The case “{case}” has two {what}s: {found[case].name} and {file.name}.",
                "Leave one of them in the folder.",
            )
        found[case] = file
    if not found:
        raise InputError(
            f"no-{what}s",
            f"There is no {what} in {folder}.",
            f"They are called CASE{ENDINGS[0]} or CASE/{in_folder}, and end with {', '.join(ENDINGS)}.",
        )
    return found


def case_name(stem: str, suffixes: tuple[str, ...] = SUFFIXES) -> str:
    """A file's name without ending and without a last word that only says what it is."""
    for separator in ("-", "_", "."):
        case, _, last = stem.rpartition(separator)
        if case and last.lower() in suffixes:
            return case
    return stem


def pair_cases(
    found: Path, reference: Path, predictions_in: Callable[[Path], dict[str, Path]] = case_files
) -> tuple[list[tuple[str, Path, Path]], list[str]]:
    """Pairs of (case, prediction, reference) of two files or of two folders, and sentences on what has no partner.

    Args:
        predictions_in: files of a folder of predictions by case.

    Raises:
        InputError: no pair at all, a file and a folder, or a folder that :func:`case_files` refuses.
    """
    if found.is_file() and reference.is_file():
        return [(case_name(reference.name.split(".")[0]), found, reference)], []
    for file, folder in ((found, reference), (reference, found)):
        if file.is_file() and folder.is_dir():
            raise InputError(
                "no-pairs", f"{file} is a file and {folder} is a folder.", "Give two files of one case, or two folders."
            )
    ours, theirs = predictions_in(found), case_files(reference)
    pairs = [(case, ours[case], theirs[case]) for case in sorted(ours.keys() & theirs.keys())]
    if not pairs:
        raise InputError(
            "no-pairs",
            "No prediction has the name of a reference.",
            f"Predictions are called such as {sorted(ours)[0]}, references such as {sorted(theirs)[0]}.",
        )
    notes = []
    for names, sentence in (
        (theirs.keys() - ours.keys(), "Left out, as there is no prediction ({count}): {names}."),
        (ours.keys() - theirs.keys(), "Left out, as there is no reference ({count}): {names}."),
    ):
        if names:
            notes.append(sentence.format(count=len(names), names=some_names(sorted(names))))
    return pairs, notes


def read_one(path: Path, read: Callable[[Path], Volume] | None = None) -> Volume:
    """One file of many.

    Args:
        read: the reader of its kind; None for scans and masks.

    Raises:
        InputError: it cannot be used; which one it is stands before the reason.
    """
    try:
        return (read or read_volume)(path)
    except InputError as error:
        raise InputError(error.code, f"{path}: {error.message}", error.hint) from error


def evaluate_masks(
    pairs: list[tuple[str, Path, Path]],
    label: int | None = None,
    tolerance_mm: float = SURFACE_TOLERANCE_MM,
    progress: Progress = no_progress,
) -> Iterator[dict[str, Any]]:
    """One row of metrics a pair, ``case`` first.

    Args:
        label: which value of label maps to compare; None for everything that is not 0.

    Raises:
        InputError: a file cannot be read, or a pair does not lie on one grid.
    """
    for number, (case, found_path, reference_path) in enumerate(pairs):
        progress(number / len(pairs), f"Case {case}")
        found, reference = voxel_on_voxel(case, read_one(found_path), read_one(reference_path))
        ours, theirs = (marked(v.array) if label is None else np.round(v.array) == label for v in (found, reference))
        yield {"case": case, **case_metrics(ours, theirs, reference.ijk_to_lps, tolerance_mm).to_dict()}
    progress(1.0, "Done")


def check_label_held(rows: Sequence[Mapping[str, Any]], pairs: list[tuple[str, Path, Path]], label: int) -> None:
    """Refuse a label that stands in none of the masks: nothing was compared with nothing.

    Args:
        rows: of :func:`evaluate_masks`.

    Raises:
        InputError: as said.
    """
    if not any(row["found_ml"] or row["reference_ml"] for row in rows):
        values = sorted(_values(pairs[0][2]))
        held = f"holds {', '.join(map(str, values))}" if values else "is empty"
        raise InputError(
            "no-such-label",
            f"No mask holds the value {label}.",
            f"The first reference, of case “{pairs[0][0]}”, {held}. Leave --label out for all that is not 0.",
        )


def check_types_stated(pairs: list[tuple[str, Path, Path]], data: DataFolders = (None, None)) -> None:
    """Refuse predictions of blood or none where references hold types: each 1 of theirs would count as ``iph``.

    Masks that hold 1 alone may still be of types, where a file beside them or their data folder says so.

    Raises:
        InputError: no prediction holds anything but 1, nothing says that 1 is a type, and references hold others.
    """
    blood = False
    for _, path, _ in pairs:
        values = _values(path)
        if values and (values != {1} or values_of_mask(path, data[0]) is not None or _reports_types(path.parent)):
            return
        blood = blood or bool(values)
    others = {label.value for kind, label in BLEED_TYPES.items() if kind != "iph"}
    references = ((case, _values(path, values_of_mask(path, data[1]))) for case, _, path in pairs if blood)
    other = next((case for case, values in references if others & values), "")
    if other:
        raise InputError(
            "no-types",
            f"The predictions hold no value but 1, and nothing beside them says that it is a type of bleed, while the "
            f"reference of case “{other}” holds other types.",
            f'If 1 is a type, say so in {DESCRIPTION_NAME} beside them ({{"MaskValues": {{"1": "iph"}}}}); masks of '
            "blood or none are compared without --types.",
        )


def _values(path: Path, stated: dict[int, str] | None = None) -> set[int]:
    """What a mask holds beside 0, in standard values where its own are stated."""
    return set(np.unique(standard_labels(read_one(path).array, stated)).tolist()) - {0}


def _reports_types(folder: Path) -> bool:
    """Whether the report that lies beside a mask, as ``radiologycnn segment`` writes it, says that 1 is ``iph``."""
    try:
        record = json.loads((folder / REPORT_NAME).read_text(encoding="utf-8"))
        labels = {label["value"]: label["name"] for label in record["labels"]}
    except (OSError, ValueError, LookupError, TypeError):
        return False  # there is none, or it is of something else
    return labels.get(1) == BLEED_TYPES["iph"].name


def evaluate_types(
    pairs: list[tuple[str, Path, Path]],
    tolerance_mm: float = SURFACE_TOLERANCE_MM,
    data: DataFolders = (None, None),
) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]:
    """Each type of bleed by itself in label maps; what values mean is read in the data folder or beside the files.

    See :mod:`radiologycnn.hemorrhage.mask_values`; predictions and references may have values of their own.

    Returns:
        A row of metrics for each case and type that the case's prediction or reference holds; and figures by type, see
        :func:`.label_scores.score_labels`.

    Raises:
        InputError: a file cannot be read, a pair does not lie on one grid, or a mask holds a value that is no type.
    """
    rows, overlaps = [], []
    values = {kind: label.value for kind, label in BLEED_TYPES.items()}
    for case, *paths in pairs:
        volumes = voxel_on_voxel(case, *(read_one(path) for path in paths))
        found, reference = (_typed(case, *one) for one in zip(paths, volumes, data))
        overlaps.append(label_overlaps(found, reference, values))
        for kind, value in values.items():
            masks = found == value, reference == value
            if masks[0].any() or masks[1].any():
                metrics = case_metrics(*masks, volumes[1].ijk_to_lps, tolerance_mm)
                rows.append({"case": case, "type": kind, **metrics.to_dict()})
    return rows, score_labels(overlaps)


def _typed(case: str, path: Path, volume: Volume, data: Path | None) -> np.ndarray:
    labels = standard_labels(volume.array, values_of_mask(path, data))
    if types_in(labels) is None:
        raise InputError(
            "no-types",
            f"The mask {path.name} of case “{case}” holds a value that is no type of bleed.",
            f"Say what its values mean in {DESCRIPTION_NAME} beside it, or compare without --types.",
        )
    return labels


def voxel_on_voxel(case: str, *masks: Volume) -> tuple[Volume, ...]:
    """Masks of a case whose arrays can be compared, the reference last.

    Some programs store the same voxels in another order, such as the last slice first; then all are brought into one
    order, in which every voxel stays where it was in the patient.

    Raises:
        InputError: one does not lie on the reference's grid, see :func:`check_same_grid`.
    """
    if _lie_alike(masks):
        return masks
    turned = tuple(reorient_to_lps(mask) for mask in masks)
    if not _lie_alike(turned):
        other = next(one for one, mask in zip(masks, turned) if _grid_problem(mask, turned[-1]))
        check_same_grid(case, other, masks[-1])
    return turned


def _lie_alike(masks: Sequence[Volume]) -> bool:
    return not any(_grid_problem(mask, masks[-1]) for mask in masks[:-1])


def check_same_grid(case: str, found: Volume, reference: Volume) -> None:
    """Refuse two masks of a case that do not lie voxel on voxel.

    Raises:
        InputError: other size, or places more than a hundredth of a millimetre apart.
    """
    if problem := _grid_problem(found, reference):
        raise InputError(
            "other-grid",
            f"The masks of case “{case}” do not lie on one grid: {problem}.",
            "Bring one onto the other's grid (nearest neighbour), then compare again.",
        )


def _grid_problem(found: Volume, reference: Volume) -> str:
    """Why two masks do not lie voxel on voxel; empty where they do."""
    if found.array.shape != reference.array.shape:
        sizes = (" x ".join(map(str, v.array.shape[::-1])) for v in (found, reference))
        return "one has {} voxels, the other {}".format(*sizes)
    distance = apart_mm(found.ijk_to_lps, reference.ijk_to_lps, reference.array.shape)
    return f"they lie up to {distance:.2f} mm apart" if distance > _SAME_PLACE_MM else ""
