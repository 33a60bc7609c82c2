"""``radiologycnn simulate``: scans with known truth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from radiologycnn.errors import InputError

if TYPE_CHECKING:
    from radiologycnn.simulation.head_ct import HeadCtConfig
    from radiologycnn.simulation.population import Population
    from radiologycnn.simulation.settings import SimulationSettings

simulate_app = typer.Typer(help="Make simulated scans with known truth.", no_args_is_help=True)

# What several of the commands have.
_OUTPUT = typer.Option(..., "--output", "-o", help="Folder for the scans; an interrupted run goes on in it.")
_COUNT = typer.Option(1, min=1, help="How many scans, pairs or shoulders.")
_SEED = typer.Option(0, help="Seed of the population; with a scan's number it decides everything.")
_FIRST = typer.Option(0, min=0, help="Number of the first one.")
_MATRIX = typer.Option(512, min=64, max=1024, help="Rows and columns; the field of view stays.")
_JOBS = typer.Option(1, min=1, help="Processes at a time.")
_BLEED_FREE = typer.Option(None, min=0, max=1, help="Share of heads without a bleed [0.2].")
_CONFIG = typer.Option(None, help="JSON file with numbers to change.")
_FORMAT = typer.Option("nifti", "--format", help="nifti, or dicom: one series a scan.")
_SYNTAX = typer.Option(
    "explicit", "--transfer-syntax", help="Of DICOM: explicit, implicit, deflated, rle, jpeg-lossless or jpeg-2000."
)
_LOST_SLICE = typer.Option(False, "--lost-slice", help="DICOM: leave one slice out of each series.")
_THICK_VAULT = typer.Option(
    False, "--thick-vault", help="DICOM: join the upper slices two by two, so that the gaps are uneven."
)
_GANTRY_TILT = typer.Option(None, "--gantry-tilt", help="Tilt of every scan in degrees [0, or 5 to 20 in a fifth].")
_PRESET = typer.Option("default", "--preset", help="default, or plain: bright blood in clean scans, easy to find.")
_RATERS = typer.Option(0, "--raters", min=0, max=50, help="Masks of so many imperfect raters, in rater-1, rater-2 ...")


def register(app: typer.Typer) -> None:
    app.add_typer(simulate_app, name="simulate")


@simulate_app.callback()
def _simulate() -> None:
    pass


@simulate_app.command("head-ct")
def head_ct(
    output: Path = _OUTPUT,
    count: int = _COUNT,
    seed: int = _SEED,
    first: int = _FIRST,
    matrix: int = _MATRIX,
    jobs: int = _JOBS,
    bleed_free: float = _BLEED_FREE,
    preset: str = _PRESET,
    gantry_tilt: float = _GANTRY_TILT,
    file_format: str = _FORMAT,
    transfer_syntax: str = _SYNTAX,
    thick_vault: bool = _THICK_VAULT,
    lost_slice: bool = _LOST_SLICE,
    raters: int = _RATERS,
    config: Path = _CONFIG,
) -> None:
    """Head CTs without contrast, with and without bleeds: image and label map, truth.csv, contact sheet."""
    from radiologycnn.simulation.head_ct.writer import head_ct_population

    settings = _head_settings(preset, config, matrix, bleed_free, gantry_tilt)
    dicom = _dicom_options(file_format, transfer_syntax, lost_slice, thick_vault)
    _write(_outputs(head_ct_population(), settings, dicom, raters, seed), settings, output, count, seed, first, jobs)


@simulate_app.command("head-ct-pairs")
def head_ct_pairs(
    output: Path = _OUTPUT,
    count: int = _COUNT,
    seed: int = _SEED,
    first: int = _FIRST,
    matrix: int = _MATRIX,
    jobs: int = _JOBS,
    bleed_free: float = _BLEED_FREE,
    preset: str = _PRESET,
    gantry_tilt: float = _GANTRY_TILT,
    file_format: str = _FORMAT,
    transfer_syntax: str = _SYNTAX,
    thick_vault: bool = _THICK_VAULT,
    lost_slice: bool = _LOST_SLICE,
    config: Path = _CONFIG,
) -> None:
    """Baseline and follow-up of one head each, in two positions: bleeds that grew, stayed or shrank by known mL."""
    from radiologycnn.simulation.head_ct.pair_writer import head_ct_pair_population

    settings = _head_settings(preset, config, matrix, bleed_free, gantry_tilt)
    dicom = _dicom_options(file_format, transfer_syntax, lost_slice, thick_vault)
    _write(head_ct_pair_population(settings, dicom), settings, output, count, seed, first, jobs)


@simulate_app.command("shoulder-mr")
def shoulder_mr(
    output: Path = _OUTPUT,
    count: int = _COUNT,
    seed: int = _SEED,
    first: int = _FIRST,
    matrix: int = _MATRIX,
    jobs: int = _JOBS,
    plane: str = typer.Option("coronal", help="coronal, sagittal (both oblique) or axial; the shoulders are the same."),
    weighting: str = typer.Option(None, help="T2, PD or T1 [by the plane]."),
    class_shares: str = typer.Option(
        None, help="Shares of None, Partial, Small, Medium and Large-to-Massive, such as 1,1,1,1,1 [as in Shim 2020]."
    ),
    file_format: str = _FORMAT,
    transfer_syntax: str = _SYNTAX,
    lost_slice: bool = _LOST_SLICE,
    raters: int = _RATERS,
    config: Path = _CONFIG,
) -> None:
    """Shoulder MR with and without rotator cuff tears: image and tear mask, truth.csv, contact sheet."""
    from radiologycnn.simulation.shoulder_mr import ShoulderMrConfig
    from radiologycnn.simulation.shoulder_mr.writer import shoulder_mr_population

    settings = (ShoulderMrConfig.read(config) if config else ShoulderMrConfig()).with_matrix(matrix)
    if class_shares is not None:
        settings = settings.with_class_shares(_shares(class_shares))
    dicom = _dicom_options(file_format, transfer_syntax, lost_slice)
    population = _outputs(shoulder_mr_population(plane, weighting), settings, dicom, raters, seed)
    _write(population, settings, output, count, seed, first, jobs)


def _head_settings(
    preset: str, config: Path | None, matrix: int, bleed_free: float | None, gantry_tilt: float | None
) -> HeadCtConfig:
    import dataclasses

    from radiologycnn.simulation.head_ct import HeadCtConfig

    if config and preset != "default":
        raise InputError("simulation-preset", "A preset and a settings file cannot go together.", "Give one of them.")
    settings = (HeadCtConfig.read(config) if config else HeadCtConfig.preset(preset)).with_matrix(matrix)
    if bleed_free is not None:
        settings = dataclasses.replace(settings, bleeds=dataclasses.replace(settings.bleeds, bleed_free=bleed_free))
    if gantry_tilt is not None:
        if not -30 <= gantry_tilt <= 30:
            raise InputError("gantry-tilt", f"No gantry tilts by {gantry_tilt:g} degrees.", "Give -30 to 30.")
        tilted = {"gantry_tilt": float(gantry_tilt != 0), "tilt_deg": (gantry_tilt, gantry_tilt)}
        settings = dataclasses.replace(settings, scanner=dataclasses.replace(settings.scanner, **tilted))
    return settings


def _dicom_options(
    file_format: str, transfer_syntax: str, lost_slice: bool, thick_vault: bool = False
) -> dict[str, Any] | None:
    """Fields of the DICOM writer; None for NIfTI."""
    from radiologycnn.simulation.dicom_series import TRANSFER_SYNTAXES

    if file_format not in ("nifti", "dicom"):
        raise InputError("unknown-format", f"There is no format “{file_format}”.", "Choose nifti or dicom.")
    if transfer_syntax not in TRANSFER_SYNTAXES:
        raise InputError(
            "transfer-syntax",
            f"There is no way “{transfer_syntax}” to store DICOM files.",
            "Choose one of " + ", ".join(TRANSFER_SYNTAXES) + ".",
        )
    if file_format == "nifti":
        if lost_slice or thick_vault or transfer_syntax != "explicit":
            raise InputError(
                "unknown-format",
                "Lost slices, uneven gaps and transfer syntaxes exist in DICOM only.",
                "Add --format dicom.",
            )
        return None
    return {"syntax": transfer_syntax, "thick_vault": thick_vault, "lost_slice": lost_slice}


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


def _write(
    population: Population, settings: SimulationSettings, output: Path, count: int, seed: int, first: int, jobs: int
) -> None:
    """Write a population with a progress bar and its contact sheet."""
    from radiologycnn.simulation.population import write_contact_sheet, write_population

    with typer.progressbar(length=1000, label="Simulating", width=30) as bar:
        made = write_population(
            population,
            output,
            count,
            seed,
            settings,
            first,
            jobs,
            lambda part, _: bar.update(round(part * 1000) - bar.pos),
        )
    sheet = write_contact_sheet(population, output)
    typer.echo(f"{made} new scans of {count} in {output}; truth in truth.csv, pictures in {sheet.name}.")
