"""One mask of each case from all raters' accepted ones, and on request as what training learns from."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from radiologycnn.annotation.dataset import AnnotationDataset, mask_of
from radiologycnn.annotation.manifest import read_manifest_lines
from radiologycnn.annotation.records import NETWORK, Annotation, Case, EditStatistics, Mask, utc_now
from radiologycnn.annotation.training_masks import CONSENSUS, ConsensusRecord, TrainingChoice
from radiologycnn.errors import Cancelled, InputError
from radiologycnn.evaluation.consensus import STAPLE_MARGIN_KJI, common_label, consensus
from radiologycnn.evaluation.words import counted
from radiologycnn.images.boxes import Box, box_shape, box_start, box_within, grown_box, moved_box, union_box
from radiologycnn.progress import IsCancelled, Progress, never_cancelled, no_progress


def make_consensus(
    dataset: AnnotationDataset,
    method: str = "majority",
    with_network: bool = False,
    use_for_training: bool = False,
    progress: Progress = no_progress,
    cancelled: IsCancelled = never_cancelled,
) -> dict[str, Any]:
    """Combine the accepted masks of every case; with one rater the consensus is that mask.

    Args:
        method: one of ``evaluation.consensus.METHODS``.
        with_network: the network is one more rater where it has a mask. A network that votes on what it will be
            trained with confirms itself, so this is for comparing rather than for training.
        use_for_training: write the choice into the dataset, last of all: cancelled before, training keeps what it had.

    Returns:
        JSON-able: method, with_network, training_masks ("consensus" or "latest": what ``cases.csv`` holds now), cases
        (of each: case, raters, volume_ml, mask, dice by rater), notes.

    Raises:
        InputError: an unknown method, nothing accepted yet, a mask that is gone or damaged, or a ``cases.csv`` that
            is to hold the consensus and cannot be read.
        Cancelled: as ``cancelled`` said.
    """
    from radiologycnn.annotation.settled import nothing_accepted, settle_all

    check_consensus_method(method)
    choice = TrainingChoice(CONSENSUS, method, with_network)
    if use_for_training or dataset.training_choice() == choice:
        read_manifest_lines(dataset)  # that it cannot be written is told before the work
    notes = list(settle_all(dataset.folder))
    accepted = dataset.accepted()
    if not accepted:
        raise nothing_accepted()
    rows = []
    for number, (case_id, words) in enumerate(accepted.items()):
        if cancelled():
            raise Cancelled
        progress(number / len(accepted), f"Case {case_id}")
        record = consensus_of_case(dataset, dataset.case(case_id), words, choice)
        rows.append(
            {
                "case": case_id,
                "raters": list(record.inputs),
                "volume_ml": record.volume_ml,
                "mask": record.mask,
                "dice": dict(record.dice),
            }
        )
    if use_for_training or dataset.training_choice() == choice:
        dataset.choose_training_masks(choice)
    single = sum(len(row["raters"]) == 1 for row in rows)
    if single:
        notes.append(f"{single} of {len(rows)} cases have one rater only, whose mask is the consensus.")
    pairs = sum(len(row["raters"]) == 2 for row in rows)
    if pairs and method == "majority":
        notes.append(
            f"{pairs} of {counted(len(rows), 'case')} {'has' if pairs == 1 else 'have'} two raters only: a majority of "
            "two is what both have marked, their intersection."
        )
    return {
        "method": method,
        "with_network": with_network,
        "training_masks": dataset.training_choice().source,
        "cases": rows,
        "notes": notes,
    }


def check_consensus_method(method: str) -> None:
    """Raises InputError where there is no such way to make a consensus."""
    from radiologycnn.evaluation.consensus import METHODS

    if method not in METHODS:
        raise InputError("unknown-consensus", f"There is no consensus “{method}”.", f"Use one of {', '.join(METHODS)}.")


def refresh_consensus(dataset: AnnotationDataset, progress: Progress = no_progress) -> None:
    """Make the consensus again where training is to learn from it and raters have spoken since."""
    stale = dataset.stale_consensus()
    if not stale:
        return
    choice, accepted = dataset.training_choice(), dataset.accepted()
    for number, case_id in enumerate(stale):
        progress(number / len(stale), f"Consensus of {case_id}")
        consensus_of_case(dataset, dataset.case(case_id), accepted[case_id], choice)
    dataset.choose_training_masks(choice)


def consensus_of_case(
    dataset: AnnotationDataset, case: Case, words: list[Annotation], choice: TrainingChoice
) -> ConsensusRecord:
    """Make and write one case's consensus: the mask first, then the record that speaks of it."""
    from radiologycnn.hemorrhage.mask_values import types_text

    masks: dict[str, Mask] = {}
    inputs: dict[str, str] = {}
    for word in words:
        masks[word.rater], inputs[word.rater] = dataset.read_mask(word), word.mask_sha256
    of_network = dataset.folder / "masks" / NETWORK / f"{case.id}.nii.gz"
    if choice.with_network and of_network.is_file():
        masks[NETWORK] = mask_of(of_network)
        inputs[NETWORK] = hashlib.sha256(of_network.read_bytes()).hexdigest()
    arrays, box = _on_common_box(list(masks.values()), case.shape_kji)
    # who says blood and not which type has no vote on types, and nobody has where one rater says no more
    are_types = all(word.types for word in words)
    agreed = consensus(arrays, choice.method)
    if are_types:
        agreed = common_label(agreed, arrays[: len(words)])
    inner = Mask.of_whole(agreed)
    mask = Mask(inner.crop, box_start(moved_box(inner.box, box_start(box))))
    file, sha = dataset.write_mask(choice.folder, case, mask)
    record = ConsensusRecord(
        case.id,
        choice.method,
        inputs,
        file,
        sha,
        int(np.count_nonzero(mask.crop)) * case.voxel_ml,
        {rater: round(EditStatistics.of(one, mask, case.voxel_ml).dice, 6) for rater, one in masks.items()},
        utc_now(),
        types_text(mask.crop) if are_types else "",
    )
    before = dataset.consensus_of(case.id, choice)
    dataset.files.write(f"{choice.folder}/{case.id}.json", record.to_dict())
    if before and before.mask != file:
        # whoever reads cases.csv this moment may still want the old one: it goes when the next one comes
        for path in (dataset.folder / choice.folder).glob(f"{case.id}.*.nii.gz"):
            if path.name not in (Path(file).name, Path(before.mask).name):
                path.unlink(missing_ok=True)
    return record


def _on_common_box(masks: list[Mask], shape_kji: tuple[int, ...]) -> tuple[list[np.ndarray], Box]:
    """Masks on the box around them all and a margin: arrays (K, J, I), and the box."""
    box = grown_box(union_box([mask.box for mask in masks]), STAPLE_MARGIN_KJI, shape_kji)
    arrays = []
    for mask in masks:
        array = np.zeros(box_shape(box), np.uint8)
        array[box_within(mask.box, box)] = mask.crop
        arrays.append(array)
    return arrays, box
