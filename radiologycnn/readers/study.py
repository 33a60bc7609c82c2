"""A reader study: a folder with scans, its settings, its truth where there is one, and each reader's own order.

::

    study/
      CASE.nii.gz, CASE.nrrd, CASE/ (DICOM) ...   the scans; also in a folder "scans"
      study.json                                  settings; optional
      truth.csv                                   case, tear_class; optional
      readers/READER.csv                          answers, one file a reader
      network/CASE/classification.json ...        what ``radiologycnn classify`` writes; optional
      network/predictions.csv                     what the network says of all; optional

Light on purpose: the Slicer panel imports this.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from radiologycnn.dicom_file import looks_like_dicom
from radiologycnn.errors import InputError
from radiologycnn.evaluation.class_files import read_class_table
from radiologycnn.reserved_names import is_reserved

SETTINGS_NAME = "study.json"
TRUTH_NAME = "truth.csv"
SCANS_FOLDER = "scans"
READERS_FOLDER = "readers"
NETWORK_FOLDER = "network"
COMPARISON_FOLDER = "comparison"
PREDICTIONS_NAME = "predictions.csv"
SCAN_ENDINGS = (".nii.gz", ".nii", ".nrrd", ".mha")
#: What lies beside scans in many folders and is none.
NO_SCAN_WORDS = ("-mask", "_mask", "-tear", "_tear", "-label", "_label", ".seg")
MAXIMUM_READER_LENGTH = 40


@dataclass(frozen=True)
class StudySettings:
    """What ``study.json`` says.

    Attributes:
        title: of the study, as readers see it; "" takes the folder's name.
        allow_back: whether a reader may go back and change an answer.
        show_region: whether readers see the box that the network sees, where the network's results are in the study.
        show_map: whether readers see the activation map (an aided reading), where it is in the study.
        allow_marks: whether readers can mark the tear with a box or a point.
        seed: of the readers' orders.
    """

    title: str = ""
    allow_back: bool = False
    show_region: bool = False
    show_map: bool = False
    allow_marks: bool = True
    seed: int = 0

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> StudySettings:
        """Inverse of :meth:`to_dict`; what is absent has its default.

        Raises:
            InputError: an unknown name, or a value of the wrong kind.
        """
        kinds: dict[str, type] = {one.name: type(one.default) for one in fields(cls)}
        for name, value in record.items():
            if name not in kinds:
                raise InputError(
                    "bad-study", f"{SETTINGS_NAME} has an unknown setting “{name}”.", f"Known: {', '.join(kinds)}."
                )
            if type(value) is not kinds[name]:
                words = {str: "a text", bool: "true or false", int: "a whole number"}[kinds[name]]
                raise InputError("bad-study", f"{SETTINGS_NAME}: “{name}” must be {words}.", "Correct the file.")
        return cls(**record)


@dataclass(frozen=True)
class StudyCase:
    """One scan: its name in all tables, and its file or DICOM folder."""

    name: str
    path: Path


@dataclass(frozen=True)
class Study:
    """An opened study; cases in alphabetical order."""

    folder: Path
    settings: StudySettings
    cases: tuple[StudyCase, ...]
    truth: Mapping[str, int] | None

    @property
    def title(self) -> str:
        """What the study is called: its own title, or its folder's name."""
        return self.settings.title or self.folder.name

    @property
    def readers_folder(self) -> Path:
        """Where the readers' answers lie, a file each."""
        return self.folder / READERS_FOLDER

    def case(self, name: str) -> StudyCase:
        """The case of that name, which there is."""
        return next(one for one in self.cases if one.name == name)

    def network_folder(self, case: str) -> Path:
        """Where the network's results of a case lie, if there are any."""
        return self.folder / NETWORK_FOLDER / case


