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
from radiologycnn.networks.architectures import architecture_problems

SCHEMA_VERSION = 1
DESCRIPTION_NAME = "model.json"
WEIGHTS_NAME = "weights.safetensors"
ONNX_NAME = "network.onnx"
WEIGHTS_PRECISIONS = ("float32", "float16")
TASKS = ("hemorrhage-segmentation", "rotator-cuff-classification")
LARGEST_DESCRIPTION_BYTES = 1_000_000

#: Stands beside everything that a model trained on simulated scans says.
SIMULATED_NOTE = "Demonstration model, trained on simulated scans. Not for patients."

NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
VERSION_PATTERN = re.compile(r"\d+\.\d+\.\d+")
_SHA256_PATTERN = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class ModelPackage:
    """What ``model.json`` says of a model, and where the model lies.

    Attributes:
        path: the folder or the zip.
        name, version: together the model's id; version is "major.minor.patch".
        task: one of ``TASKS``.
        title: what a person reads in a list.
        architecture: ``{"name": ..., "parameters": {...}}``.
        preprocessing: what the task's preprocessing takes.
        labels: one record a label: value, name, color_rgb, and SNOMED CT codes as category, type, region.
        operating_threshold: probability from which a voxel belongs to the label, 0-1.
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
    def id(self) -> str:
        """Name and version, as it stands beside every result."""
        return f"{self.name}-{self.version}" if self.version else self.name

    def read_weights(self) -> bytes:
        """The bytes of ``weights.safetensors``."""
        return _read_member(self.path, WEIGHTS_NAME)

    def read_description(self) -> bytes:
        """The bytes of ``model.json``, with the fields that this version does not know."""
        return _read_member(self.path, DESCRIPTION_NAME, LARGEST_DESCRIPTION_BYTES)

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


def description_problems(description: Any) -> list[str]:
    """Every problem of a ``model.json`` as a sentence; empty when it is fine. Fields that are not known are ignored."""
    if not isinstance(description, Mapping):
        return [f"{DESCRIPTION_NAME} must hold one JSON object."]
    schema = description.get("schema_version")
    if isinstance(schema, int) and schema > SCHEMA_VERSION:
        # Its other fields may mean something else, so nothing more is said about them.
        return [f"It was made for a newer RadiologyCNN (schema {schema}; this version reads up to {SCHEMA_VERSION})."]
    problems = []
    if isinstance(schema, bool) or schema != SCHEMA_VERSION:
        problems.append(f'"schema_version" must be {SCHEMA_VERSION}.')
    for name, (kind, meaning) in _FIELDS.items():
        value = description.get(name)
        if name not in description:
            problems.append(f'"{name}" is missing.')
        elif not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            problems.append(f'"{name}" must be {meaning}.')
        elif name in _PATTERNS and not _PATTERNS[name].fullmatch(value):
            problems.append(f'"{name}" must be {meaning}.')
    if isinstance(description.get("task"), str) and description["task"] not in TASKS:
        problems.append(f'The task "{description["task"]}" is unknown to this version (known: {", ".join(TASKS)}).')
    exported = description.get("onnx_sha256", "")
    if not isinstance(exported, str) or (exported and not _SHA256_PATTERN.fullmatch(exported)):
        problems.append('"onnx_sha256" must be 64 hexadecimal digits, or be left out.')
    if description.get("weights_precision", "float32") not in WEIGHTS_PRECISIONS:
        problems.append(f'"weights_precision" must be {" or ".join(WEIGHTS_PRECISIONS)}, or be left out.')
    threshold = description.get("operating_threshold")
    if isinstance(threshold, int | float) and not 0 < threshold < 1:
        problems.append('"operating_threshold" must lie between 0 and 1.')
    if "architecture" in description:
        problems += architecture_problems(description["architecture"])
    if isinstance(description.get("labels"), list):
        problems += _label_problems(description["labels"])
    return problems


_FIELDS: dict[str, tuple[Any, str]] = {
    "name": (str, "letters a-z, digits, '.', '-' and '_', at most 64"),
    "version": (str, 'a version such as "1.0.0"'),
    "task": (str, "text"),
    "title": (str, "text"),
    "architecture": (dict, "an object"),
    "preprocessing": (dict, "an object"),
    "labels": (list, "a list"),
    "operating_threshold": ((int, float), "a number"),
    "licence": (str, "text"),
    "intended_use": (str, "text"),
    "training_data": (str, "text"),
    "simulated": (bool, "true or false"),
    "performance": (dict, "an object"),
    "weights_sha256": (str, "64 hexadecimal digits"),
}
_PATTERNS = {"name": NAME_PATTERN, "version": VERSION_PATTERN, "weights_sha256": _SHA256_PATTERN}


def _label_problems(labels: list[Any]) -> list[str]:
    problems = []
    if not labels:
        problems.append('"labels" must name at least one label.')
    for number, label in enumerate(labels, start=1):
        if not isinstance(label, Mapping):
            problems.append(f"Label {number} must be an object.")
            continue
        if label.get("value") != number or isinstance(label.get("value"), bool):
            problems.append(f'The "value" of label {number} must be {number}.')
        if not isinstance(label.get("name"), str) or not label["name"].strip():
            problems.append(f'The "name" of label {number} must be text.')
        color = label.get("color_rgb")
        if not (
            isinstance(color, list)
            and len(color) == 3
            and all(isinstance(c, int | float) and not isinstance(c, bool) and 0 <= c <= 1 for c in color)
        ):
            problems.append(f'The "color_rgb" of label {number} must be three numbers from 0 to 1.')
        for code in ("category", "type", "region"):
            value = label.get(code)
            pair = isinstance(value, list) and len(value) == 2 and all(isinstance(part, str) for part in value)
            if code in label and not pair and not (code == "region" and value is None):
                problems.append(f'The "{code}" of label {number} must be a SNOMED CT code and its meaning.')
        unknown = set(label) - {"value", "name", "color_rgb", "category", "type", "region"}
        if unknown:
            problems.append(f"Label {number} has unknown fields: {', '.join(sorted(map(str, unknown)))}.")
    return problems


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
