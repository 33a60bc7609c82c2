"""Which models there are: those that come with RadiologyCNN, and those that the person installed."""

from __future__ import annotations

import functools
import os
import sys
from pathlib import Path

import radiologycnn
from radiologycnn.errors import InputError, RadiologyCNNError
from radiologycnn.models.description import DESCRIPTION_NAME, NAME_PATTERN
from radiologycnn.models.package import ONNX_NAME, WEIGHTS_NAME, ModelPackage, load_package

MODELS_VARIABLE = "RADIOLOGYCNN_MODELS"


def bundled_models_folder() -> Path:
    """Folder of the models that come with RadiologyCNN; it need not exist.

    In the source tree and in Slicer the engine lies beside ``Resources/Models``; in a wheel the models are inside it.
    """
    package = Path(radiologycnn.__file__).resolve().parent
    inside = package / "bundled_models"
    return inside if inside.is_dir() else package.parent / "Resources" / "Models"


def user_models_folder() -> Path:
    """Folder of the installed models; it need not exist. The variable RADIOLOGYCNN_MODELS overrides it.

    Not within the extension: Slicer deletes an extension's folder on update.
    """
    chosen = os.environ.get(MODELS_VARIABLE)
    if chosen:
        return Path(chosen).expanduser()
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    return base / "RadiologyCNN" / "models"


def list_models(task: str | None = None) -> list[ModelPackage]:
    """All models for the task, or for any: those trained on real scans first, then by title and newest version.

    A folder that cannot be used is listed too, with the reason in ``problem``. Where an installed and a bundled model
    share an id, the installed one counts.
    """
    found: dict[str, ModelPackage] = {}
    broken: list[ModelPackage] = []
    for folder in (user_models_folder(), bundled_models_folder()):
        for path in _candidates(folder):
            try:
                package = _load(path)
            except RadiologyCNNError as error:
                broken.append(ModelPackage(path=path, name=path.name, title=path.name, problem=error.message))
            else:
                found.setdefault(package.id, package)
    usable = [package for package in found.values() if task in (None, package.task)]
    # Sorted in steps: the last is the strongest. What was trained on real scans stands before demonstrations.
    usable.sort(key=lambda package: _version_number(package.version), reverse=True)
    usable.sort(key=lambda package: (package.simulated, package.title.lower()))
    return usable + sorted(broken, key=lambda package: package.name)


def find_model(name: str | Path | None, task: str | None = None) -> ModelPackage:
    """One usable model: by id, by name (newest version), by the path of a folder or zip; the first listed where None.

    Raises:
        InputError: there is none, it cannot be used, or it is for another task.
    """
    package = _find(name, task)
    if task:
        package.check_task(task)
    return package


def bundled_model(task: str, wanted: str = "") -> ModelPackage:
    """The newest model for a task among those that come with the program, whatever a person has installed beside them.

    Of several with the same task the one with the fewest labels: "blood or none" before five types of it.

    Args:
        wanted: id, name or path of any model, to take that one.

    Raises:
        InputError: none comes with it, or there is no such model.
    """
    if wanted:
        return find_model(wanted, task)
    folder = bundled_models_folder().resolve()
    found = [one for one in list_models(task) if Path(one.path).resolve().is_relative_to(folder) and not one.problem]
    if not found:
        raise InputError("no-model", f"No model for {task} comes with this version.", "Name one with --model.")
    return min(found, key=lambda one: len(one.labels))


def _find(name: str | Path | None, task: str | None) -> ModelPackage:
    listed = list_models()
    usable = [package for package in listed if not package.problem]
    if name is None:
        for package in usable:
            if task in (None, package.task):
                return package
        raise InputError(
            "no-model", "No model is installed" + (f" for {task}." if task else "."), "Install one from a file or URL."
        )
    text = str(name)
    looks_like_path = isinstance(name, Path) or os.sep in text or "/" in text or not NAME_PATTERN.fullmatch(text)
    if not looks_like_path:
        matches = [package for package in usable if text in (package.id, package.name)]
        if matches:
            return max(matches, key=lambda package: _version_number(package.version))
        for package in listed:
            if package.problem and package.path.name == text:
                raise InputError("bad-model", package.problem, "Remove it and install it again.")
    if Path(text).expanduser().exists():
        return load_package(Path(text).expanduser())
    known = ", ".join(package.id for package in usable if task in (None, package.task)) or "none"
    raise InputError("model-not-found", f"There is no model {text}.", f"Installed models: {known}.")


def _candidates(folder: Path) -> list[Path]:
    """What looks like a model in a folder; unfinished installations begin with a dot."""
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return []
    return [
        entry
        for entry in entries
        if entry.is_dir()
        and not entry.name.startswith(".")
        and ((entry / DESCRIPTION_NAME).exists() or (entry / WEIGHTS_NAME).exists())
    ]


def _load(path: Path) -> ModelPackage:
    """The package, hashed again only where one of its files changed."""
    stamps = []
    for name in (DESCRIPTION_NAME, WEIGHTS_NAME):
        try:
            status = (path / name).stat()
        except OSError:
            return load_package(path)
        stamps.append((status.st_mtime_ns, status.st_size))
    if (path / ONNX_NAME).is_file():
        status = (path / ONNX_NAME).stat()
        stamps.append((status.st_mtime_ns, status.st_size))
    return _load_unchanged(path, tuple(stamps))


@functools.lru_cache(maxsize=64)
def _load_unchanged(path: Path, stamps: tuple[tuple[int, int], ...]) -> ModelPackage:
    return load_package(path)


def _version_number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")) if version else ()
