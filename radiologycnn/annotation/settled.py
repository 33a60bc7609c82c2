"""What raters have submitted becomes files before anybody reads a dataset: a panel that was killed cannot do it itself.

The panel keeps a rater's word as an entry in ``pending`` and has its files made a moment later. Readers of the files
(agreement, consensus, training) call this first, so that no accepted mask waits for its rater to come back.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from radiologycnn.annotation.dataset import AnnotationDataset, is_dataset
from radiologycnn.annotation.journal import raters_with_entries
from radiologycnn.annotation.manifest import MANIFEST_BEHIND, refresh_manifest
from radiologycnn.annotation.store import AnnotationStore
from radiologycnn.errors import InputError

if TYPE_CHECKING:
    from radiologycnn.evaluation.rater_agreement import RaterFolder


def settle_all(folder: str | os.PathLike[str]) -> tuple[str, ...]:
    """Make the files of all raters' submitted words; a folder that is no annotation dataset is left alone.

    Returns:
        Sentences for the person on words that are kept but are not in the files yet, as in a folder that can only be
        read, or where ``cases.csv`` was saved as what it cannot be. None of them keeps the others from being read.
    """
    folder = Path(folder)
    if not is_dataset(folder):
        return ()
    notes = []
    for rater in raters_with_entries(folder):
        try:
            problems = AnnotationStore(folder, rater, opens=False).settle()
            reasons = [problem["message"] for problem in problems if problem["code"] != MANIFEST_BEHIND]
        except InputError as error:
            reasons = [error.message]
        except OSError as error:
            reasons = [error.strerror or str(error)]
        notes += [f"What {rater} has decided last is not counted yet: {reason}" for reason in dict.fromkeys(reasons)]
    with contextlib.suppress(InputError):  # the file that marks a dataset may be of some other program
        behind = refresh_manifest(AnnotationDataset(folder))
        notes += [str(behind)] if behind is not None else []
    return tuple(notes)


def raters_of_dataset(folder: Path) -> RaterFolder:
    """The accepted masks of a dataset by rater, the network among them, for :mod:`radiologycnn.evaluation`.

    Raises:
        InputError: nobody has accepted a mask, fewer than two raters, or no case that two of them judged.
    """
    from dataclasses import replace

    from radiologycnn.evaluation.rater_agreement import find_raters

    notes = settle_all(folder)
    if not (folder / "masks").is_dir():
        raise nothing_accepted()
    found = find_raters(folder / "masks", by_pair=True)
    return replace(found, notes=(*notes, *found.notes))


def nothing_accepted() -> InputError:
    """The error for a dataset in which there is nothing to compare or to combine yet."""
    return InputError("nothing-accepted", "No mask has been accepted yet.", "Accept masks of some cases first.")
