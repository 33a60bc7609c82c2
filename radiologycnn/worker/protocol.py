"""The worker's language: one JSON object a line, requests in, events out.

Light on purpose (standard library only): both the Slicer process and the worker import it. Every event is built
here and every request is checked here, so that this file is the protocol's one definition.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from radiologycnn.errors import InputError

PROTOCOL_VERSION = 1

#: Code of the error after which a process can no longer use its GPU, and leaves.
GPU_FAILED = "gpu-failed"

#: Longest request line that is read, in bytes: paths and a matrix need a few thousand.
MAXIMUM_LINE_BYTES = 1 << 20

#: Fields that each command must have, and their types. ``None`` among the types: the field may be null or absent.
#: A ``volume`` is ``{"array": path of an .npy file, "ijk_to_lps": 4x4, "modality", "name"}`` and, where it is known,
#: ``"acquisition": {DICOM keyword: value}`` (sequence, plane, side; never a patient's name).
#: ``prepare`` does what a later ``segment`` or ``classify`` with the same fields then need not do; it has no result.
#: A ``roi`` is ``{"centre_lps_mm": [3], "edge_mm": number}``, ``repeats`` is ``{"method", "count"}``.
#: A ``dataset`` is the folder of an annotation dataset, ``scans`` is ``[{"case": id, "path": file or DICOM folder}]``.
_COMMANDS: dict[str, dict[str, tuple[type | None, ...]]] = {
    "hello": {},
    "quit": {},
    "cancel": {"job": (str,)},
    "warm": {"job": (str, None), "model": (str, None), "task": (str, None), "device": (str, None)},
    "devices": {"job": (str,)},
    "models": {"job": (str,), "task": (str, None)},
    "install_model": {"job": (str,), "source": (str,), "sha256": (str, None)},
    "remove_model": {"job": (str,), "model": (str,)},
    "segment": {
        "job": (str,),
        "volume": (dict,),
        "model": (str, None),
        "device": (str, None),
        "threshold": (float, int, None),
        "output": (str,),
    },
    "prepare": {
        "job": (str,),
        "task": (str,),
        "volume": (dict,),
        "model": (str, None),
        "device": (str, None),
        "roi": (dict, None),
        "side": (str, None),
    },
    "measure": {
        "job": (str,),
        "mask": (str,),
        "volume": (dict,),
        "model": (str, None),
        "offset_kji": (list, None),
        "labels": (list, None),
    },
    "prepare_case": {
        "job": (str,),
        "path": (str,),
        "image": (str, None),
        "segment": (bool, None),
        "model": (str, None),
        "device": (str, None),
        "output": (str,),
    },
    "simulate": {"job": (str,), "sample": (str,), "output": (str,)},
    "compare_readers": {"job": (str,), "study": (str,), "output": (str,)},
    "agreement": {
        "job": (str,),
        "dataset": (str,),
        "output": (str, None),
        "method": (str, None),
        "margin": (float, int, None),
    },
    "consensus": {
        "job": (str,),
        "dataset": (str,),
        "method": (str,),
        "with_network": (bool, None),
        "use_for_training": (bool, None),
    },
    "settle_annotations": {"job": (str,), "dataset": (str,), "rater": (str,)},
    "rank_cases": {
        "job": (str,),
        "dataset": (str,),
        "scans": (list,),
        "model": (str, None),
        "device": (str, None),
    },
    "improve": {
        "job": (str,),
        "dataset": (str,),
        "model": (str, None),
        "device": (str, None),
        "settings": (dict, None),
        "fresh": (bool, None),
    },
    "locate": {"job": (str,), "volume": (dict,), "model": (str, None)},
    "classify": {
        "job": (str,),
        "volume": (dict,),
        "model": (str, None),
        "device": (str, None),
        "roi": (dict, None),
        "side": (str, None),
        "repeats": (dict, None),
        "output": (str,),
    },
}
COMMANDS = frozenset(_COMMANDS)


def _plain(value: Any) -> Any:
    """Numbers and arrays of numpy, paths: as JSON knows them."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    for convert in ("tolist", "to_dict"):
        if hasattr(value, convert):
            return getattr(value, convert)()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} cannot be sent")


def encode(message: Mapping[str, Any]) -> bytes:
    """One message as one line, line end included; ASCII, so that odd file names and any decoder are safe."""
    return json.dumps(message, default=_plain).encode("ascii") + b"\n"


def decode(line: bytes) -> dict[str, Any]:
    """The message of one line.

    Raises:
        InputError: code ``bad-message`` where the line is no JSON object.
    """
    try:
        message = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError("bad-message", f"A line is not valid JSON ({type(error).__name__}).") from error
    if not isinstance(message, dict):
        raise InputError("bad-message", "A line is not a JSON object.")
    return message


def parse_request(line: bytes) -> dict[str, Any]:
    """The checked request of one line; absent optional fields are filled in with None.

    Raises:
        InputError: code ``bad-message`` or ``bad-request``, which says what is wrong with it.
    """
    request = decode(line)
    command = request.get("cmd")
    if not isinstance(command, str) or command not in COMMANDS:
        raise InputError("bad-request", f"Unknown command {command!r}.", f"Known: {', '.join(sorted(COMMANDS))}.")
    for field, types in _COMMANDS[command].items():
        value = request.setdefault(field, None)
        wanted = tuple(t for t in types if t is not None)
        if value is None and None in types:
            continue
        if not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted):
            names = " or ".join("null" if t is None else t.__name__ for t in types)
            raise InputError("bad-request", f"{command}: field {field!r} must be {names}.")
    return request


def job_of(line: bytes) -> str | None:
    """The job that a refused line speaks of, where that can still be read."""
    try:
        job = decode(line).get("job")
    except InputError:
        return None
    return job if isinstance(job, str) else None


def ready(version: str) -> dict[str, Any]:
    """First event of a worker, and the answer to ``hello``; its own pid is what may be killed."""
    return {"event": "ready", "pid": os.getpid(), "version": version, "protocol": PROTOCOL_VERSION}


def progress(job: str, fraction: float, stage: str, remaining_s: float | None = None) -> dict[str, Any]:
    """How far a job is: fraction 0-1, the stage in words, seconds still expected (None: unknown)."""
    return {
        "event": "progress",
        "job": job,
        "fraction": round(min(max(float(fraction), 0.0), 1.0), 4),
        "stage": stage,
        "remaining_s": None if remaining_s is None else round(max(remaining_s, 0.0), 1),
    }


def log(text: str, level: str = "info") -> dict[str, Any]:
    """A line for the log; never holds patient data."""
    return {"event": "log", "level": level, "text": text}


def result(job: str, **fields: Any) -> dict[str, Any]:
    """A job's end, with what it found."""
    return {"event": "result", "job": job, **fields}


def devices(job: str, found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The devices that can run a network: ``[{"id": "cpu", "name": "...", "backend": "openvino"}]``, best first."""
    return {"event": "devices", "job": job, "devices": [dict(device) for device in found]}


def cancelled(job: str) -> dict[str, Any]:
    """A job's end after a cancel."""
    return {"event": "cancelled", "job": job}


def error(job: str | None, code: str, message: str, hint: str = "", details: str = "") -> dict[str, Any]:
    """A job's end by failure: message and hint are for the person, details (a traceback) for the log only."""
    return {"event": "error", "job": job, "code": code, "message": message, "hint": hint, "details": details}


def engine_folder() -> Path:
    """The folder that holds the ``radiologycnn`` package: what a worker's PYTHONPATH needs."""
    return Path(__file__).resolve().parents[2]
