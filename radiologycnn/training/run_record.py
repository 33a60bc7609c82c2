"""What a run in a folder was begun with, so that it goes on only as it began."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from radiologycnn.errors import InputError
from radiologycnn.evaluation.summary import plain_record, write_record
from radiologycnn.training.settings import CommonSettings


def begin_or_resume(path: Path, record: Mapping[str, Any], settings: CommonSettings, resume: bool) -> None:
    """Write the record of a new run, or compare it with that of the run that is to go on.

    Args:
        record: what else decides the outcome, JSON-able.
        settings: of the trainings, or what they have in common.

    Raises:
        InputError: the folder holds a run and none was to be resumed, or one of another record.
    """
    wanted = plain_record({**record, "settings": settings.to_dict()})
    if not path.exists():
        if resume:
            raise InputError("nothing-to-resume", f"There is no run to go on with in {path.parent}.", "Start it first.")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_record(path, wanted)
        return
    if not resume:
        raise InputError(
            "folder-in-use", f"{path.parent} holds a run already.", "Add --resume to go on with it, or name another."
        )
    begun = json.loads(path.read_text(encoding="utf-8"))
    differing = _differing(_without_settings(begun), _without_settings(wanted))
    differing += settings.differing(begun["settings"])
    if differing:
        raise _other_settings(path, differing)


def begin_or_resume_one(
    path: Path, source: Mapping[str, Any], started_from: Mapping[str, str], resume: bool
) -> Mapping[str, str]:
    """The same of a single training, whose settings are in its checkpoint.

    Args:
        source: what else decides which cases it learns what from, JSON-able.
        started_from: the model that gave the first weights, as :func:`.packages.mark_of`; a run that goes on need not
            name it again.

    Returns:
        The model that the run was begun with; empty for none.

    Raises:
        InputError: the run that is to go on had another source, or another model.
    """
    wanted = plain_record({"source": dict(source), "started_from": dict(started_from)})
    # Earlier versions kept no such record: then what is said now counts.
    if resume and path.exists():
        begun = json.loads(path.read_text(encoding="utf-8"))
        wanted["started_from"] = wanted["started_from"] or begun["started_from"]
        differing = _differing(begun["source"], wanted["source"])
        if begun["started_from"] != wanted["started_from"]:
            differing.append("the model to start from")
        if differing:
            raise _other_settings(path, differing)
        return begun["started_from"]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_record(path, wanted)
    return wanted["started_from"]


def _other_settings(path: Path, differing: Sequence[str]) -> InputError:
    return InputError(
        "other-settings",
        f"The run in {path.parent} was begun with other settings: {', '.join(differing)}.",
        "Go on with the same settings, or start in a new folder.",
    )


def _without_settings(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name != "settings"}


def _differing(begun: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """Names of what differs, of parts of a record by their own names."""
    found = []
    for name in [*wanted, *(name for name in begun if name not in wanted)]:
        one, other = begun.get(name), wanted.get(name)
        if isinstance(one, dict) and isinstance(other, dict):
            found += _differing(one, other)
        elif one != other:
            found.append(name)
    return found
