"""Arab 2020's tables, each figure beside this run's, and those that its questions need besides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import ttest_ind

from radiologycnn.evaluation.hypothesis_tests import friedman, wilcoxon
from radiologycnn.evaluation.words import counted
from radiologycnn.reproduction import arab2020 as paper
from radiologycnn.reproduction.arab2020_groups import by_case_kind, interval_words
from radiologycnn.reproduction.arab2020_run import MAIN, ArabResults
from radiologycnn.reproduction.arab2020_types import by_type
from radiologycnn.reproduction.settings import BUNDLED
from radiologycnn.reproduction.tables import Row, Table, mean_sd, number, p_value, plain, with_p

_METRICS = (("dice", "Dice"), ("precision", "Precision"), ("recall", "Recall"), ("f1", "F1"))
_BEYOND = (
    ("hausdorff_95_mm", "HD95 (mm)", 1),
    ("surface_dice", "Surface Dice at 2 mm", 2),
    ("lesion_f1", "Lesion-wise F1", 2),
    ("volume_error_ml", "Volume error (mL)", 1),
    ("absolute_volume_error_ml", "Absolute volume error (mL)", 1),
)


def arab2020_tables(results: ArabResults) -> list[Table]:
    """All of them, in the paper's order."""
    run = "This run (simulated scans)" if results.simulated else "This run"
    rated = "This run (simulated scans and raters)" if results.simulated else "This run (simulated raters)"
    if not results.simulated_raters:
        rated = run
    return [
        _demographics(results, run),
        _agreement(results, rated),
        _methods(results, run),
        _ablation(results, run),
        _hyper_parameters(results),
        _text_figures(results, rated),
        _between_methods(results, run),
        _beyond(results, run),
        by_case_kind(results, run),
        by_type(results, run),
    ]


def _demographics(results: ArabResults, run: str) -> Table:
    parts = (("training", [*results.cases["train"], *results.cases["validation"]]), ("testing", results.cases["test"]))
    rows = []
    for label, *printed in paper.DEMOGRAPHICS:
        for (part, cases), figure in zip(parts, printed):
            value, note = _demographic(label, [results.truths.get(case.id) for case in cases], len(cases))
            rows.append(Row(f"{label}, {part} set", figure, value, note))
    return Table("table-1-demographics", "Table 1. Patients", rows, run)


def _demographic(label: str, truths: Sequence[dict[str, Any] | None], count: int) -> tuple[str, str]:
    if label == "N":
        return str(count), ""
    known = [truth for truth in truths if truth]
    if not known:
        return "", "not in the data"
    if label.startswith("Age"):
        return mean_sd([truth["age_years"] for truth in known], 1), ""
    found = {
        "Deep-seated": lambda bleed: bleed["place"] == "deep",
        "Intraventricular": lambda bleed: bleed["kind"] == "ivh",
    }
    for start, matches in found.items():
        if label.startswith(start):
            share = np.mean([any(matches(bleed) for bleed in truth["bleeds"]) for truth in known])
            return f"{100 * share:.0f}", ""
    return "", "not simulated"


def _agreement(results: ArabResults, run: str) -> Table:
    by_raters = {(row["first"], row["second"]): row for row in results.pairs}
    rows = []
    for pair in paper.AGREEMENT:
        own = by_raters.pop((pair.first, pair.second), None)
        rows += _pair_rows(f"{pair.first}, {pair.second}", pair, own)
    for (first, second), own in by_raters.items():  # human raters with names of their own
        rows += _pair_rows(f"{first}, {second}", None, own)
    notes = [
        "E: expert, M: method (CNN-DS). y = slope x + intercept with x the first rater and y the second, in mL; "
        "only so do the paper's 1.45 (E1, E3) and 0.69 (E3, M) agree. Bias: y less x.",
    ]
    if results.simulated_raters:
        notes.append("Raters of this run are simulated: they draw on the known truth with errors of chosen size.")
    return Table("table-2-agreement", "Table 2. Agreement of raters on the testing set", rows, run, notes)


