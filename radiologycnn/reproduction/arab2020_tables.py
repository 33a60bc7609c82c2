"""Arab 2020's tables, each figure beside this run's, and those that its questions need besides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from radiologycnn.evaluation.hypothesis_tests import friedman, wilcoxon
from radiologycnn.evaluation.segmentation_summary import averaged_rows, with_reference, without_reference
from radiologycnn.evaluation.words import counted
from radiologycnn.reproduction import arab2020 as paper
from radiologycnn.reproduction.arab2020_agreement import agreement, agreement_figures
from radiologycnn.reproduction.arab2020_groups import by_case_kind, interval_words
from radiologycnn.reproduction.arab2020_people import age_test, demographics
from radiologycnn.reproduction.arab2020_run import MAIN, ArabResults
from radiologycnn.reproduction.arab2020_types import by_type
from radiologycnn.reproduction.settings import BUNDLED
from radiologycnn.reproduction.tables import Row, Table, mean_sd, number, p_value

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
        demographics(results, run),
        agreement(results, rated),
        _methods(results, run),
        _ablation(results, run),
        _hyper_parameters(results),
        _text_figures(results, rated),
        _between_methods(results, run),
        _beyond(results, run),
        by_case_kind(results, run),
        by_type(results, run),
    ]


def _method_rows(results: ArabResults, name: str, title: str, printed: paper.MethodFigures | None) -> list[Row]:
    """Overlap over the cases with a bleed, as the paper's patients all have one; what is invented in the others; time.

    Args:
        name: of the method, whose figures are left empty where it was not run.
    """
    own = results.metrics.get(name)
    bleeding, others = with_reference(own or ()), without_reference(own or ())
    rows = []
    for key, label in _METRICS:
        values = [row[key] for row in bleeding]
        words = [] if own else ["not run"]
        if others:
            words.append(f"{counted(len(bleeding), 'case')} with a bleed")
        rows.append(_figure_row(f"{title}: {label}", key, mean_sd(values), printed, [*words, *interval_words(values)]))
    if others:
        invented = [row["found_ml"] for row in others]
        words = f"{counted(len(others), 'case')} without a bleed, in {sum(one == 0 for one in invented)} nothing found"
        rows.append(Row(f"{title}: invented without a bleed (mL)", "", mean_sd(invented), f"{words}; not in the paper"))
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
        "Overlaps are taken case by case, then averaged over the cases with a bleed, as the paper's patients all bled; "
        "nothing found of a bleed: overlap 0.",
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
    own, words = agreement_figures(results)
    if results.training_metrics:
        # All of the paper's patients bled; what older runs have kept does not say who did.
        bleeding = [row["dice"] for row in results.training_metrics if row.get("bleeds", True)]
        own["train_dice"] = mean_sd(bleeding)
        own["train_seconds"] = mean_sd([row["seconds"] for row in results.training_metrics])
    own["age_t"] = age_test(results)
    seconds = results.fits[MAIN].seconds if MAIN in results.fits else None
    if seconds is not None:
        own["training_hours"] = number(seconds / 3600, 2) if seconds >= 360 else f"{seconds:.0f} s"
    rows = [
        Row(label, printed, own.get(key, ""), "; ".join(filter(None, (words.get(key), note))))
        for key, label, printed, note in paper.TEXT_FIGURES
    ]
    if results.consensus_dice:
        rows.append(
            Row(
                "Dice against the raters' majority",
                "0.84 ± 0.06",
                mean_sd(results.consensus_dice),
                "Table 3's reference",
            )
        )
    notes = [] if results.has_method else ["CNN-DS is none of this run's methods: figures of it are missing."]
    return Table("text-figures", "Figures of the text", rows, run, notes)


def _between_methods(results: ArabResults, run: str) -> Table:
    """On the cases with a bleed."""
    rows = []
    every = {name: [row["dice"] for row in with_reference(own)] for name, own in results.metrics.items()}
    main = every.get(MAIN)
    if main:
        others = [name for name in every if name != MAIN]
        if len(others) > 1:
            words = f"{len(every)} methods on {counted(len(main), 'case')}"
            rows.append(Row("Dice of all methods: Friedman p", "", p_value(friedman(every).p), words))
        for name in others:
            theirs = every[name]
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
    for name, metrics in results.metrics.items():
        own = averaged_rows(metrics)
        for key, label, digits in _BEYOND:
            missing = sum(row[key] is None for row in with_reference(own))
            note = f"{counted(missing, 'case')} without one: an empty mask" if missing else ""
            rows.append(Row(f"{results.titles[name]}: {label}", "", mean_sd([row[key] for row in own], digits), note))
    notes = [
        "None of these is in the paper. Distances, surfaces and lesions of the cases with a bleed, volumes of all."
    ]
    return Table("beyond-overlap", "Beyond overlap", rows, run, notes)
