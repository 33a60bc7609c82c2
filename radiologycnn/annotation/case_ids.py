"""Ids of an annotation dataset's cases: one for each scan, also when two raters open the same scans at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from radiologycnn.annotation.file_lock import file_lock
from radiologycnn.annotation.former_ids import carry_over, ids_by_source
from radiologycnn.annotation.json_files import create_once, json_bytes
from radiologycnn.annotation.records import Case
from radiologycnn.reserved_names import is_reserved

if TYPE_CHECKING:
    from radiologycnn.annotation.dataset import AnnotationDataset

# Longer than another rater's thousands of new scans take.
LOCK_WAIT_S = 60.0


def case_ids_of(
    dataset: AnnotationDataset, sources: Sequence[tuple[str, str]], keep_names: bool, former: Mapping[str, str]
) -> dict[str, str]:
    """Case id by fingerprint; a scan that has none yet gets one.

    Args:
        sources: (fingerprint, name) of each scan.
        keep_names: write the names down too, and make the ids of them; else ids are numbers.
        former: fingerprint by which earlier versions knew a scan, by the fingerprint that it has now.
    """
    known = ids_by_source(dataset)
    if any(fingerprint not in known or former.get(fingerprint) in known for fingerprint, _name in sources):
        with file_lock(dataset.folder / "cases" / ".lock", LOCK_WAIT_S):
            carry_over(dataset, former)
            known = ids_by_source(dataset)
            for fingerprint, name in sources:
                if fingerprint not in known:
                    known[fingerprint] = _claim(dataset, fingerprint, name if keep_names else "")
    return {fingerprint: known[fingerprint] for fingerprint, _name in sources}


def _claim(dataset: AnnotationDataset, fingerprint: str, name: str) -> str:
    """Make a case.

    Where a file system knows no locks, another rater may have made one for the same scan meanwhile: the one that sorts
    first stays.
    """
    taken = {path.stem for path in (dataset.folder / "cases").glob("*.json")}
    number = 1 + max((int(one[5:]) for one in taken if one[:5] == "case-" and one[5:].isdigit()), default=0)
    stem = _plain_name(name)
    wanted = stem
    while True:
        case_id = wanted or f"case-{number:04d}"
        path = dataset.folder / "cases" / f"{case_id}.json"
        if create_once(path, json_bytes(Case(case_id, fingerprint, name).to_dict())):
            break
        number += 1
        wanted = f"{stem}-{number}" if stem else ""
    first = ids_by_source(dataset)[fingerprint]
    if first != case_id:
        path.unlink(missing_ok=True)
    return first


def _plain_name(name: str) -> str:
    """A scan's relative path as a case id: letters, digits, - and _ only, and nothing that Windows makes no file of."""
    stem = name
    for ending in (".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd", ".dcm"):
        if stem.lower().endswith(ending):
            stem = stem[: -len(ending)]
            break
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "-" for c in stem).strip("-")[:80]
    return f"scan-{plain}" if is_reserved(plain) else plain
