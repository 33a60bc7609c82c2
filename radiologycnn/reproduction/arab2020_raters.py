"""Raters of head CTs in a run, people or simulated ones, and how the main method agrees with them."""

from __future__ import annotations

from collections.abc import Sequence, Set
from pathlib import Path
from typing import Any

import numpy as np

from radiologycnn.baselines.interface import ScanCase
from radiologycnn.errors import InputError
from radiologycnn.evaluation.consensus import consensus
from radiologycnn.evaluation.mask_files import voxel_on_voxel
from radiologycnn.evaluation.rater_agreement import (
    RaterFolder,
    agreement_by_case,
    agreement_by_pair,
    compare_with_experts,
)
from radiologycnn.evaluation.segmentation_metrics import overlap
from radiologycnn.evaluation.table_files import read_table
from radiologycnn.evaluation.words import counted
from radiologycnn.images import read_volume, write_image
from radiologycnn.reproduction.arab2020 import EXPERTS, METHOD
from radiologycnn.reproduction.workspace import Workspace, test_seed


def rater_agreement(
    workspace: Workspace,
    cases: Sequence[ScanCase],
    bleeding: Set[str],
    method: dict[str, Path] | None,
    raters: Path | None,
) -> tuple[list[dict[str, Any]], dict[str, float | None], list[float]]:
    """Figures of every two raters, the main method among them, its comparison with the experts, and its Dice with their
    majority, by case.

    Args:
        bleeding: cases that have a bleed. Only they count: where all outline nothing, kappa is 1 and tells nothing.
        method: its masks by case; None where it was not run.
        raters: CSV with ``rater, case, mask`` (paths relative to it); None draws three raters.
    """
    report = workspace.stage("Agreement of raters")
    files = read_raters(raters, cases) if raters else draw_raters(workspace, cases)
    judges = {**files, METHOD: method} if method else files
    folder = RaterFolder(judges, tuple(case.id for case in cases), ())
    kept = workspace.step("agreement-cases", lambda: agreement_by_case(folder, report))
    # Older runs have kept another method in the place of the one that was not run.
    rows = [row for row in kept if row["case"] in bleeding and {row["first"], row["second"]} <= judges.keys()]
    comparison = compare_with_experts(rows, METHOD) if rows and method and len(files) > 1 else {}
    if not method:
        return agreement_by_pair(rows), comparison, []

    def against_majority() -> list[float]:
        scores = []
        for case in cases:
            masks = (read_volume(one[case.id]) for one in (*files.values(), method))
            *rated, found = voxel_on_voxel(case.id, *masks)
            scores.append(overlap(found.array, consensus([one.array for one in rated])).dice)
        return scores

    scores = workspace.step("agreement-majority", against_majority)
    of_bleeding = [score for case, score in zip(cases, scores) if case.id in bleeding]
    return agreement_by_pair(rows), comparison, of_bleeding


def draw_raters(workspace: Workspace, cases: Sequence[ScanCase]) -> dict[str, dict[str, Path]]:
    """Masks of three simulated raters, who draw on the truth (see :mod:`radiologycnn.simulation.raters`)."""
    from radiologycnn.simulation.raters import draw_rater, rate

    seed = test_seed(workspace.settings.seed)
    files: dict[str, dict[str, Path]] = {}
    for number, name in enumerate(EXPERTS, start=1):
        folder = workspace.folder / "raters" / name
        folder.mkdir(parents=True, exist_ok=True)
        files[name] = {}
        rater = draw_rater(number, seed)
        for index, case in enumerate(cases):
            path = folder / f"{case.id}.nii.gz"
            if not path.exists():
                workspace.check()
                truth = read_volume(case.mask)
                drawn = rate(truth.array.astype(np.uint8), truth.spacing_mm, rater, index, seed)
                write_image(path, (drawn > 0).astype(np.uint8), truth.ijk_to_lps)
            files[name][case.id] = path
    return files


def check_raters(path: Path, cases: Sequence[ScanCase]) -> None:
    """Look at the table of human raters and at all masks that it names, as the agreement will ask for them.

    Raises:
        InputError: see :func:`read_raters`; or a mask that cannot be read, or does not lie on its scan's grid.
    """
    files = read_raters(path, cases)
    for case in cases:
        reference = read_volume(case.mask)
        for rater, masks in files.items():
            voxel_on_voxel(f"{case.id}, rater {rater}", read_volume(masks[case.id]), reference)


def read_raters(path: Path, cases: Sequence[ScanCase]) -> dict[str, dict[str, Path]]:
    """Mask files of human raters by rater and case.

    Raises:
        InputError: no such table, or a test case that a rater did not judge.
    """
    heading, rows = read_table(path)
    if not rows or not {"rater", "case", "mask"} <= set(heading):
        raise InputError("bad-raters", f"{path.name} lacks the columns rater, case and mask.", "Name them so.")
    files: dict[str, dict[str, Path]] = {}
    for row in rows:
        if row["rater"] == METHOD:
            raise InputError("bad-raters", f"A rater cannot be called {METHOD}: that is the method.", "Rename it.")
        masks = files.setdefault(row["rater"], {})
        if row["mask"]:  # the path of an empty cell would be the table's own folder
            masks[row["case"]] = path.parent / row["mask"]
    for rater, masks in files.items():
        missing = [case.id for case in cases if case.id not in masks or not masks[case.id].exists()]
        if missing:
            raise InputError(
                "missing-ratings",
                f"Rater {rater} has no mask of {counted(len(missing), 'test case')}, such as {missing[0]}.",
                "Leave the rater out, or complete the table.",
            )
    return files
