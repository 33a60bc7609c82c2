"""Readers of tear classes: people's answers from a CSV file, or simulated ones in their place.

Simulated readers answer from the known truth with a confusion profile, and nothing else: a tear is called a tear with
the group's sensitivity, a tear's class is right with a chance that gives the group's top-1 accuracy, and wrong classes
are the more likely the nearer they are. The profiles are set to Shim 2020's medians; each reader strays from them. They
hold the place of people so that tables and tests run; a network's lead over them says nothing about people.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from radiologycnn.errors import InputError
from radiologycnn.evaluation.class_files import CODES
from radiologycnn.evaluation.summary import write_rows
from radiologycnn.evaluation.table_files import number_in, read_table
from radiologycnn.evaluation.words import counted
from radiologycnn.reproduction.shim2020 import GENERALISTS, READERS, SPECIALISTS
from radiologycnn.rotatorcuff.tear_classes import FROM_PAPER_CODES, TEAR_CLASSES

COLUMNS = ("reader", "group", "case", "tear_class")
_STREAM = 6151  # apart from the streams that drew the scans


@dataclass(frozen=True)
class Reader:
    """One person's answers: class 0-4 by case, and seconds where they were taken."""

    name: str
    group: str
    classes: dict[str, int]
    seconds: dict[str, float]


@dataclass(frozen=True)
class Profile:
    """How a group errs.

    Attributes:
        sensitivity, specificity: of "is there a tear".
        right_class: chance that a tear that is called one gets its class.
        seconds, seconds_spread: median for a case among the group's readers, and spread of its logarithm.
    """

    sensitivity: float
    specificity: float
    right_class: float
    seconds: float
    seconds_spread: float


# Medians of Shim 2020, Table 3a; right_class from top-1 with 36 % of the cases without a tear:
# (top-1 - 0.36 specificity) / (0.64 sensitivity).
PROFILES = {
    SPECIALISTS: Profile(0.89, 0.61, 0.42, 20.3, 0.8),
    GENERALISTS: Profile(0.93, 0.26, 0.355, 34.2, 1.5),
}
_READER_SPREAD = 0.5  # of the logits between readers of a group; our own choice
_FALL = 0.9  # classes by which a wrong answer's chance falls to 1/e


def simulated_readers(truth: Mapping[str, int], seed: int) -> list[Reader]:
    """As many of each group as the paper had."""
    readers = []
    for number, (group, count) in enumerate(READERS.items()):
        for one in range(count):
            rng = np.random.default_rng(np.random.SeedSequence([int(seed), _STREAM, number, one]))
            readers.append(_simulated(f"{group.removesuffix('s')} {one + 1}", group, PROFILES[group], truth, rng))
    return readers


def _simulated(name: str, group: str, profile: Profile, truth: Mapping[str, int], rng: np.random.Generator) -> Reader:
    def strayed(share: float) -> float:
        return float(1 / (1 + np.exp(-(np.log(share / (1 - share)) + _READER_SPREAD * rng.standard_normal()))))

    sensitivity, specificity, right = (
        strayed(share) for share in (profile.sensitivity, profile.specificity, profile.right_class)
    )
    pace = profile.seconds * float(np.exp(profile.seconds_spread * rng.standard_normal()))
    classes, seconds = {}, {}
    count = len(TEAR_CLASSES)
    for case, true in truth.items():
        chances = np.zeros(count)
        far = np.abs(np.arange(1, count) - max(true, 1))
        wrong = np.exp(-far / _FALL)
        if true == 0:
            chances[0] = specificity
            chances[1:] = (1 - specificity) * wrong / wrong.sum()
        else:
            wrong[true - 1] = 0
            chances[0] = 1 - sensitivity
            chances[1:] = sensitivity * (1 - right) * wrong / wrong.sum()
            chances[true] = sensitivity * right
        classes[case] = int(rng.choice(count, p=chances / chances.sum()))
        seconds[case] = round(pace * float(np.exp(0.3 * rng.standard_normal())), 1)
    return Reader(name, group, classes, seconds)


def write_readers(path: Path, readers: Sequence[Reader]) -> None:
    """The table that :func:`read_readers` reads."""
    rows = [
        {"reader": r.name, "group": r.group, "case": c, "tear_class": TEAR_CLASSES[k].name, "seconds": r.seconds.get(c)}
        for r in readers
        for c, k in r.classes.items()
    ]
    write_rows(path, rows)


def read_readers(path: Path, cases: Sequence[str], codes: str = "ordinal") -> list[Reader]:
    """Readers of a CSV file with the columns reader, group, case, tear_class and, where known, seconds.

    Args:
        cases: that every reader must have judged; answers on others are left out.
        codes: of numbers in tear_class: "ordinal" or "paper".

    Raises:
        InputError: not such a table, or a case without an answer; the line or the case is named.
    """
    if codes not in CODES:
        raise InputError("unknown-codes", f"There are no class codes “{codes}”.", f"Use {' or '.join(CODES)}.")
    heading, rows = read_table(path)
    if not rows or not set(COLUMNS) <= set(heading):
        raise InputError(
            "bad-table", f"{path.name} lacks one of the columns {', '.join(COLUMNS)}.", "Name the columns so."
        )
    words = {one.name.lower(): one.index for one in TEAR_CLASSES} | {one.key: one.index for one in TEAR_CLASSES}
    words |= {str(n): FROM_PAPER_CODES[n] if codes == "paper" else n for n in range(len(TEAR_CLASSES))}
    readers: dict[str, Reader] = {}
    for row in rows:
        tear_class = words.get(row["tear_class"].lower())
        if tear_class is None or not row["reader"]:
            raise InputError(
                "bad-table", f"Line {row.line} of {path.name}: no reader, or no class “{row['tear_class']}”.", ""
            )
        reader = readers.setdefault(row["reader"], Reader(row["reader"], row["group"] or "Readers", {}, {}))
        if row["case"] in reader.classes:
            raise InputError(
                "bad-table",
                f"Line {row.line} of {path.name}: reader {reader.name} answers case {row['case']} a second time.",
                "Leave one answer a case and reader.",
            )
        reader.classes[row["case"]] = tear_class
        try:
            reader.seconds[row["case"]] = number_in(row.get("seconds") or "nan")
        except ValueError as error:
            raise InputError("bad-table", f"Line {row.line} of {path.name}: the seconds are no number.", "") from error
    for reader in readers.values():
        missing = [case for case in cases if case not in reader.classes]
        if missing:
            raise InputError(
                "missing-answers",
                f"Reader {reader.name} has no answer on {counted(len(missing), 'test case')}, such as {missing[0]}.",
                "Leave the reader out, or complete the table.",
            )
    return list(readers.values())
