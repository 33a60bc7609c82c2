"""The network as one more reader: it classifies every scan of a study."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from radiologycnn.errors import Cancelled, RadiologyCNNError
from radiologycnn.evaluation.class_files import PROBABILITY_COLUMNS
from radiologycnn.evaluation.summary import write_rows
from radiologycnn.progress import IsCancelled, Progress, never_cancelled, no_progress
from radiologycnn.readers.study import NETWORK_FOLDER, PREDICTIONS_NAME, Study
from radiologycnn.rotatorcuff.tear_classes import TEAR_CLASSES


def classify_study(
    study: Study,
    classifier: Any,
    progress: Progress = no_progress,
    cancelled: IsCancelled = never_cancelled,
) -> tuple[Path, list[str]]:
    """Write ``network/CASE/`` for every scan, and ``network/predictions.csv`` with the seconds that each took and
    the model, which is ``simulated`` where it was trained on simulated scans.

    A scan that is refused has neither afterwards: what another model said of it would be compared as this one's.

    Args:
        study: whose scans.
        classifier: RotatorCuffClassifier.

    Returns:
        The table's path, and a sentence for every scan that was refused.

    Raises:
        Cancelled: as ``cancelled`` said; the table is as it was.
        InputError, ResourceError: the results cannot be written.
    """
    from radiologycnn.images import read_volume
    from radiologycnn.rotatorcuff.report import result_files, write_result

    rows, refused = [], []
    for number, case in enumerate(study.cases):
        if cancelled():
            raise Cancelled
        progress(number / len(study.cases), f"Case {number + 1} of {len(study.cases)}")
        try:
            volume = read_volume(case.path)
            start = time.perf_counter()
            result = classifier.classify(volume, cancelled=cancelled)
            seconds = time.perf_counter() - start
        except Cancelled:
            raise
        except RadiologyCNNError as error:
            refused.append(f"{case.name}: {error.message}")
            for earlier in result_files(study.network_folder(case.name)):
                earlier.unlink()
            continue
        write_result(study.network_folder(case.name), result, volume)
        answer = result.classification
        rows.append(
            {
                "case": case.name,
                "tear_class": TEAR_CLASSES[answer.predicted].name,
                **dict(zip(PROBABILITY_COLUMNS, answer.probabilities)),
                "seconds": round(seconds, 4),
                "model": classifier.package.id,
                "simulated": "yes" if classifier.package.simulated else "no",
            }
        )
    path = study.folder / NETWORK_FOLDER / PREDICTIONS_NAME
    if rows:
        write_rows(path, rows)
    else:
        path.unlink(missing_ok=True)
    return path, refused
