"""Shim 2020's tables, each figure beside this run's, and those that its questions need besides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from radiologycnn.evaluation.classification_metrics import binary_metrics, delong_test, tear_class_metrics
from radiologycnn.evaluation.hypothesis_tests import mcnemar, wilson
from radiologycnn.evaluation.localization import Localization, summarize_localization
from radiologycnn.evaluation.summary import share_figures, summarize_classes
from radiologycnn.evaluation.words import counted
from radiologycnn.reproduction import shim2020 as paper
from radiologycnn.reproduction.repeats import WITHOUT, repeat_words, repeats_table
from radiologycnn.reproduction.shim2020_groups import by_shoulder, chance_rows, localization_by_shoulder
from radiologycnn.reproduction.shim2020_readers import (
    BINARY_TITLES,
    against_readers_table,
    figures_of,
    group_tables,
    reader_binary_table,
    repeated_figures,
)
from radiologycnn.reproduction.shim2020_run import MAIN, ShimResults
from radiologycnn.reproduction.tables import MISSING, Row, Table, mean_sd, number, p_value

_OWN_VOXELS = "depends on the size of the map's voxels: not to be compared between networks"
_MAP_INTERVALS = (
    "In parentheses: 95 % interval over cases, Wilson's of the rates, by bootstrap of distances, share and Dice; "
    f"{MISSING} where all cases are alike."
)


def shim2020_tables(results: ShimResults) -> list[Table]:
    """All of them, in the paper's order."""
    run = "This run (simulated scans)" if results.simulated else "This run"
    with_readers = "This run (simulated scans and readers)" if results.simulated else "This run (simulated readers)"
    if not results.simulated_readers:
        with_readers = run
    tables = [_counts(results, run)]
    if MAIN in results.answers:
        tables += [
            _binary(results, run),
            repeats_table(results, run),
            reader_binary_table(results, with_readers),
            *group_tables(results, with_readers),
        ]
        tables += [_one_run(results, run), _confusion(results, run), against_readers_table(results, with_readers)]
    tables += [_networks(results, run), _localization(results, run)]
    if MAIN in results.answers:
        tables += [by_shoulder(results, run), localization_by_shoulder(results, run)]
    return tables


def _counts(results: ShimResults, run: str) -> Table:
    rows = []
    learning = [case.tear_class for part in ("train", "validation") for case in results.cases[part]]
    test = [case.tear_class for case in results.cases["test"]]
    for name, *printed in paper.COUNTS:
        index = paper.CLASSES.index(name) if name in paper.CLASSES else None
        own = [len(part) if index is None else part.count(index) for part in (learning, test, learning + test)]
        for part, figure, found in zip(("training", "test", "both"), printed, own):
            note = paper.COUNT_NOTES.get(name, "") if part == "training" else ""
            words = "All classes" if index is None else name
            rows.append(Row(f"{words}: {part}", str(figure), str(found), note))
    return Table("table-1-classes", "Table 1. Cases by class", rows, run)


def _binary(results: ShimResults, run: str) -> Table:
    repeats = repeated_figures(results)
    rows = []
    for name, printed in paper.BINARY.items():
        percent = name == "accuracy"
        value = mean_sd([one[name] for one in repeats], 2, percent)
        why = "" if value else WITHOUT.get(name, "")
        note = "; ".join(filter(None, (why, paper.BINARY_NOTES.get(name, ""))))
        rows.append(Row(BINARY_TITLES[name], printed, value, note))
    notes = [f"Mean ± SD over {repeat_words(results.workspace.settings)}."]
    return Table("table-2-binary", "Table 2. Tear or none, VRN", rows, run, notes)


