"""The accepted corrections of an annotation dataset, and which of them are held out; needs no torch.

Held out are whole patients, and only such as the model to be improved has not learned from: its card names the scans.
Which ones is decided by the scans' fingerprints, so that a case which is held out once tends to stay so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from radiologycnn.annotation.consensus import refresh_consensus
from radiologycnn.annotation.dataset import AnnotationDataset
from radiologycnn.annotation.manifest import read_manifest_lines, write_manifest
from radiologycnn.errors import InputError
from radiologycnn.models.package import ModelPackage

FEWEST_CASES = 5
_FEWEST_HELD_OUT = 2
_HELD_OUT_SPLITS = ("validation", "test")


@dataclass(frozen=True)
class Correction:
    """One case with the mask that is to be learned.

    Attributes:
        key: the case and its mask, as a file name: another mask is another key.
        source: fingerprint of the scan.
        patient: cases of one patient are on one side; the case itself where nobody has filled it in.
        split: "", "train", "validation" or "test", as filled in by hand.
        image, mask: files relative to the dataset's folder.
        raters: whose masks the mask is made of.
        types: of bleed in the mask, as the manifest has them; "" where it says blood and no more.
    """

    case: str
    key: str
    source: str
    patient: str
    split: str
    image: str
    mask: str
    raters: tuple[str, ...]
    types: str = ""


def read_corrections(dataset: AnnotationDataset) -> list[Correction]:
    """All cases that training reads now, by id; a consensus is made again first where raters have spoken since."""
    refresh_consensus(dataset)
    write_manifest(dataset)
    found = []
    for case_id, line in sorted(read_manifest_lines(dataset).items()):
        raters = line["accepted_by"].split() if line["rater"] == "consensus" else [line["rater"]]
        patient = (line.get("patient") or "").strip() or case_id
        key = line["mask"].rsplit("/", 1)[-1].removesuffix(".nii.gz")
        split = (line.get("split") or "").strip()
        source, types = dataset.case(case_id).source, line.get("types") or ""
        files = line["image"], line["mask"]
        found.append(Correction(case_id, key, source, patient, split, *files, tuple(raters), types))
    return found


def check_types_known(corrections: Sequence[Correction], model: str) -> None:
    """Raises InputError where masks do not tell what a model of types is to learn."""
    without = [one.case for one in corrections if not one.types]
    if without:
        raise InputError(
            "no-types",
            f"The model {model} tells types of bleed apart; {len(without)} of {len(corrections)} accepted masks, such "
            f"as that of {without[0]}, do not.",
            "Choose a model with one label, or correct and accept these cases anew with a model of types.",
        )


def check_mask_file(dataset: AnnotationDataset, correction: Correction) -> None:
    """Raises InputError where a mask's file is not what was accepted: its name tells the content's hash."""
    content = (dataset.folder / correction.mask).read_bytes()
    if not hashlib.sha256(content).hexdigest().startswith(correction.key.rsplit(".", 1)[-1]):
        raise InputError(
            "mask-damaged",
            f"The mask of {correction.case} was changed after it was accepted.",
            "Restore it from a backup, or correct the case again.",
        )


def learned_sources(package: ModelPackage) -> frozenset[str]:
    """Fingerprints of the scans that a model, or one that it was improved from, has learned from."""
    record = package.read_description().get("improvement") or {}
    return frozenset(map(str, record.get("sources", ())))


def hold_out(
    corrections: Sequence[Correction], share: float, learned: Collection[str] = ()
) -> tuple[list[Correction], list[Correction]]:
    """Cases to learn from, and cases held out.

    Cases whose ``split`` is validation or test are held out, and then they alone.

    Args:
        share: of the cases that are held out, where nobody has filled in splits; at least two cases.
        learned: fingerprints of scans that cannot be held out.

    Raises:
        InputError: too few cases, or none that can be held out.
    """
    if len(corrections) < FEWEST_CASES:
        raise InputError(
            "too-few-cases",
            f"A model can be improved from {FEWEST_CASES} accepted cases on; there are {len(corrections)}.",
            "Correct and accept more cases.",
        )
    groups: dict[str, list[Correction]] = {}
    for one in corrections:
        groups.setdefault(one.patient, []).append(one)
    by_hand = {patient for patient, cases in groups.items() if any(one.split in _HELD_OUT_SPLITS for one in cases)}
    free = [
        patient
        for patient, cases in groups.items()
        if not any(one.source in learned or one.split == "train" for one in cases)
    ]
    if by_hand:
        chosen = by_hand
    else:
        free.sort(key=lambda patient: min(hashlib.sha256(one.source.encode()).hexdigest() for one in groups[patient]))
        wanted = max(_FEWEST_HELD_OUT, round(share * len(corrections)))
        chosen = set()
        for patient in free:
            held = sum(len(groups[one]) for one in chosen)
            if held >= wanted or held + len(groups[patient]) > len(corrections) - _FEWEST_HELD_OUT:
                continue
            chosen.add(patient)
    held_out = [one for one in corrections if one.patient in chosen]
    training = [one for one in corrections if one.patient not in chosen]
    seen = [one.case for one in held_out if one.source in learned]
    if len(held_out) < _FEWEST_HELD_OUT or not training or seen:
        raise InputError(
            "too-few-cases",
            "Too few accepted cases are left to check the improved model on: the model has learned from the others, "
            "or they are of one patient.",
            "Correct and accept cases of other patients.",
        )
    return training, held_out