def open_study(folder: str | Path) -> Study:
    """Read a study's folder.

    Raises:
        InputError: no such folder, no scans in it, or settings or truth that cannot be read.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError("no-study", f"There is no folder {folder}.", "Choose the folder with the study's scans.")
    settings = _read_settings(folder / SETTINGS_NAME)
    home = folder / SCANS_FOLDER if (folder / SCANS_FOLDER).is_dir() else folder
    found: dict[str, StudyCase] = {}
    for path in sorted(home.iterdir()):
        name = _case_name(path)
        if name is None:
            continue
        if name in found:
            raise InputError(
                "bad-study",
                f"Two scans are called “{name}”: {found[name].path.name} and {path.name}.",
                "Keep one, or rename one of them.",
            )
        found[name] = StudyCase(name, path)
    if not found:
        raise InputError(
            "no-scans",
            f"There are no scans in {folder.name}.",
            f"Put {', '.join(SCAN_ENDINGS)} files or folders with DICOM files into it.",
        )
    truth = None
    if (folder / TRUTH_NAME).is_file():
        table = read_class_table(folder / TRUTH_NAME)
        truth = table.classes
        if not truth.keys() & found.keys():
            raise InputError(
                "bad-study",
                f"No case of {TRUTH_NAME} has the name of a scan.",
                "Name the cases like the scans' files, without the ending.",
            )
    return Study(folder, settings, tuple(found[name] for name in sorted(found)), truth)


def write_settings(folder: Path, settings: StudySettings) -> Path:
    """Write ``study.json``."""
    path = folder / SETTINGS_NAME
    path.write_text(json.dumps(settings.to_dict(), indent=2) + "\n", encoding="utf-8")
    return path


def settings_words(settings: StudySettings, other: StudySettings) -> str:
    """What settings say where others say something else, as ``study.json`` has it: "title “Spring”, seed 1"."""
    return ", ".join(
        f"{name} “{value}”" if isinstance(value, str) else f"{name} {json.dumps(value)}"
        for name, value in settings.to_dict().items()
        if value != getattr(other, name)
    )


def reading_order(seed: int, reader: str, cases: Sequence[str]) -> list[str]:
    """The order in which a reader sees the cases: random, but the same whenever it is asked for.

    Each case gets a random number of its own from the seed, the reader and its name; so a scan that is added later
    changes nothing in the order of the others.
    """

    def drawn(case: str) -> float:
        text = json.dumps([seed, reader.strip().casefold(), case])
        return random.Random(hashlib.sha256(text.encode("utf-8")).digest()).random()

    return sorted(cases, key=lambda case: (drawn(case), case))


def checked_reader(reader: str, known: Collection[str] = ()) -> str:
    """A reader's id, if it can name a file.

    Args:
        known: ids of a study that is there; one that Windows keeps for itself, from before such names were refused,
            stays allowed.

    Raises:
        InputError: empty, too long, a name that Windows keeps for itself, or with characters that file systems refuse.
    """
    reader = reader.strip()
    if not reader:
        raise InputError("bad-reader", "There is no reader id.", "Type one, such as R01.")
    if len(reader) > MAXIMUM_READER_LENGTH or not all(one.isalnum() or one in "-_ " for one in reader):
        raise InputError(
            "bad-reader",
            f"“{reader[:MAXIMUM_READER_LENGTH]}” cannot be a reader id.",
            f"Use up to {MAXIMUM_READER_LENGTH} letters, digits, spaces, - and _.",
        )
    if is_reserved(reader) and reader.casefold() not in map(str.casefold, known):
        raise InputError(
            "bad-reader",
            f"“{reader}” cannot be a reader id: Windows allows no file of that name.",
            "Choose another one.",
        )
    return reader


def _read_settings(path: Path) -> StudySettings:
    if not path.is_file():
        return StudySettings()
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError("bad-study", f"{path.name} cannot be read: it is no JSON.", "Correct the file.") from error
    if not isinstance(record, dict):
        raise InputError("bad-study", f"{path.name} must hold names and values.", "Correct the file.")
    return StudySettings.from_dict(record)


def _case_name(path: Path) -> str | None:
    """A scan's name; None for what is no scan."""
    if path.name.startswith("."):
        return None
    if path.is_dir():
        reserved = (READERS_FOLDER, NETWORK_FOLDER, SCANS_FOLDER, COMPARISON_FOLDER)
        if path.name in reserved:
            return None
        files = (one for one in path.iterdir() if one.is_file() and not one.name.startswith("."))
        return path.name if any(map(looks_like_dicom, files)) else None
    ending = next((one for one in SCAN_ENDINGS if path.name.lower().endswith(one)), None)
    if ending is None or not path.is_file():
        return None
    name = path.name[: -len(ending)]
    return None if name.lower().endswith(NO_SCAN_WORDS) else name
