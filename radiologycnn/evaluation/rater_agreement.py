"""Agreement of several raters over a folder of masks: Table 2 and Figure 1 of Arab 2020 for any data.

The network is one more rater. Whether it agrees with the experts as they agree with each other is asked three ways: by
the paper's Mann-Whitney test on kappas, which cannot show that two groups are the same; by equivalence within a margin;
and by a mixed model, because kappas of one scan belong together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from radiologycnn.errors import InputError, ResourceError
from radiologycnn.evaluation.agreement import cohen_kappa, mask_confusion
from radiologycnn.evaluation.hypothesis_tests import equivalence, mann_whitney, mixed_model
from radiologycnn.evaluation.mask_files import case_files, read_one, voxel_on_voxel
from radiologycnn.evaluation.segmentation_metrics import overlap
from radiologycnn.evaluation.volume_agreement import volume_figures
from radiologycnn.evaluation.words import counted, some_names
from radiologycnn.images.masks import marked
from radiologycnn.progress import Progress, no_progress

KAPPA_MARGIN = 0.05
"""Difference of kappa that is taken as none, for the test of equivalence."""


@dataclass(frozen=True)
class RaterFolder:
    """Masks by rater and case; every rater, or at least two of them, judged each case that is in ``cases``."""

    files: dict[str, dict[str, Path]]
    cases: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def raters(self) -> tuple[str, ...]:
        """Names of their folders, sorted."""
        return tuple(self.files)


def find_raters(folder: Path, by_pair: bool = False) -> RaterFolder:
    """A folder with one folder for each rater, in which each case is one mask file.

    Args:
        by_pair: keep each case that two raters judged, so that each pair is compared on all that it shares, while work
            still goes on; else only cases that all of them judged, so that all pairs are compared on the same ones.

    Raises:
        InputError: fewer than two raters, or no case that all of them (two of them) judged.
    """
    if not folder.is_dir():
        raise InputError("no-such-folder", f"There is no folder {folder}.", "Check the path.")
    files = {path.name: case_files(path) for path in sorted(folder.iterdir()) if _holds_masks(path)}
    if len(files) < 2:
        raise InputError(
            "too-few-raters",
            f"{folder.name} holds masks of {len(files)} rater{'' if len(files) == 1 else 's'}; agreement needs two.",
            "Make one folder for each rater, with one mask file a case, named alike.",
        )
    every = set.union(*(set(cases) for cases in files.values()))
    least = 2 if by_pair else len(files)
    common = {case for case in every if sum(case in cases for cases in files.values()) >= least}
    whom = "two raters" if by_pair else "all raters"
    if not common:
        raise InputError("no-pairs", f"No case was judged by {whom}.", "Name the masks of one case alike.")
    left_out = sorted(every - common)
    notes: tuple[str, ...] = ()
    if left_out:
        by_whom = "by two raters" if by_pair else "by everybody"
        notes = (f"{counted(len(left_out), 'case')} not judged {by_whom}, left out: {some_names(left_out)}.",)
    return RaterFolder(files, tuple(sorted(common)), notes)


def _holds_masks(path: Path) -> bool:
    if not path.is_dir():
        return False
    try:
        return bool(case_files(path))
    except InputError as error:
        if error.code == "no-masks":
            return False
        raise


def agreement_by_case(folder: RaterFolder, progress: Progress = no_progress) -> list[dict[str, Any]]:
    """One row for each case and pair of raters: case, first, second, kappa, dice, first_ml, second_ml.

    Kappa counts all voxels of the scan, as the paper does: with 99 % background it is close to Dice.

    Raises:
        InputError: a mask cannot be read, or masks of a case do not lie on one grid.
    """
    rows = []
    for number, case in enumerate(folder.cases):
        progress(number / len(folder.cases), f"Case {case}")
        raters = [rater for rater, files in folder.files.items() if case in files]
        volumes = voxel_on_voxel(case, *(read_one(folder.files[rater][case]) for rater in raters))
        masks = {rater: marked(volume.array) for rater, volume in zip(raters, volumes)}
        voxel_mm3 = volumes[0].voxel_volume_mm3
        ml = {rater: np.count_nonzero(mask) * voxel_mm3 / 1000 for rater, mask in masks.items()}
        for first, second in combinations(raters, 2):
            rows.append(
                {
                    "case": case,
                    "first": first,
                    "second": second,
                    "kappa": cohen_kappa(mask_confusion(masks[first], masks[second])),
                    "dice": overlap(masks[second], masks[first]).dice,
                    "first_ml": ml[first],
                    "second_ml": ml[second],
                }
            )
    progress(1.0, "Done")
    return rows


def agreement_by_pair(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row for each pair of raters (Arab 2020, Table 2 and Figure 1): x is the first rater, y the second.

    Of the volumes :func:`.volume_agreement.volume_figures`. Standard deviations (n - 1) of one case are nan.
    """
    pairs = list(dict.fromkeys((row["first"], row["second"]) for row in rows))
    table = []
    for first, second in pairs:
        own = [row for row in rows if (row["first"], row["second"]) == (first, second)]
        x, y = (np.array([row[f"{name}_ml"] for row in own]) for name in ("first", "second"))
        kappa, dice = (np.array([row[name] for row in own]) for name in ("kappa", "dice"))
        several = len(own) > 1
        table.append(
            {
                "first": first,
                "second": second,
                "cases": len(own),
                "kappa_mean": float(kappa.mean()),
                "kappa_sd": float(kappa.std(ddof=1)) if several else np.nan,
                "dice_mean": float(dice.mean()),
                "dice_sd": float(dice.std(ddof=1)) if several else np.nan,
                **volume_figures(x, y),
            }
        )
    return table


