"""``radiologycnn readers``: reader studies, their import, the network as a reader, and the comparison."""

from __future__ import annotations

from pathlib import Path

import typer

from radiologycnn import scan_options
from radiologycnn.evaluation.words import counted, some_names
from radiologycnn.tasks import ROTATOR_CUFF_TASK
from radiologycnn.terminal import show_progress, stop_on_interrupt

readers_app = typer.Typer(
    help="Reader studies: people and the network on the same shoulder MRIs.", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.add_typer(readers_app, name="readers")


@readers_app.command("new")
def new(
    study: Path = typer.Argument(..., help="Folder with the scans, and truth.csv where the truth is known."),
    title: str = typer.Option("", help="As readers see it. Default: the folder's name."),
    seed: int = typer.Option(0, min=0, help="Of the readers' random orders."),
    allow_back: bool = typer.Option(False, "--allow-back", help="Readers may go back and change an answer."),
    show_region: bool = typer.Option(False, "--show-region", help="Readers see the box that the network sees."),
    show_map: bool = typer.Option(False, "--show-map", help="Readers see the network's map: an aided reading."),
    marks: bool = typer.Option(True, help="Readers can mark the tear with a box or a point."),
) -> None:
    """Write study.json: how a folder of scans is read. It is not needed where the defaults fit."""
    from radiologycnn.readers.answers import check_settings
    from radiologycnn.readers.study import SETTINGS_NAME, StudySettings, open_study, settings_words, write_settings

    opened = open_study(study)
    settings = StudySettings(title, allow_back, show_region, show_map, marks, seed)
    check_settings(opened, settings)
    had_settings = (opened.folder / SETTINGS_NAME).is_file()
    path = write_settings(opened.folder, settings)
    known = sum(case.name in (opened.truth or {}) for case in opened.cases)
    typer.echo(f"{path}: {len(opened.cases)} scans, the truth of {known} of them is known.")
    if had_settings and settings != opened.settings:
        typer.echo(f"Note: these settings have replaced the earlier ones: {settings_words(opened.settings, settings)}.")


@readers_app.command("status")
def status(study: Path = typer.Argument(..., help="The study's folder.")) -> None:
    """Who has answered how many cases."""
    from radiologycnn.readers.answers import readers_of
    from radiologycnn.readers.study import open_study

    opened = open_study(study)
    names = {case.name for case in opened.cases}
    typer.echo(f"{opened.title}: {len(names)} cases")
    for reader, answers in readers_of(opened).items():
        marks = sum(one.mark is not None for one in answers.values())
        typer.echo(f"  {reader:<24}{len(names & answers.keys()):>5} answered{marks:>6} marked")


@readers_app.command("import")
def import_reader(
    study: Path = typer.Argument(..., help="The study's folder."),
    table: Path = typer.Argument(..., help="CSV: case, tear_class and, where they were taken, seconds."),
    reader: str = typer.Option("", help="Reader id. Default: the table's file name."),
    codes: str = typer.Option("ordinal", help="Numbers as classes: ordinal (0-4 by severity) or paper (4 is Partial)."),
) -> None:
    """Take in the answers of a reader who worked elsewhere."""
    from radiologycnn.readers.study import open_study
    from radiologycnn.readers.tables import import_answers

    name, count, unknown = import_answers(open_study(study), table, reader, codes)
    typer.echo(f"{name}: {counted(count, 'answer')} taken in.")
    if unknown:
        typer.echo(f"Note: {counted(len(unknown), 'case')} not in the study: {some_names(unknown)}.")


@readers_app.command("network")
def network(
    study: Path = typer.Argument(..., help="The study's folder."),
    model: str = scan_options.MODEL,
    device: str = scan_options.DEVICE,
    quiet: bool = typer.Option(False, "--quiet", "-q", help="No progress."),
) -> None:
    """Let the network read the study: network/predictions.csv, and for every case the maps in network/CASE."""
    with show_progress(quiet) as report, stop_on_interrupt() as stopped:
        report(0.0, "Loading the model")
        from radiologycnn.models.catalog import find_model
        from radiologycnn.readers.network_run import classify_study
        from radiologycnn.readers.study import open_study
        from radiologycnn.rotatorcuff.inference import RotatorCuffClassifier

        opened = open_study(study)
        classifier = RotatorCuffClassifier(find_model(model, ROTATOR_CUFF_TASK), device=device)
        path, refused = classify_study(opened, classifier, report, stopped)
    for sentence in refused:
        typer.echo(f"Refused: {sentence}")
    if not quiet:
        typer.echo(f"Results: {path}")


@readers_app.command("compare")
def compare(
    study: Path = typer.Argument(..., help="The study's folder."),
    output: Path = typer.Option(..., "--output", "-o", help="Folder for the tables and report.html; made if needed."),
    network_tables: list[Path] = typer.Option(
        [], "--network", help="CSV of predictions; several for repeated runs. Default: network/predictions.csv."
    ),
    groups: Path = typer.Option(None, help="CSV with the columns reader and group. Default: groups.csv in the study."),
    truth: Path = typer.Option(None, help="CSV with the columns case and tear_class. Default: truth.csv in the study."),
    tolerance: float = typer.Option(5.0, min=0.1, help="Of the map's peak around a reader's mark, in mm."),
    quiet: bool = typer.Option(False, "--quiet", "-q", help="No tables on the screen."),
) -> None:
    """Readers, groups of readers and the network by the measures, tests and figures of Shim 2020.

    The results folder gets report.html, comparison.json, readers.csv, table2.csv, table3.csv, pairs.csv,
    same_cases.csv, roc.csv and, where readers have marked tears, marks.csv.
    """
    from radiologycnn.evaluation.words import p_words
    from radiologycnn.readers.comparison_words import network_words, quartile_words
    from radiologycnn.readers.outputs import PAGE_NAME, write_comparison

    record = write_comparison(study, output, network_tables, groups, truth, tolerance)
    if quiet:
        return
    for note in record["notes"]:
        typer.echo(f"Note: {note}")
    for network in record["networks"]:
        typer.echo(network_words(network))
    names = list(record["groups"])
    typer.echo(f"{'':22}" + "".join(f"{name[:24]:>26}" for name in names) + ("" if len(names) < 2 else f"{'p':>10}"))
    for row in record["table3"]:
        cells = "".join(f"{quartile_words(row['measure'], row['groups'][name]):>26}" for name in names)
        typer.echo(f"{row['words']:22}{cells}" + ("" if len(names) < 2 else f"{p_words(row['p']):>10}"))
    for reader, found in record["marks"]["summary"].items():
        typer.echo(
            f"Peak of the map in the box of {reader}: {100 * found['peak_in_tear']:.0f} % of {found['tears']} "
            f"(chance {100 * found['peak_in_tear_chance']:.1f} %), "
            f"median distance {found['distance_mm_median']:.1f} mm"
        )
    typer.echo(f"Results: {output / PAGE_NAME}")
