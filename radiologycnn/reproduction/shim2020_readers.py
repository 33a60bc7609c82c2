"""Shim 2020's network beside its readers: figures of each, groups compared, and each reader on the same cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from radiologycnn.evaluation.classification_metrics import tear_class_metrics
from radiologycnn.evaluation.hypothesis_tests import dunn, kruskal_wallis, pairwise_mann_whitney
from radiologycnn.evaluation.words import counted
from radiologycnn.readers.members import NETWORK_GROUP, Member
from radiologycnn.readers.network_comparison import paired_tests
from radiologycnn.reproduction import shim2020 as paper
from radiologycnn.reproduction.readers import Reader
from radiologycnn.reproduction.repeats import WITHOUT, repeat_words
from radiologycnn.reproduction.shim2020_run import MAIN, ShimResults
from radiologycnn.reproduction.tables import MISSING, Row, Table, mean_sd, median_quartiles, p_value

BINARY_TITLES = {
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
    binary = {name: getattr(metrics.tear, name) for name in BINARY_TITLES}
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


def reader_binary_table(results: ShimResults, run: str) -> Table:
    """Tear or none by the readers, mean and SD of each group."""
    rows = []
    people = reader_figures(results)
    for group in dict.fromkeys([*paper.READERS, *(reader.group for reader, _ in people)]):
        own = [figures for reader, figures in people if reader.group == group]
        for name, title in BINARY_TITLES.items():
            printed = paper.READER_BINARY.get(group, {}).get(name, "")
            value = mean_sd([one[name] for one in own], 1 if name == "accuracy" else 2, name == "accuracy")
            rows.append(Row(f"{group}: {title}", printed, value, counted(len(own), "reader")))
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


def group_tables(results: ShimResults, run: str) -> list[Table]:
    """Table 3: the network and the groups of readers, and each measure's pairs of groups."""
    overall, tables = [], []
    letters = dict(zip(paper.GROUPS, "bcdef"))
    for metric, (*printed, printed_p) in paper.GROUPS.items():
        groups = metric_groups(results, metric)
        title = paper.METRIC_TITLES[metric]
        note = paper.METRIC_NOTES.get(metric, "")
        figures = dict(zip((paper.CNN, *paper.READERS), printed))
        for name in dict.fromkeys((*figures, *groups)):
            value = median_quartiles(groups.get(name, []), 1 if metric in _PERCENT else 2, metric in _PERCENT)
            why = "" if value else _why_without(results, name, metric)
            notes = (why, note if name == paper.CNN else "")
            overall.append(Row(f"{title}: {name}", figures.get(name, ""), value, "; ".join(filter(None, notes))))
        overall.append(Row(f"{title}: p (Kruskal-Wallis)", printed_p, _kruskal_words(groups)))
        tables.append(_pairs(metric, letters[metric], groups, run))
    notes = [
        f"Median (quartiles). VRN: over {repeat_words(results.workspace.settings)}; readers: over people.",
        "Repeats of one network are not independent readers: p is printed as the paper computes it, and is too small.",
        "Time: VRN over cases, readers over each reader's mean.",
    ]
    return [Table("table-3a-groups", "Table 3a. VRN and readers", overall, run, notes), *tables]


def _why_without(results: ShimResults, group: str, metric: str) -> str:
    """Why a group has no value of a measure."""
    if group != paper.CNN and group not in {reader.group for reader in results.readers}:
        return "no such readers"
    return "no times" if metric == "seconds" else WITHOUT.get(metric, "")


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
    notes = [f"Mann-Whitney, raw p; * below {paper.SIGNIFICANT} (0.05 / 3). Dunn's p is raw, too."]
    return Table(f"table-3{letter}-{metric.replace('_', '-')}", title, rows, run, notes)


def _marked(p: float) -> str:
    return p_value(p) + ("*" if p < paper.SIGNIFICANT else "")


def against_readers_table(results: ShimResults, run: str) -> Table:
    """The plain run against each reader, on the same cases: McNemar and DeLong."""
    names = [case.id for case in results.cases["test"]]
    answers = results.answers[MAIN]
    tear = dict(zip(names, (1 - answers.probabilities[:, 0]).tolist()))
    network = Member(paper.CNN, NETWORK_GROUP, dict(zip(names, answers.predicted.tolist())), {}, tear, is_network=True)
    people = [Member(reader.name, reader.group, reader.classes, reader.seconds) for reader in results.readers]
    rows = []
    for row in paired_tests(dict(zip(names, results.truth.tolist())), [network, *people]):
        p = [p_value(row[f"{name}_p"]) or MISSING for name in ("accuracy_mcnemar", "top1_mcnemar", "auc_delong")]
        right = [f"{100 * row[f'{name}_{side}']:.0f}" for name in ("accuracy", "top1") for side in ("first", "second")]
        note = "tear or none {} : {} %; classes {} : {} %".format(*right)
        rows.append(Row(row["second"], "", " · ".join(p), note))
    notes = [
        "p of McNemar's exact test on tear or none · of the same on the five classes · of DeLong's test on the areas "
        "under the ROC curves, a reader's class being the rating. One test for each reader, without correction.",
        "Note: right answers of VRN : of the reader. Not in the paper: the test for two methods on the same cases.",
    ]
    return Table("against-readers", "VRN against each reader: p", rows, run, notes)
