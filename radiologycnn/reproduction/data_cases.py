"""A person's data folder in a reproduction: every scan is looked at before anything is learned, and shared out once.

A run may go on for days, in pieces. The parts that its cases were drawn into are kept with it, because another draw,
of a manifest that was changed meanwhile, would test on scans that were learned from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from radiologycnn.errors import InputError
from radiologycnn.evaluation.words import counted
from radiologycnn.reproduction.settings import BUNDLED
from radiologycnn.reproduction.workspace import Workspace
from radiologycnn.training.case_files import read_manifest
from radiologycnn.training.prepared_files import written

Row = Mapping[str, str]

#: Columns that decide what a case is, and in which part it may be.
_FACTS = ("id", "image", "mask", "class", "side", "centre", "patient", "split")
_NAMED_AT_MOST = 5


def shared_out(
    workspace: Workspace,
    data: Path,
    files: tuple[Sequence[str], Sequence[str]],
    test_share: float,
    validation_share: float,
    check: Callable[[Row, bool], None],
) -> dict[str, list[Row]]:
    """Rows of the data folder's manifest by "train", "validation" and "test", as when the run began.

    Args:
        files: columns that name a file in every row, and those that may.
        test_share, validation_share: of the patients that the manifest gives no split.
        check: of a row, and whether it is to be tested on: raises InputError where its scan cannot be used.

    Raises:
        InputError: no such manifest, too few cases, scans that cannot be used, or a manifest that has been changed.
        Cancelled: as the workspace was told.
    """
    report = workspace.stage("Checking the scans")
    rows = {row["id"]: row for row in read_manifest(data, *files)}
    facts = {name: _facts(row, data, files) for name, row in rows.items()}

    def draw() -> dict[str, object]:
        learns = workspace.settings.models != BUNDLED
        parts = split_rows(list(rows.values()), workspace.settings.seed, test_share, validation_share, learns)
        refused = []
        asked = [(row, part == "test") for part, own in parts.items() for row in own]
        for number, (row, is_test) in enumerate(asked):
            workspace.check()
            report(number / len(asked), row["id"])
            try:
                check(row, is_test)
            except InputError as error:
                refused.append((row["id"], error))
        if refused:
            raise _refusal(refused)
        return {"cases": facts, "parts": {part: [row["id"] for row in own] for part, own in parts.items()}}

    kept = workspace.step("parts", draw)
    if kept["cases"] != facts:
        raise _changed(kept["cases"], facts)
    return {part: [rows[name] for name in names] for part, names in kept["parts"].items()}


def _facts(row: Row, data: Path, files: tuple[Sequence[str], Sequence[str]]) -> dict[str, object]:
    """What a case is, JSON-able, with size and time of the files that it consists of."""
    stated = {fact: (row.get(fact) or "").strip() for fact in _FACTS}
    named = [stated[column] for columns in files for column in columns if stated.get(column)]
    return stated | {"files": [[list(part) for part in written(data / name)] for name in named]}


def _refusal(refused: Sequence[tuple[str, InputError]]) -> InputError:
    if len(refused) == 1:
        name, error = refused[0]
        return InputError(error.code, _with_name(name, error), error.hint)
    told = " ".join(_with_name(name, error) for name, error in refused[:_NAMED_AT_MOST])
    more = f" And {len(refused) - _NAMED_AT_MOST} more." if len(refused) > _NAMED_AT_MOST else ""
    return InputError(
        "unusable-cases",
        f"{counted(len(refused), 'case')} cannot be used. {told}{more}",
        "Correct them, or take their lines out of cases.csv. Nothing has been learned yet.",
    )


def _with_name(name: str, error: InputError) -> str:
    """What is wrong with a case; many sentences name it already."""
    return error.message if f"case {name}" in error.message else f"Case {name}: {error.message}"


@contextmanager
def naming(case_id: str) -> Iterator[None]:
    """Says of which case an InputError is."""
    try:
        yield
    except InputError as error:
        raise InputError(error.code, _with_name(case_id, error), error.hint) from error


def joined_names(cell: str | None) -> frozenset[str]:
    """The names in small letters that a manifest's cell joins by +, as in "calcification+metal"."""
    return frozenset(one.strip().lower() for one in (cell or "").split("+")) - {""}


def _changed(before: Mapping[str, Row], now: Mapping[str, Row]) -> InputError:
    differing = {
        "new": [name for name in now if name not in before],
        "gone": [name for name in before if name not in now],
        "changed": [name for name, facts in now.items() if name in before and before[name] != facts],
    }
    told = "; ".join(f"{word}: {_listed(names)}" for word, names in differing.items() if names)
    return InputError(
        "other-data",
        f"cases.csv, or a scan or mask that it names, is not as it was when this run began ({told}). Test cases could "
        "be some that were learned from, and finished parts be of other scans or masks.",
        "Put it back to go on, or begin in another folder.",
    )


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMED_AT_MOST
    return ", ".join(names[:_NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")


def split_rows(
    rows: Sequence[Row], seed: int, test_share: float, validation_share: float, learns: bool = True
) -> dict[str, list[Row]]:
    """Rows of a manifest by "train", "validation" and "test"; what the manifest leaves open is drawn by the seed.

    All scans of a patient go to one part; the shares are of patients.

    Args:
        learns: False where nothing is: all that is not kept for learning is tested on, and nothing else is needed.

    Raises:
        InputError: too few cases.
    """
    found: dict[str, list[Row]] = {"train": [], "validation": [], "test": []}
    if not learns:
        found["test"] = [row for row in rows if row["split"] in ("", "test")]
        if not found["test"]:
            raise InputError(
                "too-few-cases",
                "There is no case to test on: all have a split, and none is “test”.",
                "Leave the column split empty, or write test where cases are to be tested on.",
            )
        return found
    free: dict[str, list[Row]] = {}
    for row in rows:
        (found[row["split"]] if row["split"] else free.setdefault(row.get("patient") or row["id"], [])).append(row)
    patients = list(free.values())
    order = [patients[i] for i in np.random.default_rng(seed).permutation(len(patients))]
    for part, share in (("test", test_share), ("validation", validation_share)):
        if not found[part] and order:
            count = min(max(1, round(share * len(order))), max(len(order) - 2, 0))
            chosen, order = order[:count], order[count:]
            found[part] = [row for one in chosen for row in one]
    found["train"] += [row for one in order for row in one]
    if not all(found.values()):
        raise InputError(
            "too-few-cases",
            "The data do not make a training, a validation and a test part.",
            "Add cases, or name splits in the manifest.",
        )
    return found
