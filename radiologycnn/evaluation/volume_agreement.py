"""How volumes agree (Arab 2020, Figure 1): of two raters, or of predictions with their references."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from radiologycnn.evaluation.agreement import bland_altman, disagreement, intraclass_correlation, regression
from radiologycnn.evaluation.segmentation_summary import with_reference
from radiologycnn.evaluation.words import p_words


def volume_figures(x: np.ndarray, y: np.ndarray) -> dict[str, float | None]:
    """How the volumes of two raters agree, in mL, shape (cases,): x of the first, y of the second.

    Regression of y on x, limits of agreement and bias (y less x) and ICC need three cases, the regression also two
    volumes of each that differ; what does not exist is None. The signed disagreement is of x less y. Standard
    deviations (n - 1) of one case are nan. ``..._lower_95`` and ``..._upper_95`` are 95 % intervals, those of bias and
    limits in mL.
    """
    apart = disagreement(x, y)
    return {
        "disagreement": apart.absolute,
        "disagreement_sd": apart.absolute_sd if len(x) > 1 else np.nan,
        "disagreement_signed": apart.signed,
        **_line(x, y),
        **_intraclass(x, y),
        **_limits(x, y),
    }


def _line(x: np.ndarray, y: np.ndarray) -> dict[str, float | None]:
    names = ("slope", "slope_p", "slope_from_one_p", "intercept_ml", "intercept_p")
    if len(x) < 3 or not np.ptp(x) or not np.ptp(y):
        return dict.fromkeys(names)
    line = regression(x, y)
    return dict(zip(names, (line.slope, line.slope_p, line.slope_from_one_p, line.intercept, line.intercept_p)))


def _intraclass(x: np.ndarray, y: np.ndarray) -> dict[str, float | None]:
    names = ("icc", "icc_lower_95", "icc_upper_95")
    if len(x) < 3 or not (np.ptp(x) or np.ptp(y)):  # cases that are all the same cannot be told apart
        return dict.fromkeys(names)
    found = intraclass_correlation(np.column_stack((x, y)))
    return dict(zip(names, (found.value, found.lower, found.upper)))


def _limits(x: np.ndarray, y: np.ndarray) -> dict[str, float | None]:
    found = bland_altman(x, y) if len(x) >= 3 else None
    figures: dict[str, float | None] = {}
    for name in ("bias", "lower_limit", "upper_limit"):
        lower, upper = getattr(found, f"{name}_interval", (None, None))
        figures |= {f"{name}_ml": getattr(found, name, None), f"{name}_lower_95": lower, f"{name}_upper_95": upper}
    return figures


def volume_agreement(rows: Sequence[Mapping[str, Any]]) -> dict[str, float | int | None]:
    """ICC, limits of agreement, regression, disagreement; bias and signed disagreement are prediction less reference.

    Over the cases whose reference is not empty, as the paper's patients all bled: where nothing was to be found, many
    zeros would agree. The regression is ``prediction = slope * reference + intercept``.

    Args:
        rows: of :class:`.segmentation_metrics.CaseMetrics`.

    Returns:
        {} without such a case; None for what needs more of them.
    """
    own = with_reference(rows)
    if not own:
        return {}
    reference, found = (np.array([row[name] for row in own]) for name in ("reference_ml", "found_ml"))
    figures = volume_figures(reference, found)
    return {"cases": len(own), **figures, "disagreement_signed": 0.0 - figures["disagreement_signed"]}  # 0, not -0


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
