"""``radiologycnn evaluate``: any predictions against any references."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from radiologycnn.evaluation.evaluated_folder import check_place_of_results, make_emptied_folder
from radiologycnn.evaluation.words import counted, figure_words, p_words, some_names
from radiologycnn.terminal import show_progress

if TYPE_CHECKING:
    from radiologycnn.evaluation.class_files import ClassTable

evaluate_app = typer.Typer(help="Compare predictions with references.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.add_typer(evaluate_app, name="evaluate")


@evaluate_app.callback()
def _evaluate() -> None:
    pass


@evaluate_app.command("masks")
def masks(
    predictions: Path = typer.Argument(..., help="Mask file, or folder with one a case."),
    references: Path = typer.Argument(..., help="Mask file, or folder with files of the same cases."),
    output: Path = typer.Option(..., "--output", "-o", help="Folder for cases.csv and summary.json; made if needed."),
    label: int = typer.Option(None, help="Which label to compare. Default: everything that is not 0."),
    types: bool = typer.Option(
        False,
        "--types",
        help="Also each type of bleed; values 1 to 5 are iph, ivh, sdh, edh and sah.",
    ),
    tolerance: float = typer.Option(2.0, min=0, help="Of surface Dice, in mm."),
    against: Path = typer.Option(None, help="Another method's masks: how far ahead is the first, and is it chance?"),
    by: list[str] = typer.Option(
        [], "--by", help="Also by this column of cases.csv, such as scanner; may be given several times."
    ),
    quiet: bool = typer.Option(False, "--quiet", "-q", help="No progress, no summary."),
) -> None:
    """Dice, precision, recall, surface distances, lesions and volumes of masks, case by case and over all; and how the
    volumes agree: ICC, limits of agreement, regression.

    Files of one case have the same name in both folders, or CASE-mask.nii.gz, or CASE/mask.nii.gz as the command
    segment writes it; of a folder to train on, its cases.csv names the masks. The two lie on one grid, in whatever
    order its voxels are stored. Where the reference is empty, a case counts in the summary's volumes only, among them
    the volume invented; cases.csv has its overlap too. With --against, comparison.json has the differences on the same
    cases, with Wilcoxon's signed-rank test. With --types, types.csv and the summary tell how well each type was found;
    a dataset_description.json beside masks with other values says what these mean: {"MaskValues": {"1": "edh", ...}}.
    With --by, groups.csv and the summary have the figures by what a column of cases.csv says of the cases; it lies in
    the folder of the references, or else of the predictions. A cell of several values has + between them, such as
    iph+sdh, and its case is in each of these groups.
    """
    with show_progress(quiet) as report:
        from radiologycnn.evaluation.case_groups import group_lines, group_summaries, group_table, groups_of_column
        from radiologycnn.evaluation.mask_files import (
            check_label_held,
            check_types_stated,
            data_folders,
            evaluate_masks,
            evaluate_types,
            pair_cases,
        )
        from radiologycnn.evaluation.segmentation_summary import averaged_rows
        from radiologycnn.evaluation.summary import summarize_metrics, write_record, write_rows
        from radiologycnn.evaluation.volume_agreement import volume_agreement, volume_lines

        check_place_of_results(output)
        pairs, notes = pair_cases(predictions, references)
        other_pairs, other_notes = pair_cases(against, references) if against else ([], [])
        groups = {
            column.strip().lower(): groups_of_column([references, predictions], column, [case for case, *_ in pairs])
            for column in by
        }
        folders = data_folders(predictions, references) if types else (None, None)
        if types:
            check_types_stated(pairs, folders)
        rows = list(evaluate_masks(pairs, label, tolerance, report))
        if label is not None:
            check_label_held(rows, pairs, label)
        compared: dict[str, Any] = {}
        if against:
            from radiologycnn.evaluation.paired import paired_differences

            notes += [f"{against.name}: {note}" for note in other_notes]
            others = list(evaluate_masks(other_pairs, label, tolerance, report))
            compared = paired_differences(averaged_rows(rows), averaged_rows(others))
        summary, volumes = summarize_metrics(averaged_rows(rows)), volume_agreement(rows)
        by_column = {column: group_summaries(rows, found) for column, found in groups.items()}
        type_rows, scores = evaluate_types(pairs, tolerance, folders) if types else ([], {})
        notes += _empty_notes(rows)
        make_emptied_folder(output)
        write_rows(output / "cases.csv", rows)
        if types:
            write_rows(output / "types.csv", type_rows)
        if groups:
            write_rows(output / "groups.csv", group_table(by_column))
        if against:
            write_record(output / "comparison.json", {"first": str(predictions), "second": str(against), **compared})
        settings = {"label": label, "surface_tolerance_mm": tolerance, "notes": notes}
        further = ({"types": scores} if types else {}) | ({"groups": by_column} if groups else {})
        write_record(output / "summary.json", {"settings": settings, "metrics": summary, "volumes": volumes, **further})
    if quiet:
        return
    for note in notes:
        typer.echo(f"Note: {note}")
    typer.echo(f"{'':28}{'cases':>6}{'mean':>10}{'SD':>9}{'median':>10}  {'quartiles':<18}  95 % interval of the mean")
    for name, figures in summary.items():
        typer.echo(_metric_line(name, figures))
    for line in [
        *volume_lines(volumes), *_type_lines(scores), *group_lines(by_column), *_difference_lines(compared)
    ]:  # fmt: skip
        typer.echo(line)
    typer.echo(f"Results: {output}")


def _empty_notes(rows: list[dict[str, Any]]) -> list[str]:
    """How cases count in which there was nothing to outline, or nothing was outlined."""
    from radiologycnn.evaluation.segmentation_summary import with_reference, without_reference

    empty = without_reference(rows)
    missed = [row for row in with_reference(rows) if row["found_ml"] == 0]
    right = sum(row["found_ml"] == 0 for row in empty)
    sentences = (
        (empty, f"with an empty reference: in the means of volumes only; in {right} nothing was found"),
        (missed, "with an empty prediction of something: overlap 0, no distance"),
    )
    return [f"{counted(len(cases), 'case')} {words}" for cases, words in sentences if cases]


def _difference_lines(compared: dict[str, dict[str, Any]]) -> list[str]:
    """A heading and a line for each metric: first less second."""
    lines = [f"{'first less second':28}{'cases':>6}{'mean':>10}  {'95 % interval':<20}Wilcoxon p"]
    for name, one in compared.items():
        interval = "{:.3f} to {:.3f}".format(*one["difference_95"]) if one["difference_95"] else "–"
        figures = f"{one['cases']:>6}{one['difference']:>+10.3f}  {interval:<20}{p_words(one['wilcoxon_p'])}"
        lines.append(f"{figure_words(name):28}{figures}")
    return lines if compared else []


def _type_lines(scores: dict[str, dict[str, Any]]) -> list[str]:
    """A heading and a line for each type of bleed that some reference or prediction holds."""
    from radiologycnn.evaluation.label_scores import FIGURES
    from radiologycnn.hemorrhage.labels import BLEED_TYPES

    lines = [f"{'':28}{'cases':>6}" + "".join(f"{name:>10}" for name in FIGURES) + "  found in others"]
    for kind, one in scores.items():
        if one["cases"] or one["found_wrongly"]:
            figures = "".join(f"{'none':>10}" if one[name] is None else f"{one[name]:>10.3f}" for name in FIGURES)
            lines.append(f"{BLEED_TYPES[kind].name:28}{one['cases']:>6}{figures}{one['found_wrongly']:>17}")
    return lines if scores else []


def _metric_line(name: str, figures: dict[str, Any]) -> str:
    words = figure_words(name)
    if figures["mean"] is None:
        return f"{words:28}{0:>6}{'none':>10}"
    quartiles = f"{figures['lower_quartile']:.3f} to {figures['upper_quartile']:.3f}"
    spread, interval = f"{'–':>9}", "–"
    if figures["sd"] is not None:
        spread = f"{figures['sd']:>9.3f}"
    if figures.get("mean_lower_95") is not None:
        interval = f"{figures['mean_lower_95']:.3f} to {figures['mean_upper_95']:.3f}"
    numbers = f"{figures['cases']:>6}{figures['mean']:>10.3f}{spread}{figures['median']:>10.3f}"
    return f"{words:28}{numbers}  {quartiles:<18}  {interval}"


@evaluate_app.command("classes")
def classes(
    predictions: Path = typer.Argument(..., help="CSV: case and tear_class, or case and p_none … p_large_to_massive."),
    truth: Path = typer.Argument(..., help="CSV: case and tear_class."),
    output: Path = typer.Option(..., "--output", "-o", help="Folder for cases.csv and summary.json; made if needed."),
    codes: str = typer.Option("ordinal", help="Numbers as classes: ordinal (0-4 by severity) or paper (4 is Partial)."),
    against: Path = typer.Option(None, help="Another method's CSV, compared on the same cases: McNemar, DeLong."),
    quiet: bool = typer.Option(False, "--quiet", "-q", help="No summary."),
) -> None:
    """Accuracy, also within one class, sensitivity, specificity, ROC, kappa and calibration of tear classes."""
    from radiologycnn.errors import InputError
    from radiologycnn.evaluation.class_files import read_class_table
    from radiologycnn.evaluation.summary import summarize_classes, write_record, write_rows
    from radiologycnn.rotatorcuff.tear_classes import TEAR_CLASSES

    check_place_of_results(output)
    found, true = read_class_table(predictions, codes), read_class_table(truth, codes)
    other = read_class_table(against, codes) if against else None
    cases = sorted(found.classes.keys() & true.classes.keys())
    if not cases:
        raise InputError("no-pairs", "No case stands in both tables.", "Name the cases alike in both.")
    left_out = sorted(found.classes.keys() ^ true.classes.keys())
    tear = [1 - found.probabilities[c][0] for c in cases] if found.probabilities else None
    summary = summarize_classes([true.classes[c] for c in cases], [found.classes[c] for c in cases], tear)
    compared = _compared_classes(true, found, other) if other else {}
    make_emptied_folder(output)
    names = [one.name for one in TEAR_CLASSES]
    rows = [{"case": c, "truth": names[true.classes[c]], "predicted": names[found.classes[c]]} for c in cases]
    write_rows(output / "cases.csv", rows)
    write_record(output / "summary.json", {**summary, "left_out": left_out})
    if against:
        write_record(output / "comparison.json", {**compared, "first": str(predictions), "second": str(against)})
    if quiet:
        return
    if left_out:
        typer.echo(f"Note: {counted(len(left_out), 'case')} in one table only: {some_names(left_out)}.")
    for name, value in summary.items():
        if isinstance(value, float):
            low, high = summary.get(f"{name}_95", (None, None))
            interval = f"  (95 % {low:.3f} to {high:.3f})" if low is not None else ""
            typer.echo(f"{figure_words(name):26}{value:8.3f}{interval}")
    typer.echo("Rows: truth, columns: predicted")
    typer.echo(" " * 18 + "".join(f"{name:>18}" for name in names))
    for name, counts in zip(names, summary["confusion"]):
        typer.echo(f"{name:>18}" + "".join(f"{count:>18}" for count in counts))
    for line in _compared_lines(compared):
        typer.echo(line)
    typer.echo(f"Results: {output}")


def _compared_classes(truth: ClassTable, first: ClassTable, second: ClassTable) -> dict[str, Any]:
    """McNemar's and DeLong's tests on the cases that all three tables have."""
    from radiologycnn.errors import InputError
    from radiologycnn.readers.members import NETWORK_GROUP, Member
    from radiologycnn.readers.network_comparison import paired_tests

    def member(name: str, table: ClassTable) -> Member:
        tear = {case: 1 - values[0] for case, values in table.probabilities.items()}
        return Member(name, NETWORK_GROUP, table.classes, {}, tear, is_network=True)

    rows = paired_tests(truth.classes, [member("first", first), member("second", second)])
    if not rows:
        raise InputError("no-pairs", "No case stands in all three tables.", "Name the cases alike.")
    return rows[0]


def _compared_lines(compared: dict[str, Any]) -> list[str]:
    if not compared:
        return []
    heading = f"compared on {counted(compared['cases'], 'case')}"
    lines = [f"{heading:26}{'first':>8}{'second':>8}  p"]
    for name, title in (("top1", "top-1"), ("accuracy", "tear or none")):
        values = "".join(f"{compared[f'{name}_{side}']:8.3f}" for side in ("first", "second"))
        lines.append(f"{title:26}{values}  {p_words(compared[f'{name}_mcnemar_p'])} (McNemar)")
    if compared["auc_delong_p"] is not None:
        ahead = f"{'AUC, first less second':26}{compared['auc_difference']:+8.3f}"
        lines.append(f"{ahead}{'':8}  {p_words(compared['auc_delong_p'])} (DeLong)")
    return lines


@evaluate_app.command("maps")
def maps(
    predictions: Path = typer.Argument(..., help="Activation map file, or folder with one a case."),
    references: Path = typer.Argument(..., help="Mask of the lesion, or folder with files of the same cases."),
    output: Path = typer.Option(..., "--output", "-o", help="Folder for cases.csv and summary.json; made if needed."),
    label: int = typer.Option(None, help="Which label is the lesion. Default: everything that is not 0."),
    tolerance: float = typer.Option(5.0, min=0, help="Around the lesion, in mm: a peak so near is a hit."),
    quiet: bool = typer.Option(False, "--quiet", "-q", help="No progress, no summary."),
) -> None:
    """Whether activation maps point at the lesions: pointing game, energy inside, Dice and distance, beside chance.

    A case's map is CASE.nii.gz, CASE-map.nii.gz, or CASE/cam_raw.nii.gz as the command classify writes it; its mask is
    found as by evaluate masks. Map and mask may lie on different grids.
    """
    from radiologycnn.errors import InputError
    from radiologycnn.evaluation.localization import summarize_localization
    from radiologycnn.evaluation.map_files import evaluate_maps, map_files, map_row
    from radiologycnn.evaluation.mask_files import pair_cases
    from radiologycnn.evaluation.summary import write_record, write_rows

    check_place_of_results(output)
    with show_progress(quiet) as report:
        pairs, notes = pair_cases(predictions, references, map_files)
        found, without = evaluate_maps(pairs, label, tolerance, report)
    if without:
        notes.append(f"Left out, as the mask is empty ({len(without)}): {some_names(without)}.")
    if not found:
        raise InputError("no-lesion", "No mask holds a lesion to point at.", "Give the masks of the lesions.")
    summary = summarize_localization(list(found.values()))
    make_emptied_folder(output)
    write_rows(output / "cases.csv", [map_row(*one) for one in found.items()])
    write_record(output / "summary.json", {"settings": {"label": label, "notes": notes}, **summary})
    if quiet:
        return
    for note in notes:
        typer.echo(f"Note: {note}")
    for name, value in summary.items():
        if not isinstance(value, list):
            low, high = summary.get(f"{name}_95", (None, None))
            interval = f"  (95 % {low:g} to {high:g})" if low is not None else ""
            typer.echo(f"{figure_words(name):34}{value:>8}{interval}")
    typer.echo(f"Results: {output}")
