"""How a series was made, from its DICOM header: what tells organ, side, weighting and fat saturation.

Facts of the scan only. Whatever names or dates a patient is left out, and free texts are cleaned of the patient's name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pydicom.dataset import Dataset

TEXTS = (
    "Modality", "Laterality", "ImageLaterality", "BodyPartExamined", "SeriesDescription", "StudyDescription",
    "ProtocolName", "SequenceName", "ScanOptions", "ScanningSequence", "SequenceVariant", "MRAcquisitionType",
    "PatientPosition", "ContrastBolusAgent",
)  # fmt: skip
NUMBERS = ("RepetitionTime", "EchoTime", "InversionTime", "FlipAngle", "MagneticFieldStrength")
KEYWORDS = (*TEXTS, *NUMBERS)

# Where enhanced objects keep the same facts (DICOM PS3.3 C.8.13.5): sequence, keyword there, keyword here.
_ENHANCED = (
    ("MRTimingAndRelatedParametersSequence", "RepetitionTime", "RepetitionTime"),
    ("MRTimingAndRelatedParametersSequence", "FlipAngle", "FlipAngle"),
    ("MREchoSequence", "EffectiveEchoTime", "EchoTime"),
    ("MRModifierSequence", "InversionTimes", "InversionTime"),
    ("MRModifierSequence", "SpectrallySelectedSuppression", "SpectrallySelectedSuppression"),
    ("FrameAnatomySequence", "FrameLaterality", "ImageLaterality"),
)


def acquisition_facts(
    dataset: Dataset, groups: Sequence[Dataset], clean: Callable[[str, Dataset], str]
) -> dict[str, Any]:
    """DICOM keyword to value, for those that the header states: texts, lists of texts and numbers (ms, degrees, tesla).

    Args:
        dataset: a file's header.
        groups: the frame's functional groups, the nearest first; none for a classic object.
        clean: takes the patient's name out of a free text of this header.
    """
    facts: dict[str, Any] = {}
    for keyword in KEYWORDS:
        _add(facts, keyword, dataset.get(keyword), dataset, clean)
    for sequence, keyword, name in _ENHANCED:
        for group in groups:
            items = group.get(sequence)
            if name not in facts and items:
                _add(facts, name, items[0].get(keyword), dataset, clean)
    return facts


def _add(
    facts: dict[str, Any], keyword: str, value: Any, dataset: Dataset, clean: Callable[[str, Dataset], str]
) -> None:
    parts = [value] if isinstance(value, str) or not hasattr(value, "__iter__") else list(value)
    if keyword in NUMBERS:
        try:
            facts[keyword] = float(parts[0])
        except (TypeError, ValueError, IndexError):
            return
        return
    texts = [text for text in (clean(str(part), dataset) for part in parts if part is not None) if text]
    if texts:
        facts[keyword] = texts[0] if len(texts) == 1 else texts
