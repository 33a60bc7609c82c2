"""A rater as a process of its own: accepts one mask after the other until it ends or is killed.

Usage: annotation_rater.py FOLDER RATER COUNT [CASES [drafts|submits]]      prints "case sha256" when an accept returned

With "drafts", each accept follows two drafts of another mask, as the panel keeps them while a person draws. With
"submits", accepts are submitted, as the panel does, and every fifth time settled; the hash is the voxels' then.
"""

import csv
import hashlib
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

from radiologycnn.annotation.records import Decision, Mask
from radiologycnn.annotation.store import AnnotationStore

SHAPE = (6, 32, 40)


def mask_of(rater: str, number: int) -> Mask:
    """A mask that no other rater and no other number has."""
    random = np.random.default_rng([number, *rater.encode()])
    return Mask((random.random((3, 9, 11)) < 0.5).astype(np.uint8), (1, 4 + number % 8, 5))


def whole_of(mask: Mask, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    """A mask on its whole grid, uint8 (K, J, I)."""
    whole = np.zeros(shape, np.uint8)
    whole[mask.box] = mask.crop
    return whole


def voxels_sha(mask: Mask, shape: tuple[int, ...]) -> str:
    """SHA-256 of a mask's voxels on its whole grid."""
    return hashlib.sha256(whole_of(mask, shape).tobytes()).hexdigest()


def run_rater(folder: Path, rater: str, count: int, cases: int | None = None, *more: str) -> subprocess.Popen:
    """Start this program."""
    command = [sys.executable, __file__, str(folder), rater, str(count), str(cases or count), *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def lines_of(folder: Path, delimiter: str = ",") -> list[dict[str, str]]:
    """The rows of the folder's ``cases.csv``."""
    with (folder / "cases.csv").open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file, delimiter=delimiter))


def saved_by_spreadsheet(folder: Path, encoding: str = "utf-8-sig", delimiter: str = ";", **cells: str) -> Path:
    """Fill cells into the first line of the folder's ``cases.csv``, as a spreadsheet program saves them; the file."""
    rows = lines_of(folder)
    rows[0].update(cells)
    path = folder / "cases.csv"
    with path.open("w", newline="", encoding=encoding) as file:
        lines = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        lines.writeheader()
        lines.writerows(rows)
    return path


def main(folder: str, rater: str, count: int, cases: int, drafts: bool, submits: bool) -> None:
    store = AnnotationStore(folder, rater)
    names = store.add_sources([(f"{n:032x}", "") for n in range(cases)])
    for number in range(count):
        case = names[f"{number % cases:032x}"]
        store.write_scan(case, np.zeros(SHAPE, np.int16), np.diag([0.5, 0.5, 5.0, 1.0]))
        for draft in range(2 * drafts):
            store.begin(case)
            store.decide(case, Decision("in-progress", mask_of(f"{rater}-draft", 2 * number + draft)))
        if submits:
            mask = mask_of(rater, number)
            store.submit(case, Decision("accepted", mask, seconds=number))
            print(case, voxels_sha(mask, SHAPE), flush=True)
            if number % 5 == 4:
                store.settle()
            continue
        word = store.decide(case, Decision("accepted", mask_of(rater, number), seconds=number))
        print(case, word.mask_sha256, flush=True)


if __name__ == "__main__":
    cases_wanted = int(sys.argv[4]) if len(sys.argv) > 4 else int(sys.argv[3])
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), cases_wanted, "drafts" in sys.argv[5:], "submits" in sys.argv[5:])