def compare_with_experts(
    rows: Sequence[dict[str, Any]], method: str, margin: float = KAPPA_MARGIN
) -> dict[str, float | None]:
    """Does the rater ``method`` agree with the others as they agree with each other?

    Args:
        rows: of :func:`agreement_by_case`, with at least three raters.
        method: the rater that is the network.

    Returns:
        Mean kappa among experts and with the method, p of Mann-Whitney, of equivalence within the margin (case means,
        paired) and of the mixed model with its effect and the 95 % interval of that; these are None without statsmodels
        or without a fit.

    Raises:
        InputError: there is no such rater, or no pair without it.
    """
    raters = {row[side] for row in rows for side in ("first", "second")}
    if method not in raters:
        raise InputError("no-such-rater", f"There is no rater {method}.", f"Raters: {', '.join(sorted(raters))}.")
    with_method = np.array([method in (row["first"], row["second"]) for row in rows])
    if with_method.all():
        raise InputError(
            "too-few-raters",
            "Comparing with the experts needs two of them beside the method.",
            "Add the masks of another expert, or leave --method out.",
        )
    kappa = np.array([row["kappa"] for row in rows])
    case = np.array([row["case"] for row in rows])
    # where raters judge different cases, only those with both kinds of pairs can be compared as pairs
    cases = [c for c in sorted(set(case)) if 0 < np.count_nonzero(with_method[case == c]) < np.count_nonzero(case == c)]
    of_method, of_experts = (
        np.array([kappa[(case == c) & group].mean() for c in cases]) for group in (with_method, ~with_method)
    )
    figures: dict[str, float | None] = {
        "kappa_experts": float(kappa[~with_method].mean()),
        "kappa_method": float(kappa[with_method].mean()),
        "mann_whitney_p": mann_whitney(kappa[with_method], kappa[~with_method]).p,
        "equivalence_margin": margin,
        "equivalence_p": equivalence(of_method, of_experts, margin).p if len(cases) > 1 else None,
        "mixed_model_effect": None,
        "mixed_model_lower_95": None,
        "mixed_model_upper_95": None,
        "mixed_model_p": None,
    }
    if len(cases) > 2 and np.ptp(kappa) > 0:
        try:
            model = mixed_model(kappa, with_method, case)
            figures.update(
                mixed_model_effect=model.effect,
                mixed_model_lower_95=model.lower,
                mixed_model_upper_95=model.upper,
                mixed_model_p=model.p,
            )
        except (ResourceError, ValueError):  # a singular fit is a ValueError too
            pass  # the other two stand without it
    return figures
