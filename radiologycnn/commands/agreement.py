"""``radiologycnn agreement``: how much raters agree, the network among them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from radiologycnn.errors import InputError
from radiologycnn.evaluation.evaluated_folder import check_place_of_results
from radiologycnn.terminal import show_progress


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command()(agreement)


def agreement(
    folder: Path = typer.Argument(
        ..., help="Folder with one folder a rater, in each one mask file a case; or an annotation dataset."
    ),
    output: Path = typer.Option(..., "--output", "-o", help="Folder for the tables; made if needed."),
    method: str = typer.Option(None, help="The rater that is the network: compared with the experts."),
    margin: float = typer.Option(0.05, min=1e-6, help="Difference of kappa that counts as none."),
    consensus: str = typer.Option(None, help="Write a consensus too: majority, staple, union or intersection."),
    quiet: bool = typer.Option(False, "--quiet", "-q", help="No progress, no tables on the screen."),
) -> None:
    """Kappa, Dice, disagreement, regression and limits of agreement of each pair of raters (Arab 2020, Table 2).

    The results folder gets pairs.csv, cases.csv, disagreement.csv (Figure 1), agreement.json and, where asked for,
    consensus/CASE.nii.gz. In an annotation dataset each pair is compared on all the cases that both have accepted.
    """
    with show_progress(quiet) as report:
        from radiologycnn.annotation.consensus import check_consensus_method
        from radiologycnn.annotation.dataset import is_dataset
        from radiologycnn.annotation.settled import raters_of_dataset
        from radiologycnn.evaluation.agreement_report import agreement_of_raters, write_agreement
        from radiologycnn.evaluation.rater_agreement import find_raters

        check_place_of_results(output)
        if consensus:
            check_consensus_method(consensus)
            if output.resolve() == folder.resolve():
                raise InputError(
                    "cannot-write",
                    f"The consensus would lie among the raters' folders in {folder} and be one of them the next time.",
                    "Choose another folder for the results.",
                )
        found = raters_of_dataset(folder) if is_dataset(folder) else find_raters(folder)
        if method and method not in found.raters:  # told before every mask is compared with every other one
            raise InputError("no-such-rater", f"There is no rater {method}.", f"Raters: {', '.join(found.raters)}.")
        record = agreement_of_raters(found, method, margin, report)
        write_agreement(output, record)
        if consensus:
            _write_consensus(found, consensus, output / "consensus")
    if quiet:
        return
    for note in found.notes:
        typer.echo(f"Note: {note}")
    _print_pairs(record["pairs"])
    _print_disagreement(record["matrix"])
    for words, value in (record["comparison_table"] or {"rows": []})["rows"]:
        typer.echo(f"{words:40}{value}")
    typer.echo(f"Results: {output}")


def _write_consensus(found: Any, kind: str, folder: Path) -> None:
    from radiologycnn.evaluation.consensus import consensus
    from radiologycnn.evaluation.mask_files import voxel_on_voxel
    from radiologycnn.images import read_volume, write_image

    folder.mkdir(parents=True, exist_ok=True)
    for case in found.cases:
        volumes = voxel_on_voxel(case, *(read_volume(files[case]) for files in found.files.values() if case in files))
        write_image(folder / f"{case}.nii.gz", consensus([v.array for v in volumes], kind), volumes[0].ijk_to_lps)


def _print_pairs(pairs: list[dict[str, Any]]) -> None:
    from radiologycnn.evaluation.agreement_report import with_sd
    from radiologycnn.evaluation.words import p_words

    typer.echo(f"{'x':>12} {'y':>12} {'cases':>6} {'kappa':>15} {'slope (p)':>18} {'intercept mL (p)':>20} {'ICC':>6}")
    for row in pairs:
        line = intercept = "-"
        if row["slope"] is not None:
            line = f"{row['slope']:.2f} ({p_words(row['slope_p'])})"
            intercept = f"{row['intercept_ml']:.2f} ({p_words(row['intercept_p'])})"
        icc = "-" if row["icc"] is None else f"{row['icc']:.2f}"
        kappa = with_sd(row["kappa_mean"], row["kappa_sd"])
        names = f"{row['first']:>12} {row['second']:>12} {row['cases']:>6}"
        typer.echo(f"{names} {kappa:>15} {line:>18} {intercept:>20} {icc:>6}")


def _print_disagreement(matrix: dict[str, Any]) -> None:
    raters = matrix["raters"]
    typer.echo("Disagreement of volumes")
    typer.echo(" " * 12 + "".join(f"{rater:>12}" for rater in raters))
    for rater, cells in zip(raters, matrix["absolute"]):
        typer.echo(f"{rater:>12}" + "".join(f"{'-' if cell is None else format(cell, '.2f'):>12}" for cell in cells))
