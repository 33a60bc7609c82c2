"""One command's work: run a paper's steps, write tables, figures and the page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from radiologycnn import __version__
from radiologycnn.errors import InputError
from radiologycnn.evaluation.summary import write_record, write_rows
from radiologycnn.progress import IsCancelled, Progress, never_cancelled, no_progress
from radiologycnn.reproduction.brief import CASES_NAME, write_brief
from radiologycnn.reproduction.page import write_page
from radiologycnn.reproduction.plots import new_figure
from radiologycnn.reproduction.settings import BUNDLED, ReproductionSettings
from radiologycnn.reproduction.simulated_cases import simulator_version
from radiologycnn.reproduction.workspace import Workspace, test_seed
from radiologycnn.result_folder import check_result_folder
from radiologycnn.training.case_files import read_manifest

REPORT_NAME = "report.html"
_PARTS = {"train": "training", "validation": "validation", "test": "test"}
_SIZES = {
    "quick": "A quick run: a few small scans and networks far too small. Its figures mean nothing but that every step "
    "works.",
    "reduced": "A reduced run: every method learns for real, but from few coarse scans, with a narrow network on a "
    "small grid and for a short time. Its figures compare the methods with each other, not with the paper.",
}


def reproduce(
    output: Path,
    settings: ReproductionSettings,
    data: Path | None = None,
    readers: Path | None = None,
    device: str = "auto",
    jobs: int = 1,
    progress: Progress = no_progress,
    cancelled: IsCancelled = never_cancelled,
    brief: Path | None = None,
) -> Path:
    """Run or go on; returns the report. A finished run is told anew from what it keeps, without any network.

    Args:
        output: gets report.html, tables/*.csv, figures/*, summary.json, cases.csv (a row a case and method) and the
            steps that the run goes on from.
        data: folder with a manifest; None simulates.
        readers: CSV of human readers' answers or masks; None simulates readers.
        jobs: processes for simulating.
        brief: gets the report as a few small files, see :mod:`radiologycnn.reproduction.brief`; None writes none.

    Raises:
        InputError: settings, data or readers that cannot be used, or a folder with a run of others.
        ResourceError: a file has the place of a folder.
        Cancelled: as ``cancelled`` said.
    """
    for folder in filter(None, (output, brief)):  # the latter is written when all is done
        check_result_folder(folder)
    _check_sources(data, readers)
    with new_figure(1, 1):  # without matplotlib, hours of training would end in nothing to look at
        pass
    sources = {name: str(path.resolve()) if path else None for name, path in (("data", data), ("readers", readers))}
    workspace = Workspace(output, settings, sources, progress, cancelled)
    if settings.paper == "arab2020":
        from radiologycnn.reproduction import arab2020 as paper
        from radiologycnn.reproduction.arab2020_figures import arab2020_figures
        from radiologycnn.reproduction.arab2020_groups import case_rows
        from radiologycnn.reproduction.arab2020_run import run_arab2020
        from radiologycnn.reproduction.arab2020_tables import arab2020_tables

        results: Any = run_arab2020(workspace, data, readers, device, jobs)
        tables, figures, readings = arab2020_tables(results), arab2020_figures(results), paper.READINGS
        simulated_people = results.simulated_raters and "raters, who draw on the known truth with errors of chosen size"
    else:
        from radiologycnn.reproduction import shim2020 as paper
        from radiologycnn.reproduction.repeats import repeat_words
        from radiologycnn.reproduction.shim2020_figures import shim2020_figures
        from radiologycnn.reproduction.shim2020_groups import case_rows
        from radiologycnn.reproduction.shim2020_run import run_shim2020
        from radiologycnn.reproduction.shim2020_tables import shim2020_tables

        results = run_shim2020(workspace, data, readers, device, jobs)
        tables, figures = shim2020_tables(results), shim2020_figures(results)
        readings = tuple(one.replace("%s", repeat_words(settings)) for one in paper.READINGS)
        simulated_people = results.simulated_readers and (
            "readers, who answer from the known truth with a confusion profile that is set to the paper's own figures; "
            "a comparison with them is no finding"
        )
    labels = []
    if results.simulated:
        labels.append(
            "Scans of this run are simulated: no patient. Its figures do not tell how a method does on patients."
        )
    if simulated_people:
        labels.append(f"Human readers of this run are simulated: {simulated_people}.")
    if settings.preset in _SIZES:
        labels.append(_SIZES[settings.preset])
    if settings.models == BUNDLED:
        labels.append("No network was trained: a finished model was tested, on scans that it has not seen.")
    tables = [table for table in tables if table.rows]
    for table in tables:
        table.write(output / "tables")
    summary = {table.key: [vars(row) for row in table.rows] for table in tables}
    write_record(output / "summary.json", {"labels": labels, **summary})
    cases = case_rows(results)
    if cases:
        write_rows(output / CASES_NAME, cases)
    facts = _facts(results)
    report = write_page(output / REPORT_NAME, paper.TITLE, paper.CITATION, labels, tables, figures, readings, facts)
    if brief:
        write_brief(brief, report, paper.TITLE, paper.CITATION, labels, tables, facts, cases)
    progress(1.0, "Done")
    return report


def _check_sources(data: Path | None, readers: Path | None) -> None:
    """Refuse what is not there before the folder takes it for its own."""
    if data is not None:
        read_manifest(data, ("image",))
    if readers is not None and not readers.is_file():
        raise InputError("no-such-file", f"There is no file {readers}.", "Check the path.")


def _facts(results: Any) -> list[tuple[str, str]]:
    settings: ReproductionSettings = results.workspace.settings
    facts = [
        ("RadiologyCNN", __version__),
        ("Computed on", results.device_name),
        ("Cases", ", ".join(f"{len(cases)} {_PARTS[part]}" for part, cases in results.cases.items())),
        ("Seed", f"{settings.seed}" + f"; simulated test scans: {test_seed(settings.seed)}" * results.simulated),
        ("Preset", f"{settings.preset}, training settings “{settings.training_preset}”"),
    ]
    if results.simulated:
        facts.append(("Simulator", f"version {simulator_version(results.workspace)}"))
    if settings.training_changes:
        changes = ", ".join(_setting_words(*one) for one in sorted(settings.training_changes.items()))
        facts.append(("Changed training settings", changes))
    for name, fit in results.fits.items():
        words = []
        if fit.facts.get("model"):
            words.append(f"model {fit.facts['model']}, SHA-256 of the weights {fit.facts['sha256'][:16]}…")
        if fit.facts.get("device"):
            words.append(f"on {fit.facts['device']}")
        if fit.facts.get("parameters"):
            words.append(f"{fit.facts['parameters']:,} parameters")
        if fit.facts.get("threshold") is not None:
            words.append(f"threshold {fit.facts['threshold']:g}")
        if fit.facts.get("threshold_hu") is not None:
            words.append(f"threshold {fit.facts['threshold_hu']:g} HU")
        if fit.facts.get("left_out"):
            words.append(f"left out: {', '.join(fit.facts['left_out'])}")
        if fit.seconds is not None:
            words.append(f"learned in {fit.seconds:.0f} s")
        facts.append((results.titles[name], ", ".join(words)))
    return facts


def _setting_words(name: str, value: Any) -> str:
    """ "base filters 8", "grid shape 64 x 64 x 32", "augment no"."""
    if isinstance(value, bool):
        value = "yes" if value else "no"
    elif isinstance(value, list | tuple):
        value = " x ".join(map(str, value))
    return f"{name.removesuffix('_ijk').replace('_', ' ')} {value}"
