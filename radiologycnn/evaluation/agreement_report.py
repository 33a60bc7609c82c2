"""Agreement of raters as plain data for tables and plots: Table 2 and Figure 1 of Arab 2020, regression, Bland-Altman.

One record feeds the command line, the worker and through it the panel, so that all of them show the same digits.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from radiologycnn.evaluation.rater_agreement import (
    KAPPA_MARGIN,
    RaterFolder,
    agreement_by_case,
    agreement_by_pair,
    compare_with_experts,
)
from radiologycnn.evaluation.summary import plain_record, write_record, write_rows
from radiologycnn.evaluation.words import p_words
from radiologycnn.progress import Progress, no_progress

TABLE_COLUMNS = (
    "Raters (x, y)",
    "Cases",
    "Kappa",
    "Dice",
    "Disagreement",
    "Disagreement, signed",
    "Slope (p)",
    "Intercept, mL (p)",
    "Bias (limits), mL",
    "95 % of bias; lower limit; upper limit, mL",
    "ICC (95 %)",
)


def agreement_of_raters(
    found: RaterFolder,
    method: str | None = None,
    margin: float = KAPPA_MARGIN,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """All figures of a folder of raters, JSON-able.

    Args:
        method: the rater that is the network, to be compared with the experts; None leaves ``comparison`` out.

    Returns:
        raters, cases, notes; ``case_rows`` and ``pairs`` (see ``rater_agreement``); ``table``, ``matrix`` and ``plots``
        (see the functions below); ``comparison`` and its ``comparison_table``, or None.

    Raises:
        InputError: a mask cannot be read, masks of a case do not lie on one grid, or there is no such method.
    """
    rows = agreement_by_case(found, progress)
    pairs = agreement_by_pair(rows)
    comparison = compare_with_experts(rows, method, margin) if method else None
    return {
        "raters": list(found.raters),
        "cases": list(found.cases),
        "notes": list(found.notes),
        "case_rows": rows,
        "pairs": pairs,
        "table": paper_table(pairs),
        "matrix": disagreement_matrix(found.raters, pairs),
        "plots": pair_plots(rows, pairs),
        "comparison": comparison,
        "comparison_table": comparison_table(comparison, method) if method and comparison else None,
    }


def write_agreement(folder: Path, record: dict[str, Any]) -> None:
    """Write pairs.csv, cases.csv, disagreement.csv and agreement.json; the folder is made if needed."""
    folder.mkdir(parents=True, exist_ok=True)
    write_rows(folder / "cases.csv", record["case_rows"])
    write_rows(folder / "pairs.csv", plain_record(record["pairs"]))
    matrix = record["matrix"]
    rows = [
        {"measure": measure, "first": rater, **dict(zip(matrix["raters"], cells))}
        for measure in ("absolute", "signed")
        for rater, cells in zip(matrix["raters"], matrix[measure])
    ]
    write_rows(folder / "disagreement.csv", rows)
    kept = ("raters", "cases", "notes", "pairs", "matrix", "comparison")
    write_record(folder / "agreement.json", {name: record[name] for name in kept})


def paper_table(pairs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Arab 2020's Table 2 as text cells, with Dice and limits of agreement beside: ``columns`` and ``rows``."""
    rows = []
    for row in pairs:
        cells = [
            f"{row['first']}, {row['second']}",
            str(row["cases"]),
            *(with_sd(row[name], row[f"{sd}_sd"]) for name, sd in _SPREADS),
            f"{round(row['disagreement_signed'], 2) + 0.0:+.2f}",  # 0, not -0
        ]
        if row["slope"] is None:
            cells += ["–"] * 2
        else:
            cells.append(f"{row['slope']:.2f} ({p_words(row['slope_p'])})")
            cells.append(f"{row['intercept_ml']:.2f} ({p_words(row['intercept_p'])})")
        if row["bias_ml"] is None:
            cells += ["–"] * 2
        else:
            cells.append(f"{row['bias_ml']:.2f} ({row['lower_limit_ml']:.2f} to {row['upper_limit_ml']:.2f})")
            cells.append("; ".join(_interval(row, name) for name in ("bias", "lower_limit", "upper_limit")))
        cells.append("–" if row["icc"] is None else f"{row['icc']:.2f} ({_interval(row, 'icc')})")
        rows.append(cells)
    return {"columns": list(TABLE_COLUMNS), "rows": rows}


