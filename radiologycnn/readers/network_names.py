"""What networks are called in a comparison: each by what tells it from the others, and no two alike."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from radiologycnn.errors import InputError
from radiologycnn.readers.tables import Predictions


def named_apart(paths: Sequence[Path], tables: Sequence[Predictions], taken: Collection[str] = ()) -> list[Predictions]:
    """The tables, with another name each where names are alike: by the model that they name, else by their folders.

    A name that is like no other stays as it is.

    Args:
        paths: of the tables.
        taken: names that nobody else may have, such as those of readers; small and capital letters are alike.

    Raises:
        InputError: a table is there twice.
    """
    places = [path.resolve() for path in paths]
    twice = next((path for path in paths if places.count(path.resolve()) > 1), None)
    if twice is not None:
        raise InputError("same-table", f"The table {twice} is given twice.", "Give each table once.")
    names = [table.name for table in tables]
    alike: dict[str, list[int]] = {}
    for number, name in enumerate(names):
        alike.setdefault(name.casefold(), []).append(number)
    for numbers in alike.values():
        if len(numbers) > 1:
            more = _told_apart([tables[number].model for number in numbers], [places[number] for number in numbers])
            for number, words in zip(numbers, more):
                names[number] = f"{names[number]} ({words})"
    used = {name.casefold() for name in taken}
    for number, name in enumerate(names):
        names[number] = _unused(name, used)
        used.add(names[number].casefold())
    return [replace(table, name=name) for table, name in zip(tables, names)]


def _told_apart(models: Sequence[str], places: Sequence[Path]) -> list[str]:
    """Words that differ: the models where each table names another one, else as much of the folders as it takes."""
    if all(models) and len({model.casefold() for model in models}) == len(models):
        return list(models)
    folders = [place.parent.parts for place in places]
    for count in range(1, max(map(len, folders)) + 1):
        words = ["/".join(parts[-count:]) for parts in folders]
        if len({one.casefold() for one in words}) == len(words):
            return words
    return [place.name for place in places]  # tables of one folder whose names differ in capitals alone


def _unused(name: str, used: Collection[str]) -> str:
    number, wanted = 1, name
    while wanted.casefold() in used:
        number += 1
        wanted = f"{name} {number}"
    return wanted
