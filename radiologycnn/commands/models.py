"""``radiologycnn models``: list, show, install, export and remove models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import typer

from radiologycnn.evaluation.words import performance_lines
from radiologycnn.result_folder import check_result_folder
from radiologycnn.tasks import HEMORRHAGE_TASK, ROTATOR_CUFF_TASK
from radiologycnn.terminal import show_progress, stop_on_interrupt

#: Commands that take the first listed model where none is named, and what it must be for.
_VERBS = {"segment": HEMORRHAGE_TASK, "classify": ROTATOR_CUFF_TASK}


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    verbs = typer.Typer(help="List, show, install, export and remove models.", no_args_is_help=True)
    verbs.command("list")(list_installed)
    verbs.command("show")(show)
    verbs.command("install")(install)
    verbs.command("export")(export)
    verbs.command("remove")(remove)
    app.add_typer(verbs, name="models")


def list_installed(
    task: str = typer.Option(None, "--task", help="Only models for this task, such as hemorrhage-segmentation."),
    as_json: bool = typer.Option(False, "--json", help="As JSON."),
) -> None:
    """List the models, and say where your own are kept; those that cannot be used come with the reason."""
    from radiologycnn.models.catalog import list_models, user_models_folder

    packages = list_models(task)
    if as_json:
        typer.echo(_json([package.card() for package in packages]))
        return
    for package in packages:
        if package.problem:
            typer.echo(f"{package.path.name}  [cannot be used] {package.problem}")
        else:
            simulated = "  [trained on simulated scans]" if package.simulated else ""
            typer.echo(f"{package.id}  {package.title}  ({package.task}){simulated}")
    if not packages:
        typer.echo("No models.")
    typer.echo(f"Models that you install are kept in {user_models_folder()}.")


def show(
    model: str = typer.Argument(..., help="Model by id, name or path."),
    as_json: bool = typer.Option(False, "--json", help="As JSON."),
) -> None:
    """Show a model's card: what it is for, what it was trained on, how well it did."""
    from radiologycnn.models.catalog import find_model
    from radiologycnn.models.package import SIMULATED_NOTE

    package = find_model(model)
    if as_json:
        typer.echo(_json(package.card()))
        return
    typer.echo(f"{package.title} ({package.id})")
    if package.simulated:
        typer.echo(SIMULATED_NOTE)
    lines: dict[str, Any] = {
        "Task": package.task,
        "Intended use": package.intended_use,
        "Training data": package.training_data,
        "Licence": package.licence,
        "Labels": ", ".join(label["name"] for label in package.labels),
        "Threshold": package.operating_threshold,
        **({"Threshold in doubtful scans": f"down to {package.lowest_threshold:g}"} if package.follows_doubt else {}),
        "Architecture": package.architecture["name"],
        "Weights SHA-256": package.weights_sha256,
        "Weights stored as": package.weights_precision,
        "Runs without PyTorch": "yes" if package.onnx_sha256 else "no",
        "Folder": package.path,
    }
    for name, value in lines.items():
        typer.echo(f"{name}: {value}")
    for line in performance_lines({"Performance": package.performance}):
        typer.echo(line)


def install(
    source: str = typer.Argument(..., help="Folder, zip, or https URL of a zip."),
    sha256: str = typer.Option(None, "--sha256", help="The zip's announced SHA-256; another file is refused."),
    replace: bool = typer.Option(False, "--replace", help="Put it in the place of another model of the same id."),
) -> None:
    """Install a model; an interrupted download is continued by the same command."""
    from radiologycnn.models.install import install_model

    before = _defaults()
    with show_progress() as report, stop_on_interrupt() as stopped:
        package = install_model(source, sha256=sha256, progress=report, cancelled=stopped, replace=replace)
    typer.echo(f"Installed {package.id} in {package.path}")
    for verb, default in _defaults().items():
        if default[0] and default != before[verb]:
            typer.echo(f"{verb} takes {default[0]} now, unless --model names another.")


def export(
    model: str = typer.Argument(..., help="Model by id, name or path."),
    output: Path = typer.Option(None, "--output", "-o", help="Folder for a copy; without it the model itself gets it."),
    half: bool = typer.Option(
        False, "--half", help="Round the weights to float16, for half the bytes; needs --output."
    ),
) -> None:
    """Add the network as ONNX, so that the model runs on a CPU without PyTorch, and faster."""
    from radiologycnn.models.catalog import find_model
    from radiologycnn.models.export import export_package, export_rounded
    from radiologycnn.models.package import ONNX_NAME

    if half and output is None:
        raise typer.BadParameter("Rounding cannot be undone, so it makes a copy: name a folder with --output.")
    if output is not None:
        check_result_folder(output)
    package = export_rounded(find_model(model), output) if half else export_package(find_model(model), output)
    size_mb = (package.path / ONNX_NAME).stat().st_size / 1e6
    typer.echo(f"Wrote {package.path / ONNX_NAME} ({size_mb:.1f} MB)")


def remove(model: str = typer.Argument(..., help="Id of an installed model.")) -> None:
    """Remove an installed model."""
    from radiologycnn.models.install import remove_model

    remove_model(model)
    typer.echo(f"Removed {model}")


def _defaults() -> dict[str, tuple[str, Path]]:
    """The model that each command takes where none is named, id and place, by command."""
    from radiologycnn.models.catalog import list_models

    found = {}
    for verb, task in _VERBS.items():
        usable = [package for package in list_models(task) if not package.problem]
        found[verb] = (usable[0].id, usable[0].path) if usable else ("", Path())
    return found


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)
