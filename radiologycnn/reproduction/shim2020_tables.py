"""Shim 2020's tables, each figure beside this run's, and those that its questions need besides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from radiologycnn.evaluation.classification_metrics import binary_metrics, delong_test, tear_class_metrics
from radiologycnn.evaluation.hypothesis_tests import dunn, kruskal_wallis, mcnemar, pairwise_mann_whitney
from radiologycnn.evaluation.localization import summarize_localization
from radiologycnn.evaluation.summary import summarize_classes
from radiologycnn.reproduction import shim2020 as paper
from radiologycnn.reproduction.readers import Reader
from radiologycnn.reproduction.repeats import repeat_words, repeats_table
from radiologycnn.reproduction.shim2020_groups import by_shoulder, chance_rows, localization_by_shoulder
from radiologycnn.reproduction.shim2020_run import MAIN, ShimResults
from radiologycnn.reproduction.tables import Row, Table, mean_sd, median_quartiles, number, p_value

_BINARY_TITLES = {
    "accuracy": "Binary accuracy",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "precision": "Precision",
    "f1": "F1",
}
_PERCENT = ("accuracy", "top1", "top1_within_one")


def figures_of(truth: ArrayLike, predicted: ArrayLike) -> dict[str, float | None]:
    """One run's or reader's figures: top-1, within one, and the binary ones."""
    metrics = tear_class_metrics(truth, predicted)
    binary = {name: getattr(metrics.tear, name) for name in _BINARY_TITLES}
    return {"top1": metrics.top1, "top1_within_one": metrics.top1_within_one, **binary}


def repeated_figures(results: ShimResults) -> list[dict[str, float | None]]:
    """The figures of every repeat of the main network."""
    runs = results.answers[MAIN].runs if MAIN in results.answers else None
    return [] if runs is None else [figures_of(results.truth, run.argmax(axis=1)) for run in runs]


def reader_figures(results: ShimResults) -> list[tuple[Reader, dict[str, float | None]]]:
    """The figures of every reader, and the mean of their seconds where these were taken."""
    names = [case.id for case in results.cases["test"]]
    found = []
    for reader in results.readers:
        own = figures_of(results.truth, [reader.classes[name] for name in names])
        seconds = [reader.seconds[name] for name in names if np.isfinite(reader.seconds.get(name, np.nan))]
        own["seconds"] = float(np.mean(seconds)) if seconds else None
        found.append((reader, own))
    return found


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
            _reader_binary(results, with_readers),
            *_groups(results, with_readers),
        ]
        tables += [_one_run(results, run), _confusion(results, run), _against_readers(results, with_readers)]
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
        for part, figure, found in zip(("training", "test", "total"), printed, own):
            note = paper.COUNT_NOTES.get(name, "") if part == "training" else ""
            rows.append(Row(f"{name}, {part}", str(figure), str(found), note))
    return Table("table-1-classes", "Table 1. Cases by class", rows, run)


def _binary(results: ShimResults, run: str) -> Table:
    repeats = repeated_figures(results)
    rows = []
    for name, printed in paper.BINARY.items():
        percent = name == "accuracy"
        value = mean_sd([one[name] for one in repeats], 2, percent)
        rows.append(Row(_BINARY_TITLES[name], printed, value, paper.BINARY_NOTES.get(name, "")))
    notes = [f"Mean ± SD over {repeat_words(results.workspace.settings)}."]
    return Table("table-2-binary", "Table 2. Tear or none, VRN", rows, run, notes)


def _reader_binary(results: ShimResults, run: str) -> Table:
    rows = []
    people = reader_figures(results)
    for group in dict.fromkeys([*paper.READERS, *(reader.group for reader, _ in people)]):
        own = [figures for reader, figures in people if reader.group == group]
        for name, title in _BINARY_TITLES.items():
            printed = paper.READER_BINARY.get(group, {}).get(name, "")
            value = mean_sd([one[name] for one in own], 1 if name == "accuracy" else 2, name == "accuracy")
            rows.append(Row(f"{group}: {title}", printed, value, f"{len(own)} readers"))
    return Table("text-readers-binary", "Tear or none, readers (text and Fig. 3)", rows, run)


def metric_groups(results: ShimResults, metric: str) -> dict[str, list[float]]:
    """Values of one metric by group: the network's repeats (for the time: its cases), and each reader."""
    if metric == "seconds":
        network = results.answers[MAIN].seconds.tolist()
    else:
        network = [one[metric] for one in repeated_figures(results)]
    groups: dict[str, list[Any]] = {paper.CNN: network}
    for reader, figures in reader_figures(results):
        groups.setdefault(reader.group, []).append(figures[metric])
    return {
        name: [v for v in values if v is not None]
        for name, values in groups.items()
        if any(v is not None for v in values)
    }