def _one_run(results: ShimResults, run: str) -> Table:
    """The plain run without repeats, with intervals over cases: what a network's figures rest on."""
    answers = results.answers[MAIN]
    own = summarize_classes(results.truth, answers.predicted, 1 - answers.probabilities[:, 0])
    printed = {
        "tear_accuracy": "0.925",
        "top1": "0.690",
        "top1_within_one": "0.875",
        "tear_sensitivity": "0.94 and 0.92",
        "tear_specificity": "0.90 and 0.86",
        "tear_precision": "0.94",
        "tear_f1": "0.94",
    }
    titles = {
        "tear_accuracy": "Binary accuracy",
        "tear_sensitivity": "Sensitivity",
        "tear_specificity": "Specificity",
        "tear_precision": "Precision",
        "tear_f1": "F1",
        "tear_auc": "AUC, tear or none",
        "top1": "Top-1 accuracy",
        "top1_within_one": "Top-1±1 accuracy",
        "top1_within_one_strict": "Top-1±1, None for Partial not forgiven",
        "kappa": "Unweighted kappa",
        "quadratic_kappa": "Quadratic kappa",
        "tear_calibration_error": "Expected calibration error",
        "tear_brier": "Brier score",
    }
    rows = []
    for name, title in titles.items():
        if own.get(name) is None:
            rows.append(Row(title, printed.get(name, ""), "", "no such cases"))
            continue
        note = "" if name in printed else "not in the paper"
        if " and " in printed.get(name, ""):
            note = "Table 2 and Table 3a"
        rows.append(Row(title, printed.get(name, ""), _with_interval(own, name, 3), note))
    rows += _at_threshold(results)
    for index, (name, counts) in enumerate(zip(paper.CLASSES, own["confusion"])):
        found = wilson(counts[index], sum(counts)) if any(counts) else None
        value = _with_interval({name: found.estimate, f"{name}_95": found.ends}, name, 2) if found else ""
        rows.append(Row(f"Recall of {name}", "", value, "not in the paper" if found else "no cases"))
    notes = [
        "In parentheses: 95 % interval over cases. Accuracies, sensitivity, specificity, precision, recall: Wilson; "
        "AUC: DeLong, on the logit scale; F1, kappa, Brier score: percentiles of the bootstrap; calibration error: "
        f"basic bootstrap. {MISSING} where all cases are alike, which does not tell how a figure varies.",
        "Few cases have a calibration error by chance alone; its interval takes that off and may reach far below it.",
    ]
    return Table("one-run", "The plain run, with intervals over cases", rows, run, notes)


def _at_threshold(results: ShimResults) -> list[Row]:
    """The decision by the threshold that the model was given on validation cases, in place of the likeliest class."""
    threshold = results.fits[MAIN].facts.get("threshold")
    if threshold is None:
        return []
    tear = 1 - results.answers[MAIN].probabilities[:, 0]
    names = ("accuracy", "sensitivity", "specificity")
    own = share_figures(binary_metrics(results.truth > 0, tear >= threshold), names)
    note = f"not in the paper; a tear from a probability of {threshold:g}"
    return [Row(f"At the model's threshold: {name}", "", _with_interval(own, name, 3), note) for name in names]


def _confusion(results: ShimResults, run: str) -> Table:
    confusion = tear_class_metrics(results.truth, results.answers[MAIN].predicted).confusion
    rows = []
    for true, counts in zip(paper.CLASSES, confusion):
        found = ", ".join(f"{name} {count}" for name, count in zip(paper.CLASSES, counts) if count)
        rows.append(Row(f"True {true}", "", found, counted(int(counts.sum()), "case")))
    return Table("confusion", "Confusion: what each class was called", rows, run, ["Not in the paper."])


def _networks(results: ShimResults, run: str) -> Table:
    truth, rows = results.truth, []
    is_tear = truth > 0
    for name, answers in results.answers.items():
        title = results.titles[name]
        own = figures_of(truth, answers.predicted)
        rows.append(
            Row(f"{title}: binary accuracy", "92.5 %" if name == MAIN else "", number(100 * own["accuracy"], 1) + " %")
        )
        rows.append(Row(f"{title}: top-1", "69.0 %" if name == MAIN else "", number(100 * own["top1"], 1) + " %"))
        rows.append(
            Row(f"{title}: top-1±1", "87.5 %" if name == MAIN else "", number(100 * own["top1_within_one"], 1) + " %")
        )
        if answers.maps:
            rows += _map_rows(title, list(answers.maps.values()), _map_shape(results, name))
        seconds = f"{np.median(answers.seconds):.2f} s"
        parameters = results.fits[name].facts.get("parameters")
        rows.append(
            Row(f"{title}: time for a case", "0.01 s" if name == MAIN else "", seconds, f"{parameters:,} parameters")
        )
        if name != MAIN and MAIN in results.answers:
            main = results.answers[MAIN]
            test = mcnemar((main.predicted > 0) == is_tear, (answers.predicted > 0) == is_tear)
            words = f"McNemar {p_value(test.p)}"
            if is_tear.any() and not is_tear.all():
                difference, _, p = delong_test(is_tear, 1 - main.probabilities[:, 0], 1 - answers.probabilities[:, 0])
                words += f"; DeLong {p_value(p) or MISSING} (AUC {difference:+.3f})"
            rows.append(Row(f"{title}: p against VRN, 2 blocks", "", words, "AUC: VRN's less this one's"))
    rows += chance_rows(results)
    notes = [
        "The paper has VRN with 2 blocks alone and names 2D, DenseNet and squeeze-and-excitation as work to be done.",
        "More blocks: fewer, coarser map voxels; two of them cost accuracy for a finer map, the paper says.",
        f"Maps: within 5 mm of the tear for every network, whatever its voxels. {_MAP_INTERVALS}",
        "DeLong's p needs two cases with a tear and two without, and areas that vary.",
    ]
    return Table("networks", "VRN and its rivals", rows, run, notes)