def _pair_rows(what: str, printed: paper.PairFigures | None, own: dict[str, Any] | None) -> list[Row]:
    own = own or {}
    kappa = f"{plain(own['kappa_mean'])} ± {plain(own['kappa_sd'])}" if own else ""
    # Of one's own raters: two points, or volumes without any spread.
    why = "too few different volumes for a line" if own and own.get("slope") is None else ""
    rows = [
        Row(f"{what}: kappa", f"{printed.kappa:.2f} ± {printed.kappa_sd:.2f}" if printed else "", kappa),
        Row(
            f"{what}: slope",
            with_p(printed.slope, printed.slope_p) if printed else "",
            with_p(own.get("slope"), own.get("slope_p")),
            why,
        ),
        Row(
            f"{what}: intercept (mL)",
            with_p(printed.intercept, printed.intercept_p) if printed else "",
            with_p(own.get("intercept_ml"), own.get("intercept_p")),
            why,
        ),
    ]
    if own.get("icc") is not None:
        bias, low, high = (plain(own[name], 1) for name in ("bias_ml", "lower_limit_ml", "upper_limit_ml"))
        rows.append(Row(f"{what}: ICC of volumes", "", number(own["icc"]), "not in the paper"))
        rows.append(
            Row(f"{what}: bias and limits of agreement (mL)", "", f"{bias} ({low} to {high})", "not in the paper")
        )
    return rows


def _method_rows(results: ArabResults, name: str, title: str, printed: paper.MethodFigures | None) -> list[Row]:
    own = results.metrics.get(name)
    rows = []
    for key, label in _METRICS:
        values = [row[key] for row in own] if own else []
        words = interval_words(values) if own else ["not run"]
        rows.append(_figure_row(f"{title}: {label}", key, mean_sd(values), printed, words))
    value = mean_sd(results.seconds[name]) if own else ""
    rows.append(_figure_row(f"{title}: time (s)", "seconds", value, printed, [] if own else ["not run"]))
    return rows


def _figure_row(what: str, key: str, value: str, printed: paper.MethodFigures | None, words: Sequence[str]) -> Row:
    """``words`` come first in the note."""
    of_paper = "not in the paper" if printed is None else printed.notes.get(key, "")
    note = "; ".join(filter(None, (*words, of_paper)))
    return Row(what, getattr(printed, key) if printed else "", value, note)


def _methods(results: ArabResults, run: str) -> Table:
    rows: list[Row] = []
    for name, printed in paper.METHODS.items():
        rows += _method_rows(results, name, results.titles.get(name, paper.METHOD_TITLES[name]), printed)
    for name in results.metrics:
        if name not in paper.METHODS and name not in paper.ABLATION:
            rows += _method_rows(results, name, results.titles[name], None)
    notes = [
        "Reference of this run: the known truth of the simulation."
        if results.simulated
        else "Reference of this run: the masks of the manifest.",
        f"Times of this run: from scan in memory to mask on its grid, after one run to warm up, {results.device_name}; "
        "the paper's are of one GPU, for PItcHPERFeCT of a CPU.",
        "95 %: interval of the mean by bootstrap over cases.",
        "Both masks empty: overlap 1; one of them empty: overlap 0. Overlaps are taken case by case, then averaged.",
    ]
    cold = [f"{results.titles[name]} {number(value)} s" for name, value in results.cold_seconds.items() if value > 0]
    if cold:
        notes.append(f"First scan of each method, before anything was warm: {', '.join(cold)}.")
    forest = results.fits.get("forest")
    if forest:
        notes.append(f"PItcHPERFeCT of this run is own code, without: {', '.join(forest.facts['left_out'])}.")
    return Table("table-3-methods", "Table 3. Segmentation by method", rows, run, notes)


def _ablation(results: ArabResults, run: str) -> Table:
    rows = _method_rows(results, "cnn_ds_without", "Without DS", paper.ABLATION["cnn_ds_without"])
    rows += _method_rows(results, MAIN, "With DS", paper.ABLATION[MAIN])
    return Table("table-4-ablation", "Table 4. Deep supervision (DS)", rows, run)


def _hyper_parameters(results: ArabResults) -> Table:
    settings = results.workspace.settings
    own: dict[str, Any] = {}
    if settings.models != BUNDLED:
        from radiologycnn.training.hemorrhage.settings import TrainingSettings

        used = TrainingSettings.from_preset(settings.training_preset, settings.training_changes)
        own = {
            "Network depth": used.depth,
            "Initial learning rate": used.learning_rate,
            "Dropout rate": used.dropout,
            "Batch size": used.batch_size,
            "First moment estimate": 0.9,
            "Second moment estimate": 0.999,
            "Epochs": used.epochs + used.coarse_epochs,
            "Grid": " x ".join(map(str, used.grid_shape_ijk)),
        }
    rows = [Row(label, value, str(own.get(label, "")), note) for label, value, note in paper.HYPER_PARAMETERS]
    notes = ["No network was trained in this run; how this one was stands on its model's card."]
    if own:
        notes = [
            f"This run trained with the settings “{settings.training_preset}”; “--training-preset paper” takes the "
            "paper's."
            if settings.training_preset != "paper"
            else "This run trained with the paper's settings."
        ]
    return Table("table-5-hyper-parameters", "Table 5. Hyper-parameters", rows, notes=notes)


