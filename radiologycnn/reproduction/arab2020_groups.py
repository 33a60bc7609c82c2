"""Arab 2020's main method by kind of case: type, size and brightness of the bleed, confounders, slices.

The paper has one figure for all cases. Which bleeds a method misses, and what it takes for blood, shows only by kind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from radiologycnn.evaluation.case_groups import rows_by_group
from radiologycnn.evaluation.hypothesis_tests import bootstrap
from radiologycnn.evaluation.segmentation_summary import with_reference
from radiologycnn.evaluation.words import counted
from radiologycnn.reproduction.arab2020_run import MAIN, ArabResults
from radiologycnn.reproduction.tables import Row, Table, mean_sd, plain

KIND_TITLES = {
    "iph": "intraparenchymal",
    "ivh": "intraventricular",
    "sdh": "subdural",
    "edh": "epidural",
    "sah": "subarachnoid",
    "none": "no bleed",
}
_SIZES_ML = ((0.0, 5.0, "Under 5 mL"), (5.0, 30.0, "5 to 30 mL"), (30.0, np.inf, "Over 30 mL"))
_FAINT_HU = 50.0
_THICK_MM = 5.0

Truth = dict[str, Any]


def main_kind(truth: Truth) -> str:
    """The type of the largest bleed; "" where that is not known."""
    bleeds = truth["bleeds"]
    if not bleeds:
        return "" if truth["mask_ml"] else "none"
    if len(bleeds) == 1:
        return bleeds[0]["kind"]
    if any(bleed["volume_ml"] is None for bleed in bleeds):
        return ""
    return max(bleeds, key=lambda bleed: bleed["volume_ml"])["kind"]


def case_groups(results: ArabResults) -> list[tuple[str, set[str]]]:
    """Test cases by kind, those groups that have any."""
    truths = {case.id: results.truths[case.id] for case in results.cases["test"] if case.id in results.truths}
    rules = [*_bleed_rules(), *_confounder_rules(truths)]
    groups = [(title, {case for case, truth in truths.items() if holds(truth)}) for title, holds in rules]
    return [(title, members) for title, members in groups if members]


def _bleed_rules() -> list[tuple[str, Callable[[Truth], bool]]]:
    rules: list[tuple[str, Callable[[Truth], bool]]] = []
    for kind, title in KIND_TITLES.items():
        rules.append((f"Main type {title}", lambda truth, kind=kind: main_kind(truth) == kind))
    rules.append(("Bleeds of several types", lambda truth: len({bleed["kind"] for bleed in truth["bleeds"]}) > 1))
    for low, high, title in _SIZES_ML:
        rules.append((title, lambda truth, low=low, high=high: low <= truth["mask_ml"] < high))
    rules.append((f"Faint: median under {_FAINT_HU:g} HU", lambda truth: (truth["median_hu"] or np.inf) < _FAINT_HU))
    rules.append((f"Bright: median {_FAINT_HU:g} HU or more", lambda truth: (truth["median_hu"] or 0) >= _FAINT_HU))
    return rules


def _confounder_rules(truths: dict[str, Truth]) -> list[tuple[str, Callable[[Truth], bool]]]:
    rules: list[tuple[str, Callable[[Truth], bool]]] = []
    for name in _names(truths, "calcifications"):
        words = name.replace("_", " ")
        rules.append((f"Calcified: {words}", lambda truth, name=name: name in truth.get("calcifications", ())))
    for name in _names(truths, "artefacts"):
        rules.append((f"Artefact: {name}", lambda truth, name=name: name in truth.get("artefacts", ())))
    for name in _names(truths, "confounders"):  # as the manifest of a person's own scans names them
        rules.append((f"With {name}", lambda truth, name=name: name in truth.get("confounders", ())))
    if any("calcifications" in truth for truth in truths.values()):
        rules.append(
            ("No calcification, no artefact", lambda truth: not truth["calcifications"] and not truth.get("artefacts"))
        )
    elif _names(truths, "confounders"):
        rules.append(("No confounder", lambda truth: not truth.get("confounders")))
    rules.append(("Tilted gantry", lambda truth: truth["gantry_tilt_deg"] != 0))
    rules.append((f"Slices of {_THICK_MM:g} mm or more", lambda truth: truth["slice_mm"] >= _THICK_MM))
    return rules


def _names(truths: dict[str, Truth], what: str) -> list[str]:
    return sorted({name for truth in truths.values() for name in truth.get(what, ())})


def interval_words(values: Sequence[float | None]) -> list[str]:
    """["95 % 0.80 to 0.87"], of the mean, by bootstrap over cases; nothing for fewer than three or all alike."""
    known = [value for value in values if value is not None]
    if len(known) < 3:
        return []
    ends = bootstrap(lambda drawn: float(drawn.mean()), known, resamples=1000).ends
    return ["95 % {} to {}".format(*map(plain, ends))] if ends else []


def by_case_kind(results: ArabResults, run: str) -> Table:
    """Dice by kind, of cases with a bleed; the note holds cases, interval, precision and recall, and what the best
    other method reaches.
    """
    rows = []
    bleeding = {name: with_reference(metrics) for name, metrics in results.metrics.items()}
    own = bleeding.get(MAIN, [])
    for title, group in rows_by_group(own, case_groups(results)):
        members = {row["case"] for row in group}
        dice = [row["dice"] for row in group]
        words = [counted(len(group), "case")]
        words += interval_words(dice)
        for name in ("precision", "recall"):
            words.append(f"{name} {np.mean([row[name] for row in group]):.2f}")
        rivals = {
            results.titles[name]: float(np.mean([row["dice"] for row in others if row["case"] in members]))
            for name, others in bleeding.items()
            if name != MAIN
        }
        if rivals:
            best = max(rivals, key=rivals.__getitem__)
            words.append(f"{best} {rivals[best]:.2f}")
        rows.append(Row(title, "", mean_sd(dice), "; ".join(words)))
    notes = [
        "Not in the paper. Of the cases with a bleed. The last figure of a note: the best of the other methods on the "
        "same cases, Dice."
    ]
    if not results.simulated:
        notes.append(
            "Size, brightness, slices and tilt as measured on scan and mask; types and confounders as the data folder "
            "states them."
        )
    return Table("by-bleed", "CNN-DS by bleed, size and confounder: Dice", rows, run, notes)


def case_rows(results: ArabResults) -> list[dict[str, Any]]:
    """Every case with every method: what is known of it, and the figures."""
    rows = []
    for name, metrics in results.metrics.items():
        for row, seconds in zip(metrics, results.seconds[name]):
            truth = results.truths.get(row["case"])
            known = {
                "main_type": main_kind(truth) if truth else "",
                "calcifications": "+".join(truth.get("calcifications", ())) if truth else "",
                "artefacts": "+".join(truth.get("artefacts", ())) if truth else "",
                "median_hu": truth["median_hu"] if truth else None,
            }
            if truth and "confounders" in truth:
                known["confounders"] = "+".join(truth["confounders"])
            figures = {key: round(value, 4) if isinstance(value, float) else value for key, value in row.items()}
            rows.append({"method": name, "case": row["case"], **known, **figures, "seconds": round(seconds, 3)})
    return rows
