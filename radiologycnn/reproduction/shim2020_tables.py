"""Shim 2020's tables, each figure beside this run's, and those that its questions need besides."""

from __future__ import annotations

import numpy as np

from radiologycnn.evaluation.classification_metrics import binary_metrics, delong_test, tear_class_metrics
from radiologycnn.evaluation.hypothesis_tests import mcnemar
from radiologycnn.evaluation.localization import summarize_localization
from radiologycnn.evaluation.summary import summarize_classes
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
from radiologycnn.reproduction.tables import Row, Table, mean_sd, number, p_value


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
        "quadratic_kappa": "Quadratic kappa",
        "tear_calibration_error": "Expected calibration error",
        "tear_brier": "Brier score",
    }
    rows = []
    for name, title in titles.items():
        if own.get(name) is None:
            rows.append(Row(title, printed.get(name, ""), "", "no such cases"))
            continue
        low, high = own.get(f"{name}_95", (None, None))
        value = number(own[name], 3) + (f" ({low:.3f} to {high:.3f})" if low is not None else "")
        note = "" if name in printed else "not in the paper"
        if " and " in printed.get(name, ""):
            note = "Table 2 and Table 3a"
        rows.append(Row(title, printed.get(name, ""), value, note))
    rows += _at_threshold(results)
    for name, recall in own["recall_by_class"].items():
        rows.append(
            Row(f"Recall of {name}", "", number(recall, 2), "not in the paper" if recall is not None else "no cases")
        )
    notes = ["In parentheses: 95 % interval by bootstrap over cases (AUC: DeLong)."]
    return Table("one-run", "The plain run, with intervals over cases", rows, run, notes)


def _at_threshold(results: ShimResults) -> list[Row]:
    """The decision by the threshold that the model was given on validation cases, in place of the likeliest class."""
    threshold = results.fits[MAIN].facts.get("threshold")
    if threshold is None:
        return []
    tear = 1 - results.answers[MAIN].probabilities[:, 0]
    found = binary_metrics(results.truth > 0, tear >= threshold)
    note = f"not in the paper; a tear from a probability of {threshold:g}"
    figures = ((name, getattr(found, name)) for name in ("accuracy", "sensitivity", "specificity"))
    return [Row(f"At the model's threshold: {name}", "", number(value, 3), note) for name, value in figures]


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
            figures = summarize_localization(list(answers.maps.values()))
            size = " x ".join(map(str, _map_shape(results, name)))
            value = f"{figures['peak_voxel_at_tear']:.2f} (chance {figures['peak_voxel_at_tear_chance']:.2f})"
            rows.append(Row(f"{title}: tear within half a map voxel of the CAM's peak", "", value, f"map of {size}"))
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
                words += f"; DeLong {p_value(p)} (AUC {difference:+.3f})"
            rows.append(Row(f"{title}: p against VRN, 2 blocks", "", words, "AUC: VRN's less this one's"))
    rows += chance_rows(results)
    notes = [
        "The paper has VRN with 2 blocks alone and names 2D, DenseNet and squeeze-and-excitation as work to be done.",
        "More blocks: fewer, coarser map voxels; two of them cost accuracy for a finer map, the paper says.",
    ]
    return Table("networks", "VRN and its rivals", rows, run, notes)


def _map_shape(results: ShimResults, name: str) -> tuple[int, ...]:
    with np.load(next(iter(results.answers[name].map_files.values()))) as arrays:
        return arrays["map"].shape


def _localization(results: ShimResults, run: str) -> Table:
    rows = [Row("CAM at the tear's place", paper.CAM_CLAIM, "", "the rows below put numbers to it")]
    titles = {
        "tears": ("Tears", "with a mask, found or not"),
        "peak_in_tear": ("Pointing game: peak, a point, in the tear", ""),
        "peak_in_tear_chance": ("… by chance", ""),
        "peak_voxel_at_tear": ("Pointing game: tear within half a map voxel of the peak", ""),
        "peak_voxel_at_tear_chance": ("… by chance", ""),
        "peak_within_5_mm": ("Peak within 5 mm of the tear", ""),
        "peak_within_5_mm_chance": ("… by chance", ""),
        "distance_mm_median": ("Distance of the peak to the tear, median (mm)", ""),
        "distance_mm_90th_percentile": ("… 90th percentile (mm)", ""),
        "energy_inside": ("Share of the positive map at the tear", ""),
        "energy_inside_chance": ("… by chance", ""),
        "dice": ("Dice of the map above half its peak and the tear", ""),
    }
    maps = list(results.answers[MAIN].maps.values()) if MAIN in results.answers else []
    if maps:
        figures = summarize_localization(maps)
        rows += [Row(title, "", _short(figures[name]), note) for name, (title, note) in titles.items()]
    notes = ["Map of tear versus none against the tear's mask; the comparison that the paper leaves to future work."]
    return Table("localization", "Where the activation map points (Figs. 5 and 6)", rows, run, notes)


def _short(value: float) -> str:
    """Two digits after the point, none for counts."""
    return str(value) if isinstance(value, int) else f"{value:.2f}"