def _text_figures(results: ArabResults, run: str) -> Table:
    own: dict[str, str] = {}
    if results.training_metrics:
        own["train_dice"] = mean_sd([row["dice"] for row in results.training_metrics])
        own["train_seconds"] = mean_sd([row["seconds"] for row in results.training_metrics])
    for group, in_group in (("experts", False), ("method", True)):
        pairs = [row for row in results.pairs if (paper.METHOD in (row["first"], row["second"])) == in_group]
        for key, name in (
            ("kappa", "kappa_mean"), ("disagreement", "disagreement"), ("disagreement_signed", "disagreement_signed"),
        ):  # fmt: skip
            own[f"{key}_{group}"] = mean_sd([row[name] for row in pairs], of="pair")
    slopes = [row["slope_p"] for row in results.pairs if row["slope_p"] is not None]
    intercepts = [row["intercept_p"] for row in results.pairs if row["intercept_p"] is not None]
    own["slope_p_largest"] = f"{max(slopes):.2g}" if slopes else ""
    own["intercept_p_smallest"] = f"{min(intercepts):.3f}" if intercepts else ""
    ages = [
        [
            results.truths[case.id]["age_years"]
            for part in parts
            for case in results.cases[part]
            if case.id in results.truths
        ]
        for parts in (("train", "validation"), ("test",))
    ]
    if min(map(len, ages)) > 1:
        test = ttest_ind(*ages)
        own["age_t"] = with_p(float(test.statistic), float(test.pvalue), 1)
    for key in ("mann_whitney_p", "equivalence_p", "mixed_model_p"):
        own[key] = p_value(results.comparison.get(key))
    own["mixed_model_effect"] = number(results.comparison.get("mixed_model_effect"), 3)
    seconds = results.fits[MAIN].seconds if MAIN in results.fits else None
    if seconds is not None:
        own["training_hours"] = number(seconds / 3600, 2) if seconds >= 360 else f"{seconds:.0f} s"
    rows = [Row(label, printed, own.get(key, ""), note) for key, label, printed, note in paper.TEXT_FIGURES]
    if results.consensus_dice:
        rows.append(
            Row(
                "Dice against the raters' majority",
                "0.84 ± 0.06",
                mean_sd(results.consensus_dice),
                "Table 3's reference",
            )
        )
    return Table("text-figures", "Figures of the text", rows, run)


def _between_methods(results: ArabResults, run: str) -> Table:
    rows = []
    if MAIN in results.metrics:
        main = [row["dice"] for row in results.metrics[MAIN]]
        others = [name for name in results.metrics if name != MAIN]
        if len(others) > 1:
            every = {name: [row["dice"] for row in own] for name, own in results.metrics.items()}
            words = f"{len(every)} methods on {counted(len(main), 'case')}"
            rows.append(Row("Dice of all methods: Friedman p", "", p_value(friedman(every).p), words))
        for name in others:
            theirs = [row["dice"] for row in results.metrics[name]]
            test = wilcoxon(main, theirs)
            adjusted = min(test.p * len(others), 1.0)
            difference = float(np.mean(np.subtract(main, theirs)))
            ratio = float(np.mean(results.seconds[name])) / float(np.mean(results.seconds[MAIN]))
            title = results.titles[name]
            rows.append(Row(f"CNN-DS less {title}: Dice", "", f"{difference:+.3f}", "mean of paired differences"))
            rows.append(
                Row(
                    "The same: Wilcoxon p (Bonferroni)",
                    "",
                    f"{p_value(test.p)} ({p_value(adjusted)})",
                    f"{len(main)} cases",
                )
            )
            rows.append(Row(f"Time of {title} / CNN-DS", "", f"{ratio:.2f}", "one machine, one run"))
    return Table(
        "tests-between-methods",
        "Tests between methods",
        rows,
        run,
        ["The paper tests with “non-parametric statistics” and prints no p."],
    )


def _beyond(results: ArabResults, run: str) -> Table:
    rows = []
    for name, own in results.metrics.items():
        for key, label, digits in _BEYOND:
            missing = sum(row[key] is None for row in own)
            note = f"{counted(missing, 'case')} without one: an empty mask" if missing else ""
            rows.append(Row(f"{results.titles[name]}: {label}", "", mean_sd([row[key] for row in own], digits), note))
    return Table("beyond-overlap", "Beyond overlap", rows, run, ["None of these is in the paper."])
