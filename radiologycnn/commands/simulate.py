"""``radiologycnn simulate``: scans with known truth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from radiologycnn.errors import InputError
from radiologycnn.option_groups import with_groups

if TYPE_CHECKING:
    from radiologycnn.simulation.head_ct import HeadCtConfig
    from radiologycnn.simulation.population import Population
    from radiologycnn.simulation.settings import SimulationSettings
    from radiologycnn.simulation.shoulder_mr import ShoulderMrConfig

Settings = TypeVar("Settings", "HeadCtConfig", "ShoulderMrConfig")

simulate_app = typer.Typer(help="Make simulated scans with known truth.", no_args_is_help=True)


@dataclass(frozen=True)
class SimulationOptions:
    """What all of the commands have."""

    output: Path = typer.Option(..., "--output", "-o", help="Folder for the scans; an interrupted run goes on in it.")
    count: int = typer.Option(1, min=1, help="How many scans, pairs or shoulders.")
    seed: int = typer.Option(0, min=0, help="Seed of the population; with a scan's number it decides everything.")
    first: int = typer.Option(0, min=0, help="Number of the first one.")
    matrix: int = typer.Option(
        None, min=64, max=1024, help="Rows and columns; the field of view stays (default: as in --config, else 512)."
    )
    jobs: int = typer.Option(1, min=1, help="Processes at a time.")
    config: Path = typer.Option(
        None, help="JSON file with numbers to change, or the simulation.json beside other scans, which names all."
    )
    file_format: str = typer.Option("nifti", "--format", help="nifti, or dicom: one series a scan.")
    transfer_syntax: str = typer.Option(
        "explicit",
        "--transfer-syntax",
        help="Of DICOM: explicit, implicit, deflated, rle, jpeg-lossless or jpeg-2000.",
    )
    lost_slice: bool = typer.Option(False, "--lost-slice", help="DICOM: leave one slice out of each series.")
    quiet: bool = typer.Option(False, "--quiet", "-q", help="No progress.")


@dataclass(frozen=True)
class HeadOptions:
    """What heads have, alone and in pairs."""

    bleed_free: float = typer.Option(
        None, min=0, max=1, help="Share of heads without a bleed (default: as in --config, else 0.2)."
    )
    preset: str = typer.Option(
        "default", "--preset", help="default, or plain: bright blood in clean scans, easy to find."
    )
    gantry_tilt: float = typer.Option(
        None,
        "--gantry-tilt",
        help="Tilt of every scan in degrees (default: as in --config, else 0, and 5 to 20 in a quarter).",
    )
    thick_vault: bool = typer.Option(
        False, "--thick-vault", help="DICOM: join the upper slices two by two, so that the gaps are uneven."
    )


_RATERS = typer.Option(0, "--raters", min=0, max=50, help="Masks of so many imperfect raters, in rater-1, rater-2 ...")


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.add_typer(simulate_app, name="simulate")


@simulate_app.callback()
def _simulate() -> None:
    pass


@simulate_app.command("head-ct")
@with_groups
def head_ct(common: SimulationOptions, head: HeadOptions, raters: int = _RATERS) -> None:
    """Head CTs without contrast, with and without bleeds: image and label map, truth.csv, contact sheet."""
    from radiologycnn.simulation.head_ct.writer import head_ct_population

    settings = _head_settings(common, head)
    dicom = _dicom_options(common, head.thick_vault)
    _write(_outputs(head_ct_population(), settings, dicom, raters, common.seed), settings, common)


@simulate_app.command("head-ct-pairs")
@with_groups
def head_ct_pairs(common: SimulationOptions, head: HeadOptions) -> None:
    """Baseline and follow-up of one head each, in two positions: bleeds that grew, stayed or shrank by known mL."""
    from radiologycnn.simulation.head_ct.pair_writer import head_ct_pair_population

    settings = _head_settings(common, head)
    _write(head_ct_pair_population(settings, _dicom_options(common, head.thick_vault)), settings, common)


@simulate_app.command("shoulder-mr")
@with_groups
def shoulder_mr(
    common: SimulationOptions,
    plane: str = typer.Option("coronal", help="coronal, sagittal (both oblique) or axial; the shoulders are the same."),
    weighting: str = typer.Option(None, help="T2, PD or T1 (default: by the plane)."),
    class_shares: str = typer.Option(
        None,
        help="Shares of None, Partial, Small, Medium and Large-to-Massive, such as 1,1,1,1,1 "
        "(default: as in --config, else as in Shim 2020).",
    ),
    raters: int = _RATERS,
) -> None:
    """Shoulder MR with and without rotator cuff tears: image and tear mask, truth.csv, contact sheet."""
    from radiologycnn.simulation.shoulder_mr import ShoulderMrConfig
    from radiologycnn.simulation.shoulder_mr.writer import shoulder_mr_population

    settings = asked_settings(ShoulderMrConfig(), common.config, common.matrix)
    if class_shares is not None:
        settings = settings.with_class_shares(_shares(class_shares))
    population = shoulder_mr_population(plane, weighting)
    _write(_outputs(population, settings, _dicom_options(common), raters, common.seed), settings, common)


def asked_settings(base: Settings, config: Path | None, matrix: int | None) -> Settings:
    """Those of the file, as in ``base`` where it leaves them out, on the matrix that is asked for, if any."""
    settings = type(base).read(config, base) if config else base
    return settings if matrix is None else settings.with_matrix(matrix)


def preset_of_heads(name: str, config: Path | None) -> HeadCtConfig:
    """The settings of a preset.

    Raises:
        InputError: there is none of that name, or a settings file is to decide.
    """
    from radiologycnn.simulation.head_ct import HeadCtConfig

    if config and name != "default":
        raise InputError("simulation-preset", "A preset and a settings file cannot go together.", "Give one of them.")
    return HeadCtConfig.preset(name)


def _head_settings(common: SimulationOptions, head: HeadOptions) -> HeadCtConfig:
    settings = asked_settings(preset_of_heads(head.preset, common.config), common.config, common.matrix)
    if head.bleed_free is not None:
        settings = replace(settings, bleeds=replace(settings.bleeds, bleed_free=head.bleed_free))
    tilt = head.gantry_tilt
    if tilt is not None:
        if not -30 <= tilt <= 30:
            raise InputError("gantry-tilt", f"No gantry tilts by {tilt:g} degrees.", "Give -30 to 30.")
        settings = replace(
            settings, scanner=replace(settings.scanner, gantry_tilt=float(tilt != 0), tilt_deg=(tilt, tilt))
        )
    return settings


def _dicom_options(common: SimulationOptions, thick_vault: bool = False) -> dict[str, Any] | None:
    """Fields of the DICOM writer; None for NIfTI."""
    from radiologycnn.simulation.dicom_series import TRANSFER_SYNTAXES

    if common.file_format not in ("nifti", "dicom"):
        raise InputError("unknown-format", f"There is no format “{common.file_format}”.", "Choose nifti or dicom.")
    if common.transfer_syntax not in TRANSFER_SYNTAXES:
        raise InputError(
            "transfer-syntax",
            f"There is no way “{common.transfer_syntax}” to store DICOM files.",
            "Choose one of " + ", ".join(TRANSFER_SYNTAXES) + ".",
        )
    if common.file_format == "nifti":
        if common.lost_slice or thick_vault or common.transfer_syntax != "explicit":
            raise InputError(
                "unknown-format",
                "Lost slices, uneven gaps and transfer syntaxes exist in DICOM only.",
                "Add --format dicom.",
            )
        return None
    return {"syntax": common.transfer_syntax, "thick_vault": thick_vault, "lost_slice": common.lost_slice}


def _outputs(
    population: Population, settings: SimulationSettings, dicom: dict[str, Any] | None, raters: int, seed: int
) -> Population:
    """The population with the files that are asked for."""
    from radiologycnn.simulation.case_writers import as_dicom, with_raters

    if dicom is not None:
        population = as_dicom(population, settings, **dicom)
    return with_raters(population, raters, seed) if raters else population


def _shares(text: str) -> tuple[float, ...]:
    try:
        shares = tuple(float(part) for part in text.split(","))
    except ValueError:
        shares = ()
    if len(shares) != 5 or not all(0 <= share < float("inf") for share in shares) or sum(shares) <= 0:
        raise InputError(
            "class-shares",
            f"“{text}” are no shares of the five classes.",
            "Give five numbers that are not negative, such as 1,1,1,1,1.",
        )
    return shares


def _write(population: Population, settings: SimulationSettings, common: SimulationOptions) -> None:
    """Write a population with its progress and its contact sheet."""
    from radiologycnn.simulation.population import SHEET_ROWS, write_contact_sheet, write_population
    from radiologycnn.terminal import show_progress

    output, count = common.output, common.count
    try:
        with show_progress(common.quiet) as report:
            made = write_population(population, output, count, common.seed, settings, common.first, common.jobs, report)
    except KeyboardInterrupt:
        typer.echo("Stopped. The same command goes on with the scans that are missing.", err=True)
        raise
    sheet, left_out = write_contact_sheet(population, output)
    pictures = f"pictures of the first {SHEET_ROWS}" if left_out else "pictures"
    typer.echo(
        f"{made} new {population.unit}s of {count} in {output}; truth in truth.csv, "
        f"{pictures} in the same order in {sheet.name}."
    )
