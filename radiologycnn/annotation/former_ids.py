"""Cases of scans that earlier versions knew by another fingerprint keep what was decided on them.

A scan with a detached header (:mod:`radiologycnn.images.detached`) was known by that header alone, in which nothing
tells it from other scans of the same size and place. Now its voxels count, too. A case that goes by the header is given
the new fingerprint when a folder with such a scan is opened; where several scans have that header, none of them gets
it, as masks on the wrong scan are worse than masks drawn twice.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from radiologycnn.annotation.journal import Journal, raters_with_entries
from radiologycnn.errors import InputError
from radiologycnn.evaluation.words import some_names

if TYPE_CHECKING:
    from radiologycnn.annotation.dataset import AnnotationDataset
    from radiologycnn.annotation.submission import Submissions

LEFT_BEHIND = "words-left-behind"
"""Code of the problem that earlier words are kept, but it cannot be told which scan they are of."""


def ids_by_source(dataset: AnnotationDataset) -> dict[str, str]:
    """Case id by fingerprint; of several cases of one scan the first."""
    known: dict[str, str] = {}
    for case in dataset.cases():
        known.setdefault(case.source, case.id)
    return known


def carry_over(dataset: AnnotationDataset, former: Mapping[str, str]) -> None:
    """Let cases that go by a former fingerprint go by the new one; for the holder of the lock on cases.

    A case that was made for the scan meanwhile goes where nobody has done anything with it.

    Args:
        former: by new fingerprint, of the scans of one folder.
    """
    known, sharing = ids_by_source(dataset), Counter(former.values())
    for fingerprint, before in former.items():
        old, new = known.get(before), known.get(fingerprint)
        if old is None or sharing[before] > 1:
            continue
        if new is not None:
            if _is_touched(dataset, new):
                continue
            # First: a process that is killed in between has made nothing that the next one cannot go on from.
            (dataset.folder / "cases" / f"{new}.json").unlink(missing_ok=True)
        dataset.files.write(f"cases/{old}.json", replace(dataset.case(old), source=fingerprint).to_dict())


def words_left_behind(store: Submissions, former: Mapping[str, str]) -> list[dict[str, str]]:
    """Where a rater's words on former cases could not be carried over: one problem, as of ``settle``; until the rater
    has decided all those anew that they may be of.

    Args:
        former: as of :func:`carry_over`, which came before.
    """
    known = ids_by_source(store)
    lines = []
    for before in dict.fromkeys(former.values()):
        old = known.get(before)
        heirs = sorted(known[now] for now, then in former.items() if then == before)
        if old is not None and _has_decided(store, old) and not all(_has_decided(store, heir) for heir in heirs):
            lines.append(f"{old} ({' or '.join(heirs)} now)")
    if not lines:
        return []
    message = f"Earlier decisions are kept, but cannot be told to be of these scans: {some_names(lines)}."
    hint = "Scans with the same header file were one case, or the scan was opened anew since. Decide again."
    return [{"case": "", "code": LEFT_BEHIND, "message": message, "hint": hint}]


def _has_decided(store: Submissions, case_id: str) -> bool:
    word = store.annotation(case_id)
    return word is not None and word.is_decided


def _is_touched(dataset: AnnotationDataset, case_id: str) -> bool:
    """Whether anybody has opened a case, said a word on it or had it segmented."""
    files = (f"annotations/*/{case_id}.json", f"images/{case_id}.*", f"network/{case_id}.*")
    return any(any(dataset.folder.glob(file)) for file in files) or case_id in _submitted_cases(dataset)


def _submitted_cases(dataset: AnnotationDataset) -> set[str]:
    """Cases of words whose files are still to be made, of all raters."""
    found = set()
    for rater in raters_with_entries(dataset.folder):
        journal = Journal(dataset.folder, rater)
        for file in journal.files():
            with contextlib.suppress(FileNotFoundError, InputError):
                found.add(journal.read(file).case)
    return found
