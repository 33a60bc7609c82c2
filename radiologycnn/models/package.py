"""Model packages: a folder or a zip with ``model.json`` and ``weights.safetensors``, read and checked without torch.

Weights are safetensors only: no pickle is ever loaded, so a package can hold wrong numbers but no program. Beside them
may lie ``network.onnx``, the same network exported, which runs without torch.
"""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from radiologycnn.errors import InputError
from radiologycnn.models.description import DESCRIPTION_NAME, description_problems

WEIGHTS_NAME = "weights.safetensors"
ONNX_NAME = "network.onnx"
LARGEST_DESCRIPTION_BYTES = 1_000_000

#: Stands beside everything that a model trained on simulated scans says.
SIMULATED_NOTE = "Demonstration model, trained on simulated scans. Not for patients."


@dataclass(frozen=True)
class ModelPackage:
    """What ``model.json`` says of a model, and where the model lies.

    Attributes:
        path: the folder or the zip.
        name, version: together the model's id; version is "major.minor.patch".
        task: one of ``radiologycnn.tasks.TASKS``.
        title: what a person reads in a list.
        architecture: ``{"name": ..., "parameters": {...}}``.
        preprocessing: what the task's preprocessing takes.
        labels: one record a label: value, name, color_rgb, and SNOMED CT codes as category, type, region.
        operating_threshold: probability from which a voxel belongs to the label, 0-1.
        lowest_threshold: down to which the threshold follows what the network expects of a scan, see
            :mod:`radiologycnn.hemorrhage.expected_overlap`; where it is the operating threshold, that is the same for
            all scans, and only told how good an outline is. None where the probabilities may not tell that.
        licence, intended_use, training_data: sentences for the person.
        simulated: trained on simulated scans; wherever results show, this is said.
        performance: measured figures by name, with the data that they were measured on.
        weights_sha256: of ``weights.safetensors``.
        weights_precision: "float16" where the weights were rounded to it and take half the bytes, else "float32";
            in which precision the network is computed is another question.
        onnx_sha256: of ``network.onnx``; "" where the package has none.
        problem: why the package cannot be used; "" when it can. Only lists of models hold such packages.
    """

    path: Path
    name: str
    version: str = ""
    task: str = ""
    title: str = ""
    architecture: Mapping[str, Any] = field(default_factory=dict)
    preprocessing: Mapping[str, Any] = field(default_factory=dict)
    labels: tuple[Mapping[str, Any], ...] = ()
    operating_threshold: float = 0.5
    lowest_threshold: float | None = None
    licence: str = ""
    intended_use: str = ""
    training_data: str = ""
    simulated: bool = False
    performance: Mapping[str, Any] = field(default_factory=dict)
    weights_sha256: str = ""
    weights_precision: str = "float32"
    onnx_sha256: str = ""
    problem: str = ""

    @property
    def follows_doubt(self) -> bool:
        """Whether the threshold is lowered in scans that the model is not sure of."""
        return self.lowest_threshold is not None and self.lowest_threshold < self.operating_threshold

    @property
    def id(self) -> str:
        """Name and version, as it stands beside every result."""
        return f"{self.name}-{self.version}" if self.version else self.name

    def check_task(self, task: str) -> None:
        """Refuse the model for another task.

        Raises:
            InputError: it is for another one.
        """
        if self.task != task:
            raise InputError(
                "wrong-task", f"The model {self.id} is for {self.task}, not for {task}.", "Choose another model."
            )

    def read_weights(self) -> bytes:
        """The bytes of ``weights.safetensors``."""
        return _read_member(self.path, WEIGHTS_NAME)

    def read_description(self) -> dict[str, Any]:
        """``model.json`` as it is now, with the fields that this version does not know."""
        return _read_description(self.path)

    def read_onnx(self) -> bytes:
        """The bytes of ``network.onnx``, checked again.

        Raises:
            InputError: there is none, or it changed.
        """
        content = _read_member(self.path, ONNX_NAME)
        if hashlib.sha256(content).hexdigest() != self.onnx_sha256:
            raise InputError(
                "model-damaged",
                f"The exported network of {self.id} changed since it was checked.",
                "Install the model again from its source.",
            )
        return content

    def card(self) -> dict[str, Any]:
        """Everything that a person or another program may want to know, as JSON-able record."""
        names = (f for f in self.__dataclass_fields__ if f not in ("path", "labels"))
        return {
            "id": self.id,
            "path": str(self.path),
            **{name: getattr(self, name) for name in names},
            "labels": list(self.labels),
        }


