"""How volumes of predictions agree with those of their references: the figures of a pair of raters (Arab 2020)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from radiologycnn.evaluation.rater_agreement import agreement_by_pair
from radiologycnn.evaluation.segmentation_summary import with_reference
from radiologycnn.evaluation.words import p_words

#: Of :func:`.rater_agreement.agreement_by_pair`.
_NAMES = (
    "cases", "icc", "icc_lower_95", "icc_upper_95",
    "bias_ml", "bias_lower_95", "bias_upper_95",
    "lower_limit_ml", "lower_limit_lower_95", "lower_limit_upper_95",
    "upper_limit_ml", "upper_limit_lower_95", "upper_limit_upper_95",
    "slope", "slope_p", "slope_from_one_p", "intercept_ml", "intercept_p",
    "disagreement", "disagreement_sd", "disagreement_signed",
)  # fmt: skip


def volume_agreement(rows: Sequence[Mapping[str, Any]]) -> dict[str, float | int | None]:
    """ICC, limits of agreement, regression, disagreement; bias and signed disagreement are prediction less reference.

    Over the cases whose reference is not empty, as the paper's patients all bled: where nothing was to be found, many
    zeros would agree. The regression is ``prediction = slope * reference + intercept``.

    Args:
        rows: of :class:`.segmentation_metrics.CaseMetrics`.

    Returns:
        {} without such a case; None for what needs more of them.
    """
    pairs = [
        {
            "first": "reference", "second": "prediction", "first_ml": row["reference_ml"], "second_ml": row["found_ml"],
            "dice": row["dice"], "kappa": math.nan,
        }
        for row in with_reference(rows)
    ]  # fmt: skip
    if not pairs:
        return {}
    found = agreement_by_pair(pairs)[0]
    return {**{name: found[name] for name in _NAMES}, "disagreement_signed": -found["disagreement_signed"]}


def volume_lines(found: Mapping[str, Any]) -> list[str]:
    """A heading, and what :func:`volume_agreement` found; nothing where there are too few cases to tell."""
    if not found or found["bias_ml"] is None:
        return []

    def interval(name: str, digits: int) -> str:
        ends = (f"{found[f'{name}_{end}_95']:.{digits}f}" for end in ("lower", "upper"))
        return f"  (95 % {' to '.join(ends)})"

    lines = [("volume agreement, cases", f"{found['cases']:6}")]
    if found["icc"] is not None:
        lines.append(("ICC", f"{found['icc']:6.3f}{interval('icc', 3)}"))
    lines.append(("bias (mL)", f"{found['bias_ml']:+6.2f}{interval('bias', 2)}"))
    limits = f"{found['lower_limit_ml']:+.2f} to {found['upper_limit_ml']:+.2f}"
    lines.append(("limits of agreement (mL)", limits))
    if found["slope"] is not None:
        line, p = f"{found['slope']:.3f} x {found['intercept_ml']:+.2f}", p_words(found["slope_from_one_p"])
        lines.append(("regression on the reference", f"{line}; slope against 1: p {p}"))
    signed = f"{found['disagreement']:.3f}; with its sign {found['disagreement_signed']:+.3f}"
    lines.append(("disagreement", signed))
    return [f"{name:28}{text}" for name, text in lines]
