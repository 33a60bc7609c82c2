"""``cases.csv`` of an annotation dataset: one line for each case that somebody has accepted."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from radiologycnn.images.write import write_atomically

if TYPE_CHECKING:
    from radiologycnn.annotation.dataset import AnnotationDataset

MANIFEST_NAME = "cases.csv"
COLUMNS = ("id", "image", "mask", "split", "rater", "accepted_by", "volume_ml", "model", "patient", "types")
BY_HAND = ("split", "patient")
"""Columns that people fill in. Cases of one ``patient`` (any word) stay on one side of every split."""
_MOST_ROUNDS = 20


def write_manifest(dataset: AnnotationDataset) -> None:
    """Bring ``cases.csv`` in line with all raters' words and with the choice of training masks.

    Of several raters' accepted masks the consensus stands in the line where that was chosen and made of these masks,
    else the latest; all of them are in ``masks``. What people have filled in is kept as it is in the file. Raters may
    write at the same time: after writing, the words are read again, and where there are new ones the file is written
    again, so that whoever writes last has seen every word.
    """
    path = dataset.folder / MANIFEST_NAME
    for _round in range(_MOST_ROUNDS):
        content = _manifest(dataset)
        if path.is_file() and path.read_bytes() == content:
            return
        write_atomically(path, content)


def read_manifest_lines(dataset: AnnotationDataset) -> dict[str, dict[str, str]]:
    """The lines of ``cases.csv`` by case; empty without the file."""
    path = dataset.folder / MANIFEST_NAME
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8-sig") as file:
        return {row["id"]: row for row in csv.DictReader(file) if row.get("id")}


def _manifest(dataset: AnnotationDataset) -> bytes:
    accepted, before = dataset.accepted(), read_manifest_lines(dataset)
    text = io.StringIO()
    lines = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    lines.writeheader()
    for case in dataset.cases():
        words = accepted.get(case.id, [])
        if not words or not case.image:
            continue
        latest, agreed = words[-1], dataset.training_consensus(case.id, words)
        line = {
            "id": case.id,
            "image": case.image,
            "mask": agreed.mask if agreed else latest.mask,
            "rater": "consensus" if agreed else latest.rater,
            "accepted_by": " ".join(word.rater for word in words),
            "volume_ml": f"{(agreed or latest).volume_ml:.3f}",
            "model": latest.model.get("id", ""),
            "types": (agreed or latest).types,
        }
        line.update({name: (before.get(case.id, {}).get(name) or "").strip() for name in BY_HAND})
        lines.writerow(line)
    return text.getvalue().encode()
