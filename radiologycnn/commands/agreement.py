"""``radiologycnn agreement``: how much raters agree, the network among them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from radiologycnn.terminal import show_progress


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command()(agreement)


def agreement(
    folder: Path = typer.Argument(..., help="Folder with one folder a rater, in each one mask file a case."),
    output: Path = typer.Option(..., "--output", "-o", help="Folder for the tables; made if needed."),
    method: str = typer.Option(None, help="The rater that is the network: compared with the experts."),
    margin: float = typer.Option(0.05, min=1e-6, help="Difference of kappa that counts as none."),
    consensus: str = typer.Option(None, help="Write a consensus too: majority, staple, union or intersection."),
    quiet: bool = typer.Option(False, "--quiet", "-q", help="No progress, no tables on the screen."),
) -> None:
    """Kappa, Dice, disagreement, regression and limits of agreement of each pair of raters (Arab 2020, Table 2).

    The results folder gets pairs.csv, cases.csv, agreement.json and, where asked for, consensus/CASE.nii.gz.
    """
    with show_progress(quiet) as report:
        from radiologycnn.evaluation.rater_agreement import (
            agreement_by_case,
            agreement_by_pair,
            compare_with_experts,
            find_raters,
        )
        from radiologycnn.evaluation.summary import write_record, write_rows

        found = find_raters(folder)
        rows = agreement_by_case(found, report)
        pairs = agreement_by_pair(rows)
        comparison = compare_with_experts(rows, method, margin) if method else None
        output.mkdir(parents=True, exist_ok=True)
        write_rows(output / "cases.csv", rows)
        write_rows(output / "pairs.csv", pairs)
        record = {"raters": found.raters, "cases": found.cases, "notes": found.notes, "pairs": pairs}
        write_record(output / "agreement.json", {**record, "comparison": comparison})
        if consensus:
            _write_consensus(found, consensus, output / "consensus")
    if quiet:
        return
    for note in found.notes:
        typer.echo(f"Note: {note}")
    _print_pairs(pairs)
    _print_disagreement(found.raters, pairs)
    for name, value in (comparison or {}).items():
        typer.echo(f"{name.replace('_', ' '):24}{'-' if value is None else format(value, '.4g')}")
    typer.echo(f"Results: {output}")


def _write_consensus(found: Any, kind: str, folder: Path) -> None:
    from radiologycnn.errors import InputError
    from radiologycnn.evaluation.consensus import METHODS, consensus
    from radiologycnn.images import read_volume, write_image

    if kind not in METHODS:
        raise InputError("unknown-consensus", f"There is no consensus “{kind}”.", f"Use one of {', '.join(METHODS)}.")
    folder.mkdir(parents=True, exist_ok=True)
    for case in found.cases:
        volumes = [read_volume(found.files[rater][case]) for rater in found.raters]
        write_image(folder / f"{case}.nii.gz", consensus([v.array for v in volumes], kind), volumes[0].ijk_to_lps)


def _print_pairs(pairs: list[dict[str, Any]]) -> None:
    typer.echo(f"{'x':>12} {'y':>12} {'cases':>6} {'kappa':>14} {'slope (p)':>18} {'intercept mL (p)':>20} {'ICC':>6}")
    for row in pairs:
        line = icc = intercept = "-"
        if row["slope"] is not None:
            line = f"{row['slope']:.2f} ({row['slope_p']:.2g})"
            intercept = f"{row['intercept_ml']:.2f} ({row['intercept_p']:.2g})"
            icc = f"{row['icc']:.2f}"
        kappa = f"{row['kappa_mean']:.2f} ± {row['kappa_sd']:.2f}"
        names = f"{row['first']:>12} {row['second']:>12} {row['cases']:>6}"
        typer.echo(f"{names} {kappa:>14} {line:>18} {intercept:>20} {icc:>6}")


def _print_disagreement(raters: tuple[str, ...], pairs: list[dict[str, Any]]) -> None:
    by_pair = {(row["first"], row["second"]): row["disagreement"] for row in pairs}
    typer.echo("Disagreement of volumes")
    typer.echo(" " * 12 + "".join(f"{rater:>12}" for rater in raters))
    for one in raters:
        cells = (0.0 if one == other else by_pair.get((one, other), by_pair.get((other, one))) for other in raters)
        typer.echo(f"{one:>12}" + "".join(f"{cell:12.2f}" for cell in cells))