def _map_rows(title: str, maps: list[Localization], shape: tuple[int, ...]) -> list[Row]:
    """Where a network's maps point, measured alike for coarse and fine ones."""
    figures = summarize_localization(maps)
    names = {
        "peak_in_tear": "CAM's peak in the tear",
        "peak_within_5_mm": "CAM's peak within 5 mm of the tear",
        "energy_inside": "share of the positive CAM within 5 mm of the tear",
        "dice": "Dice of the CAM above half its peak and the tear with 5 mm around it",
    }
    size = " x ".join(map(str, shape))
    rows = []
    for name, words in names.items():
        chance = figures.get(f"{name}_chance")
        note = f"map of {size}" + (f"; by chance {chance:.2f}" if chance is not None else "")
        rows.append(Row(f"{title}: {words}", "", _with_interval(figures, name, 2), note))
    return rows


def _map_shape(results: ShimResults, name: str) -> tuple[int, ...]:
    with np.load(next(iter(results.answers[name].map_files.values()))) as arrays:
        return arrays["map"].shape


def _localization(results: ShimResults, run: str) -> Table:
    rows = [Row("CAM at the tear's place", paper.CAM_CLAIM, "", "the rows below put numbers to it")]
    titles = {
        "tears": ("Tears", "with a mask, found or not"),
        "peak_in_tear": ("Pointing game: peak, a point, in the tear", ""),
        "peak_in_tear_chance": ("… by chance", ""),
        "peak_voxel_at_tear": ("Pointing game: tear within half a map voxel of the peak", _OWN_VOXELS),
        "peak_voxel_at_tear_chance": ("… by chance", _OWN_VOXELS),
        "peak_within_5_mm": ("Peak within 5 mm of the tear", ""),
        "peak_within_5_mm_chance": ("… by chance", ""),
        "distance_mm_median": ("Distance of the peak to the tear, median (mm)", ""),
        "distance_mm_90th_percentile": ("… 90th percentile (mm)", ""),
        "energy_inside": ("Share of the positive map within 5 mm of the tear", ""),
        "energy_inside_chance": ("… by chance", ""),
        "dice": ("Dice of the map above half its peak and the tear with 5 mm around it", ""),
    }
    maps = list(results.answers[MAIN].maps.values()) if MAIN in results.answers else []
    if maps:
        figures = summarize_localization(maps)
        rows += [Row(title, "", _with_interval(figures, name, 2), note) for name, (title, note) in titles.items()]
    notes = [
        "Map of tear versus none against the tear's mask; the comparison that the paper leaves to future work.",
        _MAP_INTERVALS,
    ]
    return Table("localization", "Where the activation map points (Figs. 5 and 6)", rows, run, notes)


def _with_interval(figures: Mapping[str, Any], name: str, digits: int) -> str:
    """ "0.925 (0.880 to 0.954)"; "1.000 (–)" for a figure without an interval; counts and chances stand alone."""
    value, ends = figures[name], figures.get(f"{name}_95")
    if isinstance(value, int):
        return str(value)
    text = number(value, digits)
    if not text or name.endswith("_chance"):
        return text
    return f"{text} ({f'{number(ends[0], digits)} to {number(ends[1], digits)}' if ends else MISSING})"
