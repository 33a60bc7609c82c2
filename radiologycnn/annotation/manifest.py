"""``cases.csv`` of an annotation dataset: one line for each case that somebody has accepted."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from radiologycnn.annotation.records import ACCEPTED
from radiologycnn.images.write import write_atomically

if TYPE_CHECKING:
    from radiologycnn.annotation.store import AnnotationStore

MANIFEST_NAME = "cases.csv"
COLUMNS = ("id", "image", "mask", "split", "rater", "accepted_by", "volume_ml", "model")
_MOST_ROUNDS = 20


def write_manifest(store: AnnotationStore) -> None:
    """Bring ``cases.csv`` in line with all raters' words.

    Of several raters' accepted masks the latest stands in the line; the others are in ``masks``. The column ``split``
    is kept as it is in the file. Raters may write at the same time: after writing, the words are read again, and where
    there are new ones the file is written again, so that whoever writes last has seen every word.
    """
    path = store.folder / MANIFEST_NAME
    for _round in range(_MOST_ROUNDS):
        content = _manifest(store)
        if path.is_file() and path.read_bytes() == content:
            return
        write_atomically(path, content)


def _manifest(store: AnnotationStore) -> bytes:
    accepted: dict[str, list] = {}
    for word in store.annotations():
        if word.status == ACCEPTED and word.mask:
            accepted.setdefault(word.case, []).append(word)
    splits = _splits(store)
    text = io.StringIO()
    lines = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    lines.writeheader()
    for case in store.cases():
        words = sorted(accepted.get(case.id, ()), key=lambda word: (word.decided_at, word.rater))
        if not words or not case.image:
            continue
        latest = words[-1]
        lines.writerow(
            {
                "id": case.id,
                "image": case.image,
                "mask": latest.mask,
                "split": splits.get(case.id, ""),
                "rater": latest.rater,
                "accepted_by": " ".join(word.rater for word in words),
                "volume_ml": f"{latest.volume_ml:.3f}",
                "model": latest.model.get("id", ""),
            }
        )
    return text.getvalue().encode()


def _splits(store: AnnotationStore) -> dict[str, str]:
    path = store.folder / MANIFEST_NAME
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8-sig") as file:
        return {row["id"]: (row.get("split") or "").strip() for row in csv.DictReader(file) if row.get("id")}
