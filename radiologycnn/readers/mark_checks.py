"""The network's map against the readers' marks, over a study: Shim 2020, Figure 6, as numbers with their chance level.

A mark is compared as a lesion of one voxel, whose box is the mark: the same measures, and the same chance levels, as
against true masks (``evaluation.localization``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from radiologycnn.evaluation.localization import Localization, localization, summarize_localization
from radiologycnn.images import read_map
from radiologycnn.readers.answers import readers_of
from radiologycnn.readers.marks import BOX
from radiologycnn.readers.study import Study
from radiologycnn.rotatorcuff.tear_classes import TEAR_CLASSES

RAW_MAP_NAME = "cam_raw.nii.gz"  # as ``radiologycnn classify`` names it
_LESION = np.ones((1, 1, 1), bool)


def check_marks(study: Study, tolerance_mm: float = 5.0) -> dict[str, Any]:
    """Every mark whose case has a map: ``rows``, one a mark; ``summary``, one a reader, boxes alone; ``notes``.

    Args:
        study: with answers, and the network's results in ``network/CASE``.
        tolerance_mm: up to which distance a peak counts as there; about one voxel of the map.

    Raises:
        InputError: answers or a map cannot be read.
    """
    rows, notes, boxes = [], [], {}
    without_map = 0
    for reader, answers in readers_of(study).items():
        for case, answer in answers.items():
            if answer.mark is None:
                continue
            path = study.network_folder(case) / RAW_MAP_NAME
            if not path.is_file():
                without_map += 1
                continue
            raw = read_map(path)
            found = localization(
                np.asarray(raw.array, np.float64),
                raw.ijk_to_lps,
                _LESION,
                answer.mark.ijk_to_lps(),
                tolerance_mm,
            )
            if answer.mark.kind == BOX:
                boxes.setdefault(reader, []).append(found)
            rows.append(_row(reader, case, answer, found))
    if without_map:
        notes.append(
            f"{without_map} {'mark is of a case' if without_map == 1 else 'marks are of cases'} without a map of the "
            "network; the command “radiologycnn readers network” makes the maps."
        )
    summary = {reader: summarize_localization(found) for reader, found in boxes.items()}
    if len(boxes) > 1:
        summary["All"] = summarize_localization([one for found in boxes.values() for one in found])
    return {"rows": rows, "summary": summary, "tolerance_mm": tolerance_mm, "notes": notes}


def _row(reader: str, case: str, answer: Any, found: Localization) -> dict[str, Any]:
    is_box = answer.mark.kind == BOX
    return {
        "reader": reader,
        "case": case,
        "tear_class": TEAR_CLASSES[answer.tear_class].name,
        "mark": answer.mark.kind,
        "peak_inside": found.hit if is_box else None,
        "chance_inside": found.chance if is_box else None,
        "distance_mm": round(found.distance_mm, 2),
        "within_tolerance": found.hit_within,
        "chance_within_tolerance": found.chance_within,
        "energy_inside": found.energy_inside,
    }