def _groups(results: ShimResults, run: str) -> list[Table]:
    overall, tables = [], []
    letters = dict(zip(paper.GROUPS, "bcdef"))
    for metric, (*printed, printed_p) in paper.GROUPS.items():
        groups = metric_groups(results, metric)
        title = paper.METRIC_TITLES[metric]
        note = paper.METRIC_NOTES.get(metric, "")
        for name, figure in zip((paper.CNN, *paper.READERS), printed):
            value = median_quartiles(groups.get(name, []), 1 if metric in _PERCENT else 2, metric in _PERCENT)
            overall.append(Row(f"{title}: {name}", figure, value, note if name == paper.CNN else ""))
        for name in [name for name in groups if name != paper.CNN and name not in paper.READERS]:
            value = median_quartiles(groups[name], 1 if metric in _PERCENT else 2, metric in _PERCENT)
            overall.append(Row(f"{title}: {name}", "", value))
        overall.append(Row(f"{title}: p (Kruskal-Wallis)", printed_p, _kruskal_words(groups)))
        tables.append(_pairs(metric, letters[metric], groups, run))
    notes = [
        f"Median (quartiles). VRN: over {repeat_words(results.workspace.settings)}; readers: over people.",
        "Repeats of one network are not independent readers: p is printed as the paper computes it, and is too small.",
        "Time: VRN over cases, readers over each reader's mean.",
    ]
    return [Table("table-3a-groups", "Table 3a. VRN and readers", overall, run, notes), *tables]


def _kruskal_words(groups: Mapping[str, Sequence[float]]) -> str:
    if len(groups) < 2 or len({value for values in groups.values() for value in values}) < 2:
        return ""
    return p_value(kruskal_wallis(groups).p)


def _pairs(metric: str, letter: str, groups: dict[str, list[float]], run: str) -> Table:
    pairs = (
        (paper.CNN, paper.SPECIALISTS),
        (paper.CNN, paper.GENERALISTS),
        (paper.SPECIALISTS, paper.GENERALISTS),
    )
    raw, ranked = {}, {}
    if len(groups) > 1:
        raw = {(one.first, one.second): one for one in pairwise_mann_whitney(groups)}
        ranked = {(one.first, one.second): one for one in dunn(groups)}
    rows = []
    for pair, printed in zip(pairs, paper.PAIRS[metric]):
        own = raw.pop(pair, None)
        note = f"Dunn: {p_value(ranked[pair].p)}" if own else ""
        rows.append(Row(" – ".join(pair), printed, _marked(own.p) if own else "", note))
    for pair, own in raw.items():  # groups of human readers with names of their own
        rows.append(Row(" – ".join(pair), "", _marked(own.p), f"Dunn: {p_value(ranked[pair].p)}"))
    title = f"Table 3{letter}. {paper.METRIC_TITLES[metric]}: p of pairs"
    notes = [f"Mann-Whitney, raw p; * below {paper.SIGNIFICANT} (0.05 / 3)."]
    return Table(f"table-3{letter}-{metric.replace('_', '-')}", title, rows, run, notes)


def _marked(p: float) -> str:
    return p_value(p) + ("*" if p < paper.SIGNIFICANT else "")


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
        rows.append(Row(title, printed.get(name, ""), value, "" if name in printed else "not in the paper"))
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
        rows.append(Row(f"True {true}", "", found, f"{counts.sum()} cases"))
    return Table("confusion", "Confusion: what each class was called", rows, run, ["Not in the paper."])


def _against_readers(results: ShimResults, run: str) -> Table:
    """McNemar of the plain run against each reader, on the same cases."""
    names = [case.id for case in results.cases["test"]]
    truth, predicted = results.truth, results.answers[MAIN].predicted
    network = (predicted > 0) == (truth > 0)
    rows = []
    for reader in results.readers:
        answers = np.array([reader.classes[name] for name in names])
        binary = mcnemar(network, (answers > 0) == (truth > 0))
        exact = mcnemar(predicted == truth, answers == truth)
        rows.append(Row(reader.name, "", f"{p_value(binary.p)}; {p_value(exact.p)}", "p: tear or none; five classes"))
    notes = ["Not in the paper: two methods on the same cases, one test for each reader (McNemar, exact)."]
    return Table("against-readers", "VRN against each reader", rows, run, notes)


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
            rows.append(Row(f"{title}: CAM's peak voxel at the tear", "", value, f"map of {size}"))
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
        "peak_in_tear": ("Pointing game: peak, a point, in the tear", "thin tears can lie between all points"),
        "peak_in_tear_chance": ("  by chance", ""),
        "peak_voxel_at_tear": ("Pointing game: the peak's voxel at the tear", ""),
        "peak_voxel_at_tear_chance": ("  by chance", ""),
        "peak_within_5_mm": ("Peak within 5 mm of the tear", ""),
        "peak_within_5_mm_chance": ("  by chance", ""),
        "distance_mm_median": ("Distance of the peak to the tear, median (mm)", ""),
        "distance_mm_90th_percentile": ("  90th percentile (mm)", ""),
        "energy_inside": ("Share of the positive map at the tear", ""),
        "energy_inside_chance": ("  by chance", ""),
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
