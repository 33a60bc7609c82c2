"""Each type of bleed by itself, where the tested model tells five apart: overlap, volume, and mistaken lesions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from radiologycnn.evaluation.mask_files import evaluate_types
from radiologycnn.evaluation.words import counted
from radiologycnn.hemorrhage.labels import BLEED_TYPES
from radiologycnn.hemorrhage.mask_values import standard_labels, types_in, values_of_mask
from radiologycnn.images import read_volume
from radiologycnn.reproduction.arab2020_groups import KIND_TITLES, interval_words
from radiologycnn.reproduction.tables import Row, Table, mean_sd

if TYPE_CHECKING:
    from radiologycnn.reproduction.arab2020_run import ArabResults

#: Smaller lesions of the reference are no lesions that a reader would name.
SMALLEST_LESION_ML = 0.1
NOT_FOUND = "none"


def type_figures(pairs: Sequence[tuple[str, Path, Path]], data: Path | None = None) -> dict[str, Any] | None:
    """Figures of each type on cases given as (id, found label map, reference); JSON-able.

    Args:
        data: folder whose ``cases.csv`` names the references; None for simulated ones.

    Returns:
        "rows": of :func:`..mask_files.evaluate_types`; "lesions": {type: {found type or NOT_FOUND: count}}. None where
        a reference does not say types.
    """
    lesions: dict[str, dict[str, int]] = {kind: {} for kind in BLEED_TYPES}
    for _, found_path, reference_path in pairs:
        volume = read_volume(reference_path)
        reference = standard_labels(volume.array, values_of_mask(reference_path, data))
        if types_in(reference) is None:
            return None
        found = standard_labels(read_volume(found_path).array)
        for kind, seen in lesion_types(found, reference, volume.voxel_volume_mm3 / 1000):
            lesions[kind][seen] = lesions[kind].get(seen, 0) + 1
    return {"rows": evaluate_types(list(pairs), data=(None, data))[0], "lesions": lesions}


def lesion_types(found: np.ndarray, reference: np.ndarray, voxel_ml: float) -> list[tuple[str, str]]:
    """(true type, type that most of its found voxels have or NOT_FOUND) of each connected lesion of a type.

    Args:
        found, reference: label maps of one shape, values as of :data:`..labels.BLEED_TYPES`.
    """
    kinds = [NOT_FOUND, *BLEED_TYPES]
    pairs = []
    for kind, label in BLEED_TYPES.items():
        parts, _ = ndimage.label(reference == label.value, np.ones((3, 3, 3)))
        for number, place in enumerate(ndimage.find_objects(parts), start=1):
            own = parts[place] == number
            if own.sum() * voxel_ml < SMALLEST_LESION_ML:
                continue
            votes = np.bincount(found[place][own], minlength=len(kinds))[1 : len(kinds)]
            pairs.append((kind, kinds[1 + int(votes.argmax())] if votes.any() else NOT_FOUND))
    return pairs


def by_type(results: ArabResults, run: str) -> Table:
    """A table with Dice, precision, recall, volumes and mistaken lesions of each type; no rows without types."""
    rows: list[Row] = []
    figures = results.types or {"rows": [], "lesions": {}}
    for kind, label in BLEED_TYPES.items():
        own = [row for row in figures["rows"] if row["type"] == kind]
        held = [row for row in own if row["reference_ml"] > 0]
        wrongly = [row for row in own if row["reference_ml"] == 0]
        if not own:
            continue
        words = [counted(len(held), "case")]
        if wrongly:
            volume = np.mean([row["found_ml"] for row in wrongly])
            words.append(f"found in {counted(len(wrongly), 'case')} without it, {volume:.1f} mL on average")
        rows.append(
            Row(
                f"{label.name}: Dice",
                "",
                mean_sd([row["dice"] for row in held]),
                "; ".join([*words, *interval_words([row["dice"] for row in held])]),
            )
        )
        for name in ("precision", "recall"):
            rows.append(Row(f"{label.name}: {name}", "", mean_sd([row[name] for row in held])))
        for name, key in (("volume", "reference_ml"), ("volume found", "found_ml")):
            rows.append(Row(f"{label.name}: {name} (mL)", "", mean_sd([row[key] for row in held], 1)))
        rows.append(_lesions_row(label.name, kind, figures["lesions"].get(kind, {})))
    notes = [
        "Not in the paper, whose model knows one type. Of the cases whose reference holds the type; a voxel of another "
        "type is wrong.",
        f"A lesion is connected blood of one type of at least {SMALLEST_LESION_ML:g} mL; its type is right where most "
        "of what was found of it has it.",
    ]
    return Table("by-type", "CNN-DS by type of bleed", [row for row in rows if row.run], run, notes)


def _lesions_row(name: str, kind: str, seen: dict[str, int]) -> Row:
    count = sum(seen.values())
    others = [(KIND_TITLES[one], seen[one]) for one in BLEED_TYPES if one != kind and seen.get(one)]
    words = [f"{number} taken for {title}" for title, number in others]
    if seen.get(NOT_FOUND):
        words.append(f"{seen[NOT_FOUND]} not found")
    return Row(f"{name}: lesions of the right type", "", f"{seen.get(kind, 0)} of {count}", "; ".join(words))