_SPREADS = (("kappa_mean", "kappa"), ("dice_mean", "dice"), ("disagreement", "disagreement"))


def with_sd(mean: float, sd: float) -> str:
    """ "0.84 ± 0.06", "0.84 (one case)" where there is no SD (nan)."""
    return f"{mean:.2f} ± {sd:.2f}" if np.isfinite(sd) else f"{mean:.2f} (one case)"


def _interval(row: dict[str, Any], name: str) -> str:
    return f"{row[f'{name}_lower_95']:.2f} to {row[f'{name}_upper_95']:.2f}"


def comparison_table(comparison: dict[str, Any], method: str) -> dict[str, Any]:
    """Whether the network agrees with the raters as they agree with each other: ``columns`` and ``rows`` of texts.

    Args:
        comparison: of :func:`compare_with_experts`.
        method: the rater that is the network.
    """
    effect, margin = comparison["mixed_model_effect"], comparison["equivalence_margin"]
    model = interval = "–"
    if effect is not None:
        model = f"{effect:+.3f} ({p_words(comparison['mixed_model_p'])})"
        interval = f"{comparison['mixed_model_lower_95']:+.3f} to {comparison['mixed_model_upper_95']:+.3f}"
    rows = [
        ["Raters with each other, mean kappa", f"{comparison['kappa_experts']:.2f}"],
        [f"{method} with the raters, mean kappa", f"{comparison['kappa_method']:.2f}"],
        ["Difference, mixed model over cases (p)", model],
        ["The same, 95 % interval", interval],
        ["Difference, Mann-Whitney p", p_words(comparison["mann_whitney_p"])],
        [f"Equivalent within {margin:g} of kappa, p", p_words(comparison["equivalence_p"])],
    ]
    return {"columns": ["Measure", "Figure"], "rows": rows}


def disagreement_matrix(raters: Sequence[str], pairs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Arab 2020's Figure 1: mean disagreement of volumes of each rater with each other one.

    Returns:
        ``raters``, and as lists of rows ``absolute`` and ``signed`` (row minus column); None without a common case.
    """
    places = {rater: number for number, rater in enumerate(raters)}
    matrices: dict[str, list[list[float | None]]] = {
        name: [[0.0 if i == j else None for j in range(len(raters))] for i in range(len(raters))]
        for name in ("absolute", "signed")
    }
    for row in pairs:
        i, j = places[row["first"]], places[row["second"]]
        matrices["absolute"][i][j] = matrices["absolute"][j][i] = row["disagreement"]
        signed = row["disagreement_signed"]
        matrices["signed"][i][j], matrices["signed"][j][i] = signed, 0.0 - signed  # 0, not -0
    return {"raters": list(raters), **matrices}


def pair_plots(rows: Sequence[dict[str, Any]], pairs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the regression and the Bland-Altman plot of each pair show: volumes in mL by case, line and limits.

    Returns:
        For each pair: ``cases``, ``first_ml`` and ``second_ml`` (regression), ``mean_ml`` and ``difference_ml`` (second
        minus first), ``line`` as two points or None, ``limits`` as bias, lower and upper or None.
    """
    plots = []
    for pair in pairs:
        own = [row for row in rows if (row["first"], row["second"]) == (pair["first"], pair["second"])]
        x, y = (np.array([row[f"{name}_ml"] for row in own], float) for name in ("first", "second"))
        line = limits = None
        if pair["slope"] is not None:
            ends = np.array([x.min(), x.max()])
            line = {"x": ends.tolist(), "y": (pair["slope"] * ends + pair["intercept_ml"]).tolist()}
        if pair["bias_ml"] is not None:
            limits = {"bias": pair["bias_ml"], "lower": pair["lower_limit_ml"], "upper": pair["upper_limit_ml"]}
        plots.append(
            {
                "first": pair["first"],
                "second": pair["second"],
                "cases": [row["case"] for row in own],
                "first_ml": x.tolist(),
                "second_ml": y.tolist(),
                "mean_ml": ((x + y) / 2).tolist(),
                "difference_ml": (y - x).tolist(),
                "line": line,
                "limits": limits,
            }
        )
    return plots
