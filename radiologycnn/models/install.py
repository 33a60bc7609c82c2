"""Installing a model from a folder, a zip or an https URL into the user's own folder, and removing it again.

A download goes to a ``.part`` file that a later attempt continues; a model appears in the folder only when it is whole
and checked, by one rename.
"""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import shutil
import time
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

from radiologycnn.errors import Cancelled, InputError, ResourceError
from radiologycnn.file_replacing import replace_path
from radiologycnn.models.catalog import MODELS_VARIABLE, bundled_models_folder, user_models_folder
from radiologycnn.models.description import DESCRIPTION_NAME
from radiologycnn.models.download import download
from radiologycnn.models.package import ONNX_NAME, WEIGHTS_NAME, ModelPackage, load_package, member_names
from radiologycnn.progress import IsCancelled, Progress, never_cancelled, no_progress, part_of

LARGEST_UNPACKED_BYTES = 8_000_000_000
_CHUNK_BYTES = 1 << 20
_STAGING = ".installing-"
_LEFTOVER_S = 24 * 3600.0


def install_model(
    source: str | Path,
    sha256: str | None = None,
    progress: Progress = no_progress,
    cancelled: IsCancelled = never_cancelled,
    replace: bool = False,
) -> ModelPackage:
    """Install a model; the same one, which has the same id and weights, is replaced, and so is a damaged one.

    Args:
        source: a folder, a zip, the ``model.json`` of a folder, or an https URL of a zip.
        sha256: of the zip, where it was announced; a zip with another one is refused.
        progress: called with a fraction, 0-1, and the stage's name.
        cancelled: asked between pieces; a download may be continued later.
        replace: also another model with the same id.

    Raises:
        InputError: it is not a model, is damaged, is not what was announced, or another one has its id.
        ResourceError: no connection, no space, no permission.
        Cancelled: as ``cancelled`` said.
    """
    expected = _checked_sha256(sha256)
    folder = user_models_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _clear_leftovers(folder)
        text = str(source)
        if "://" in text:
            return _from_url(text, expected, folder, progress, cancelled, replace)
        path = Path(text).expanduser()
        if path.name == DESCRIPTION_NAME and path.is_file():
            path = path.parent
        return _from_path(path, expected, folder, progress, cancelled, replace)
    except OSError as error:
        raise ResourceError(
            "cannot-install",
            f"The model could not be written to {folder} ({error.strerror or error}).",
            f"Free some disk space, or choose another folder with the variable {MODELS_VARIABLE}.",
        ) from error


def remove_model(model_id: str) -> None:
    """Delete an installed model, usable or not, by its id or its folder's name.

    Raises:
        InputError: it is not installed, or comes with RadiologyCNN.
        ResourceError: its files cannot be deleted.
    """
    # Compared with what is there, never joined to a path: an id cannot lead out of the folder.
    folder = user_models_folder()
    installed = [entry for entry in folder.iterdir() if entry.is_dir()] if folder.is_dir() else []
    for entry in installed:
        if model_id == entry.name or model_id == _id_of(entry):
            try:
                # Renamed first, so that a half deleted model is never listed.
                doomed = _make_folder(folder, ".removed-") / "model"
                try:
                    replace_path(entry, doomed)
                finally:
                    shutil.rmtree(doomed.parent)
            except OSError as error:
                raise ResourceError(
                    "cannot-remove",
                    f"The model {model_id} could not be deleted ({error.strerror or error}).",
                    "Check the permissions, or close the program that uses it.",
                ) from error
            return
    bundled = bundled_models_folder()
    if bundled.is_dir() and any(model_id in (entry.name, _id_of(entry)) for entry in bundled.iterdir()):
        raise InputError("bundled-model", f"The model {model_id} is part of RadiologyCNN and cannot be removed.")
    raise InputError("model-not-found", f"No model {model_id} is installed.", "See the list of models for its id.")


def _from_url(
    url: str, sha256: str | None, folder: Path, progress: Progress, cancelled: IsCancelled, replace: bool
) -> ModelPackage:
    downloads = folder / ".downloads"
    downloads.mkdir(exist_ok=True)
    # One name for one source, so that a later attempt finds what an earlier one left.
    key = hashlib.sha256(f"{url} {sha256 or ''}".encode()).hexdigest()[:16]
    archive = downloads / f"{key}.zip"
    download(url, archive, sha256, lambda fraction: progress(0.9 * fraction, "Downloading the model"), cancelled)
    try:
        name = Path(urlsplit(url).path).name or "the download"
        return _install_zip(archive, folder, part_of(progress, 0.9, 1.0), cancelled, replace, name)
    finally:
        archive.unlink(missing_ok=True)