def load_package(path: str | Path) -> ModelPackage:
    """Read and check a package: description complete and understood, weights unchanged.

    Raises:
        InputError: with every problem of the description in one message.
    """
    path = Path(path)
    if not path.exists():
        raise InputError("model-not-found", f"There is no model at {path}.", "Check the path.")
    description = _read_description(path)
    problems = description_problems(description)
    if problems:
        raise InputError(
            "bad-model",
            f"The model in {path.name} cannot be used: {' '.join(problems)}",
            "Update RadiologyCNN, or ask the model's author for a corrected package.",
        )
    _check_hash(path, WEIGHTS_NAME, "weights", description["weights_sha256"])
    if description.get("onnx_sha256"):
        if _has_member(path, ONNX_NAME):
            _check_hash(path, ONNX_NAME, "exported network", description["onnx_sha256"])
        else:
            # Versions that knew no exported networks copied the other two files alone; with torch these are enough.
            description = {**description, "onnx_sha256": ""}
    known = {name: description[name] for name in ModelPackage.__dataclass_fields__ if name in description}
    known["labels"] = tuple(description["labels"])
    known["operating_threshold"] = float(description["operating_threshold"])
    return ModelPackage(**{**known, "path": path, "problem": ""})


def _read_description(path: Path) -> Any:
    try:
        return json.loads(_read_member(path, DESCRIPTION_NAME, LARGEST_DESCRIPTION_BYTES).decode("utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise InputError(
            "bad-model",
            f"The description {DESCRIPTION_NAME} of the model in {path.name} is not valid JSON.",
            "Download the model again, or ask its author for a corrected package.",
        ) from error


def _read_member(path: Path, name: str, largest: int | None = None) -> bytes:
    """One file of a package. In a zip it may lie at the top or in a single folder."""
    with _open_member(path, name, largest) as member:
        return member.read()


def _check_hash(path: Path, name: str, what: str, announced: str) -> None:
    digest = hashlib.sha256()
    with _open_member(path, name) as member:
        while chunk := member.read(1 << 20):
            digest.update(chunk)
    found = digest.hexdigest()
    if found != announced:
        raise InputError(
            "model-damaged",
            f"The {what} of the model in {path.name} {'is' if name == ONNX_NAME else 'are'} damaged or "
            f"{'was' if name == ONNX_NAME else 'were'} changed "
            f"(SHA-256 {found[:12]}…, but {announced[:12]}… was announced).",
            "Install the model again from its source.",
        )


def _has_member(path: Path, name: str) -> bool:
    if path.is_dir():
        return (path / name).is_file()
    with zipfile.ZipFile(path) as archive:
        return name in member_names(archive, path)


@contextmanager
def _open_member(path: Path, name: str, largest: int | None = None) -> Iterator[IO[bytes]]:
    try:
        if path.is_dir():
            file = path / name
            if not file.is_file():
                raise _not_a_package(path, f"it has no {name}")
            if largest and file.stat().st_size > largest:
                raise _not_a_package(path, f"its {name} is too large")
            with file.open("rb") as member:
                yield member
        else:
            with zipfile.ZipFile(path) as archive:
                entry = archive.getinfo(member_names(archive, path)[name])
                if largest and entry.file_size > largest:
                    raise _not_a_package(path, f"its {name} is too large")
                with archive.open(entry) as member:
                    yield member
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise _not_a_package(path, "it is neither a folder nor a complete zip file") from error
    except (RuntimeError, NotImplementedError) as error:
        raise _not_a_package(path, "its zip file is encrypted or packed in an unknown way") from error
    except OSError as error:
        raise InputError(
            "model-unreadable",
            f"The model in {path.name} cannot be read ({error.strerror or error}).",
            "Check the permissions and the disk.",
        ) from error


def member_names(archive: zipfile.ZipFile, path: Path) -> dict[str, str]:
    """Where the files of a package are in a zip: ``{file name: name in the zip}``; the exported network may be absent.

    Raises:
        InputError: a file is missing, or a name leads out of the folder that the zip is unpacked to.
    """
    files = [info.filename for info in archive.infolist() if not info.is_dir()]
    for file in files:
        parts = file.replace("\\", "/").split("/")
        if ".." in parts or file.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", file):
            raise _not_a_package(path, "it holds a file name that leads out of its folder", "unsafe-model")
    found = {}
    for name in (DESCRIPTION_NAME, WEIGHTS_NAME, ONNX_NAME):
        matches = [file for file in files if file == name or re.fullmatch(rf"[^/]+/{re.escape(name)}", file)]
        if not matches and name == ONNX_NAME:
            continue
        if not matches:
            raise _not_a_package(path, f"it has no {name}")
        if len(matches) > 1:
            raise _not_a_package(path, f"it has more than one {name}")
        found[name] = matches[0]
    return found


def _not_a_package(path: Path, reason: str, code: str = "not-a-model") -> InputError:
    return InputError(
        code,
        f"{path.name} is not a RadiologyCNN model: {reason}.",
        f"A model is a folder or a zip with {DESCRIPTION_NAME} and {WEIGHTS_NAME}.",
    )
