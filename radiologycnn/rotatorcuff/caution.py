"""Whether an answer can be relied on: one rule for the panel, the page, the tables and the command line.

Light on purpose: the Slicer panel imports this, so nothing here needs more than the standard library.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from radiologycnn.rotatorcuff.results import NOT_A_SHOULDER, Classification

#: Why an answer is not to be relied on, by code; the panel says the same in the person's language.
CAUTIONS = {
    "not-a-shoulder": "By its name this series does not show a shoulder: do not rely on this answer.",
    "not-coronal": "Not an oblique-coronal series: do not rely on this answer.",
    "t1-weighted": "A T1-weighted series, but T2- or PD-weighted ones are expected: do not rely on this answer.",
    "head-not-found": "The humeral head was not found: do not rely on this answer. Give its place; classify again.",
    "side-unknown": "Nothing tells which shoulder this is: do not rely on this answer. Give its side; classify again.",
}


def caution_code(classification: Classification, notes: Sequence[str], provenance: Mapping[str, Any]) -> str:
    """The gravest reason not to rely on an answer, a key of ``CAUTIONS``; "" where nothing of that kind is known.

    Args:
        classification: the answer.
        notes: the result's sentences for the person.
        provenance: of the result; without a record of the preprocessing the model is taken for one that mirrors.
    """
    if any(note.endswith(NOT_A_SHOULDER) for note in notes):
        return "not-a-shoulder"
    if classification.plane in ("sagittal", "axial"):
        return "not-coronal"
    if classification.weighting == "T1":
        return "t1-weighted"
    if not classification.roi.is_placed:
        return "head-not-found"
    preprocessing = provenance.get("preprocessing") or {}
    if classification.side not in ("left", "right") and preprocessing.get("mirror_left", True):
        return "side-unknown"
    return ""


def caution(classification: Classification, notes: Sequence[str], provenance: Mapping[str, Any]) -> str:
    """The same reason as a sentence; "" where there is none."""
    return CAUTIONS.get(caution_code(classification, notes, provenance), "")
