"""Shim 2020's network by kind of shoulder: class, side, sequence, confounder; what it calls them and where it looks.

Confounders are equally frequent in every class of the simulated shoulders: a network that answers by them shows here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from radiologycnn.evaluation.classification_metrics import tear_class_metrics
from radiologycnn.evaluation.localization import Localization, summarize_localization
from radiologycnn.evaluation.words import counted
from radiologycnn.reproduction import shim2020 as paper
from radiologycnn.reproduction.shim2020_run import MAIN, ShimResults
from radiologycnn.reproduction.tables import Row, Table

Truth = dict[str, Any]

_CONFOUNDERS = {
    "tendinosis": "tendinosis",
    "bursitis": "bursitis",
    "effusion": "effusion",
    "ac_arthrosis": "arthrosis of the acromioclavicular joint",
    "calcific": "calcific deposit",
    "cysts": "cysts of the tuberosity",
    "slap": "SLAP lesion",
    "biceps_fluid": "fluid around the biceps",
    "marrow_oedema": "marrow oedema",
}


def shoulder_groups(results: ShimResults) -> list[tuple[str, list[int]]]:
    """Places among the test cases by kind, those groups that have any.

    By class and side for any data; by confounder where the truth is simulated or the manifest names them; by sequence
    where it is simulated.
    """
    cases = results.cases["test"]
    groups = [(f"Class {name}", [n for n, c in enumerate(cases) if c.tear_class == i]) for i, name in _classes()]
    for side in ("left", "right"):
        groups.append((f"{side.capitalize()} shoulder", [n for n, case in enumerate(cases) if case.side == side]))
    truths = [results.truths.get(case.id) for case in cases]
    for title, holds in _rules([truth for truth in truths if truth]):
        groups.append((title, [n for n, truth in enumerate(truths) if truth and holds(truth)]))
    return [(title, members) for title, members in groups if members]


def _classes() -> list[tuple[int, str]]:
    return list(enumerate(paper.CLASSES))


def _rules(truths: list[Truth]) -> list[tuple[str, Callable[[Truth], bool]]]:
    def of_protocol(name: str, value: Any) -> Callable[[Truth], bool]:
        return lambda truth: truth.get("protocol", {}).get(name) == value

    rules: list[tuple[str, Callable[[Truth], bool]]] = []
    protocols = [truth["protocol"] for truth in truths if "protocol" in truth]
    for weighting in sorted({protocol["weighting"] for protocol in protocols}):
        for fat, words in ((True, "with fat saturation"), (False, "without fat saturation")):
            is_weighting, is_fat = of_protocol("weighting", weighting), of_protocol("fat_saturated", fat)
            rules.append((f"{weighting}, {words}", lambda t, a=is_weighting, b=is_fat: a(t) and b(t)))
    for field in sorted({protocol["field_tesla"] for protocol in protocols}):
        rules.append((f"{field:g} T", of_protocol("field_tesla", field)))
    rules.append(("Failed fat saturation", of_protocol("failed_fat_saturation", True)))
    rules.append(("Ghosts of motion", of_protocol("ghosts", True)))
    named = dict.fromkeys(name for truth in truths for name in truth["confounders"])
    for name in named:
        words = _CONFOUNDERS.get(name, name.replace("_", " "))
        rules.append((f"With {words}", lambda truth, name=name: name in truth["confounders"]))
    if named or protocols:  # of a person's own scans nobody may have said any
        rules.append(("No confounder", lambda truth: not truth["confounders"]))
    order = {f"With {words}": number for number, words in enumerate(_CONFOUNDERS.values())}
    return sorted(rules, key=lambda rule: order.get(rule[0], len(order) if rule[0] == "No confounder" else -1))


def by_shoulder(results: ShimResults, run: str) -> Table:
    """Answers by kind; where a kind has cases of one sort only, sensitivity or specificity is the binary accuracy."""
    rows = []
    predicted = results.answers[MAIN].predicted
    for title, members in shoulder_groups(results):
        found = tear_class_metrics(results.truth[members], predicted[members])
        value = f"{_percent(found.tear.accuracy)} · {_percent(found.top1)} · {_percent(found.top1_within_one)}"
        tears = int((results.truth[members] > 0).sum())
        words = [counted(len(members), "case")]
        if 0 < tears < len(members):
            words.append(counted(tears, "tear"))
            words.append(f"sensitivity {found.tear.sensitivity:.2f}, specificity {found.tear.specificity:.2f}")
        rows.append(Row(title, "", value, "; ".join(words)))
    notes = [
        "Binary accuracy · top-1 · top-1±1, in per cent. Not in the paper.",
        "A group of few cases says little: one case of ten is 10 points.",
    ]
    return Table("by-shoulder", "VRN by class, side, sequence and confounder: right answers", rows, run, notes)


def localization_by_shoulder(results: ShimResults, run: str) -> Table:
    """Where the activation map points, by kind of shoulder; tears with a mask alone."""
    maps, cases = results.answers[MAIN].maps, results.cases["test"]
    rows = []
    for title, members in shoulder_groups(results):
        own = [maps[cases[n].id] for n in members if cases[n].id in maps]
        if own:
            rows.append(Row(title, "", _where(own), counted(len(own), "tear")))
    called = results.answers[MAIN].predicted
    for title, wanted in (("Tears called a tear", True), ("Tears called None", False)):
        own = [maps[case.id] for case, say in zip(cases, called) if case.id in maps and (say > 0) == wanted]
        if own:
            rows.append(Row(title, "", _where(own), counted(len(own), "tear")))
    notes = [
        "Peak in the tear · within 5 mm of it (pointing game) · share of the positive map within 5 mm of the tear · "
        "Dice of the map above half its peak and the tear with 5 mm around it · median distance of the peak to the "
        "tear. Not in the paper.",
    ]
    return Table("localization-by-shoulder", "Where the activation map points, by kind of tear", rows, run, notes)


def _where(maps: list[Localization]) -> str:
    found = summarize_localization(maps)
    shares = (found[name] for name in ("peak_in_tear", "peak_within_5_mm", "energy_inside", "dice"))
    return " · ".join(f"{share:.2f}" for share in shares) + f" · {found['distance_mm_median']:.1f} mm"


def chance_rows(results: ShimResults) -> list[Row]:
    """What a network reaches that always gives one answer: the floor that any learning must leave behind."""
    counts = np.bincount(results.truth, minlength=len(paper.CLASSES))
    most = int(counts.argmax())
    answers = np.full(len(results.truth), most)
    found = tear_class_metrics(results.truth, answers)
    title = f"Always {paper.CLASSES[most]}"
    note = "no network: the most frequent class of the test cases"
    return [
        Row(f"{title}: binary accuracy", "", f"{100 * found.tear.accuracy:.1f} %", note),
        Row(f"{title}: top-1", "", f"{100 * found.top1:.1f} %", note),
        Row(f"{title}: top-1±1", "", f"{100 * found.top1_within_one:.1f} %", note),
    ]


def case_rows(results: ShimResults) -> list[dict[str, Any]]:
    """Every case with every network: what is known of it, the answer, and where the map's peak lies."""
    rows = []
    for name, answers in results.answers.items():
        for number, case in enumerate(results.cases["test"]):
            truth, place = results.truths.get(case.id), answers.maps.get(case.id)
            rows.append(
                {
                    "method": name,
                    "case": case.id,
                    "true_class": paper.CLASSES[case.tear_class],
                    "predicted": paper.CLASSES[int(answers.predicted[number])],
                    "tear_probability": round(1 - float(answers.probabilities[number, 0]), 4),
                    "side": case.side,
                    "confounders": "+".join(truth["confounders"]) if truth else "",
                    "peak_in_tear": place.hit if place else None,
                    "peak_within_5_mm": place.hit_within if place else None,
                    "energy_inside": round(place.energy_inside, 4) if place else None,
                    "map_dice": round(place.dice, 4) if place else None,
                    "peak_distance_mm": round(place.distance_mm, 2) if place else None,
                    "seconds": round(float(answers.seconds[number]), 3),
                }
            )
    return rows


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.0f}"