def _from_path(
    path: Path, sha256: str | None, folder: Path, progress: Progress, cancelled: IsCancelled, replace: bool
) -> ModelPackage:
    if not path.exists():
        raise InputError("model-not-found", f"There is no file or folder {path}.", "Check the path.")
    if path.is_dir():
        if sha256:
            raise InputError("hash-of-folder", "A folder has no SHA-256 to compare.", "Give the zip, or leave it out.")
        progress(0.0, "Copying the model")
        load_package(path)
        staging = _make_folder(folder, _STAGING)
        try:
            for name in (DESCRIPTION_NAME, WEIGHTS_NAME, *([ONNX_NAME] if (path / ONNX_NAME).is_file() else [])):
                shutil.copyfile(path / name, staging / name)
            return _finish(staging, folder, progress, cancelled, replace)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    if sha256:
        found = file_sha256(path)
        if found != sha256:
            raise InputError(
                "hash-mismatch",
                f"{path.name} is not the file that was announced (its SHA-256 is {found[:12]}…, not {sha256[:12]}…).",
                "Download it again from its source.",
            )
    return _install_zip(path, folder, progress, cancelled, replace, path.name)


def _install_zip(
    path: Path, folder: Path, progress: Progress, cancelled: IsCancelled, replace: bool, shown_name: str
) -> ModelPackage:
    progress(0.0, "Unpacking the model")
    staging = _make_folder(folder, _STAGING)
    try:
        try:
            with zipfile.ZipFile(path) as archive:
                for name, inside in member_names(archive, Path(shown_name)).items():
                    entry = archive.getinfo(inside)
                    if entry.file_size > LARGEST_UNPACKED_BYTES:
                        raise InputError("model-too-large", f"{shown_name} would unpack to more than 8 GB.", "")
                    # Only the package's files are taken, each under its own plain name.
                    _copy_member(archive, entry, staging / name, cancelled)
        except zipfile.BadZipFile as error:
            raise InputError(
                "not-a-model", f"{shown_name} is not a complete zip file.", "Download it again, or check the address."
            ) from error
        except (RuntimeError, NotImplementedError) as error:
            raise InputError(
                "not-a-model", f"{shown_name} is encrypted or packed in an unknown way.", "Pack it as an ordinary zip."
            ) from error
        return _finish(staging, folder, progress, cancelled, replace)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _copy_member(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, to: Path, cancelled: IsCancelled) -> None:
    with archive.open(entry) as packed, to.open("wb") as file:
        while chunk := packed.read(_CHUNK_BYTES):
            if cancelled():
                raise Cancelled
            file.write(chunk)


def _finish(staging: Path, folder: Path, progress: Progress, cancelled: IsCancelled, replace: bool) -> ModelPackage:
    """Check what was staged, and put it in place."""
    progress(0.7, "Checking the model")
    package = load_package(staging)
    if cancelled():
        raise Cancelled
    place = folder / package.id
    if not replace:
        _check_same(place, package)
    if place.exists():
        old = _make_folder(folder, ".removed-")
        try:
            replace_path(place, old / "model")
            try:
                replace_path(staging, place)
            except OSError:
                replace_path(old / "model", place)
                raise
        finally:
            if place.exists():
                shutil.rmtree(old, ignore_errors=True)
    else:
        replace_path(staging, place)
    progress(1.0, "Installed")
    return load_package(place)


def _clear_leftovers(folder: Path) -> None:
    """Remove what installations have left that were killed, perhaps gigabytes; none takes as long as a day."""
    for left in folder.glob(f"{_STAGING}*"):
        with contextlib.suppress(OSError):  # gone meanwhile
            if time.time() - left.stat().st_mtime > _LEFTOVER_S:
                shutil.rmtree(left, ignore_errors=True)


def _make_folder(folder: Path, prefix: str) -> Path:
    """A new folder with a name of its own, for a model that is moved into or out of its place.

    Others that share the folder may read it as they may read the folder: a temporary folder of Python's is closed to
    them, on Windows by a list of who may enter, which goes with it wherever it is moved.
    """
    made = folder / f"{prefix}{secrets.token_hex(8)}"
    made.mkdir()
    return made


def _check_same(place: Path, package: ModelPackage) -> None:
    """Refuse to put a model in the place of another one: results that name the id could come from either."""
    try:
        installed = load_package(place)
    except InputError:
        return  # there is none, or it is damaged
    if installed.weights_sha256 != package.weights_sha256:
        raise InputError(
            "model-exists",
            f"Another model {package.id} is installed: its weights are not those of this one.",
            "Give this one another name or version, or remove the installed one first (on the command line, models "
            "install --replace puts this one in its place).",
        )


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _checked_sha256(sha256: str | None) -> str | None:
    if not sha256:
        return None
    text = sha256.strip().lower().removeprefix("sha256:")
    if len(text) != 64 or set(text) - set("0123456789abcdef"):
        raise InputError("bad-hash", "The SHA-256 must be 64 hexadecimal digits.", "Copy it again from the source.")
    return text


def _id_of(path: Path) -> str:
    try:
        return load_package(path).id
    except InputError:
        return ""
