"""What a data set's folder layout tells of its scans, before any of them is opened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from radiologycnn.errors import InputError
from radiologycnn.hemorrhage.labels import BLEED_TYPES

ENDINGS = (".nii.gz", ".nii")

TYPES = tuple(BLEED_TYPES)
"""Bleed types as the manifest names them: intraparenchymal, intraventricular, subdural, epidural, subarachnoid."""

NO_BLEED = "none"

_CHANNEL = "_0000"  # what nnU-Net wants at the end of an image's name, but not of its mask's

_DEEPEST = 3  # folders below the given one, as archives are unpacked into folders of their own


@dataclass(frozen=True)
class Scan:
    """One scan by its files.

    Attributes:
        id: of the case, unique over data sets.
        mask: None where the data set has none.
        patient: whose scan it is.
        split: "test" where the data set's authors set it aside, else "".
        types: what is known of its bleeds from a table, in the order of :data:`TYPES`; () is none, None not known.
        slices: how many the data set's table has; 0 not known.
        more: further columns of the manifest.
    """

    id: str
    image: Path
    mask: Path | None
    patient: str
    split: str = ""
    types: tuple[str, ...] | None = None
    slices: int = 0
    more: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """Scans of a data set, and cases without one: the reasons by id."""

    scans: list[Scan]
    absent: dict[str, str] = field(default_factory=dict)


class Layout(Protocol):
    """A data set that can be read.

    Attributes:
        key: its name on the command line and before its cases' ids.
        title: its name for people.
        reference: where it is described.
        expected: its folders in words, for who gave another folder.
        mask_types: bleed type by the values of its masks; None where any value is blood of no stated type.
    """

    key: str
    title: str
    reference: str
    expected: str
    mask_types: Mapping[int, str] | None

    def find(self, source: Path) -> Found:
        """The scans in the folder as it was downloaded.

        Raises:
            InputError: the folder is not laid out like this.
        """


def find_root(source: Path, layout: Layout, folders: Sequence[str]) -> tuple[Path, list[Path]]:
    """The folder, at or below the given one, that holds folders of these names; and they.

    Upper and lower case, blanks and underscores do not matter.

    Raises:
        InputError: there is none, or several.
    """
    if not source.is_dir():
        raise InputError("no-such-folder", f"There is no folder {source}.", "Check the path.")
    found = []
    for folder in _folders_below(source, _DEEPEST):
        names = {_plain(child.name): child for child in folder.iterdir() if child.is_dir()}
        if all(_plain(name) in names for name in folders):
            found.append((folder, [names[_plain(name)] for name in folders]))
    if not found:
        raise InputError(
            "other-layout",
            f"{source} is not laid out as {layout.title}: nothing in it holds the folders "
            + " and ".join(f"“{name}”" for name in folders)
            + ".",
            layout.expected,
        )
    if len(found) > 1:
        raise InputError(
            "several-data-sets",
            f"{source} holds {layout.title} several times: {', '.join(str(folder) for folder, _ in found)}.",
            "Give one of these folders.",
        )
    return found[0]


def image_files(folder: Path) -> dict[str, Path]:
    """NIfTI files by their names without ending, sorted."""
    found = {}
    for path in sorted(folder.iterdir()):
        ending = next((e for e in ENDINGS if path.name.lower().endswith(e)), "")
        if ending and path.is_file() and not path.name.startswith("."):
            found[path.name[: -len(ending)]] = path
    return found


def find_file(folder: Path, name: str) -> Path | None:
    """A file of this name in a folder, upper and lower case alike."""
    return next((path for path in sorted(folder.iterdir()) if path.name.lower() == name.lower()), None)


def paired(key: str, images: Path, masks: Path) -> tuple[list[tuple[str, Path, Path | None]], dict[str, str]]:
    """(name, image, mask) by equal file names, nnU-Net's channel number left out; and masks without an image."""
    ours, theirs = image_files(images), image_files(masks)
    ours = {name.removesuffix(_CHANNEL) if name not in theirs else name: path for name, path in ours.items()}
    absent = {f"{key}-{name}": f"There is a mask in {masks.name}, but no scan." for name in theirs if name not in ours}
    return [(name, path, theirs.get(name)) for name, path in ours.items()], absent


def _folders_below(folder: Path, depth: int) -> Iterator[Path]:
    yield folder
    if depth:
        for child in sorted(folder.iterdir()):
            if child.is_dir() and not child.name.startswith("."):
                yield from _folders_below(child, depth - 1)


def _plain(name: str) -> str:
    return name.lower().replace("_", " ").strip()
