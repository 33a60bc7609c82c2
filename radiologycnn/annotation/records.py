"""What is written down of a case and of a rater's decision on it: plain records, JSON in files."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime, timezone
from typing import Any

import numpy as np

from radiologycnn.errors import InputError
from radiologycnn.images.boxes import Box, bounding_box, box_start, box_within, common_box, moved_box, whole_box
from radiologycnn.reserved_names import is_reserved

SCHEMA_VERSION = 1
TO_DO, IN_PROGRESS, ACCEPTED, FLAGGED, REJECTED = "to-do", "in-progress", "accepted", "flagged", "rejected"
DECISIONS = (ACCEPTED, FLAGGED, REJECTED)
NETWORK = "network"
"""Stands in a rater's place for the network's own masks."""
RESERVED_RATERS = (NETWORK, "consensus", "truth")
_OF_MASK = ("mask", "mask_sha256", "network_mask", "model", "edits", "volume_ml", "types")
"""What an annotation says of its mask."""

_RATER_PATTERN = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


def utc_now() -> str:
    """When something was said: UTC, ISO 8601, to the second."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def rater_id(text: str, known: Collection[str] = ()) -> str:
    """A rater's id as it stands in file names: lower case, because some file systems take AB and ab for one name.

    Args:
        known: ids of a dataset that is there. Windows has no folder of its devices' names; elsewhere there may be one,
            made before such names were refused, and its rater goes on in it.

    Raises:
        InputError: it holds anything but letters, digits, - and _, is too long, or means something else here or to
            Windows.
    """
    rater = text.strip().lower()
    if rater in RESERVED_RATERS:
        raise InputError("bad-rater", f"“{text.strip()}” cannot be a rater's id here.", "Choose another one.")
    if not _RATER_PATTERN.fullmatch(rater):
        raise InputError(
            "bad-rater",
            f"“{text.strip()}” cannot be a rater's id." if rater else "There is no rater id.",
            "Use initials or a number: up to 32 letters (a-z), digits, - and _.",
        )
    if is_reserved(rater) and rater not in known:
        raise InputError(
            "bad-rater",
            f"“{rater}” cannot be a rater's id: Windows allows no folder of that name.",
            "Choose another one.",
        )
    return rater


@dataclass(frozen=True)
class Case:
    """One scan of a dataset; nothing in it tells who the patient is, unless ``name`` was asked for.

    Attributes:
        id: such as "case-0001".
        source: fingerprint of the scan's file, by which it is found again.
        name: file name of the scan, "" in a de-identified dataset.
        image: the scan's file in the dataset, relative to its folder; "" until it is written.
        shape_kji: voxels as (slices, rows, columns).
        ijk_to_lps: 4x4, mm.
    """

    id: str
    source: str
    name: str = ""
    image: str = ""
    shape_kji: tuple[int, ...] = ()
    ijk_to_lps: tuple[tuple[float, ...], ...] = ()

    @property
    def voxel_ml(self) -> float:
        """Volume of a voxel, mL."""
        return float(abs(np.linalg.det(np.array(self.ijk_to_lps, float)[:3, :3]))) / 1000.0

    def to_dict(self) -> dict[str, Any]:
        return {"schema_version": SCHEMA_VERSION, **asdict(self)}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Case:
        """Inverse of :meth:`to_dict`.

        Raises:
            InputError: ``newer-dataset``.
        """
        known = _known(cls, record)
        known["shape_kji"] = tuple(known.get("shape_kji", ()))
        known["ijk_to_lps"] = tuple(tuple(row) for row in known.get("ijk_to_lps", ()))
        return cls(**known)


@dataclass(frozen=True)
class EditStatistics:
    """How far a corrected mask is from the network's; volumes in mL.

    Attributes:
        dice: 1 where both are empty.
        changes: how often the mask was changed (strokes, undos, filters), over all sessions.
        relabelled_ml: in both masks, but as another label, such as another type of bleed.
    """

    network_ml: float
    corrected_ml: float
    added_ml: float
    removed_ml: float
    dice: float
    changes: int = 0
    relabelled_ml: float = 0.0

    @classmethod
    def of(cls, network: Mask, corrected: Mask, voxel_ml: float, changes: int = 0) -> EditStatistics:
        """Of two masks given as :class:`Mask`, on one grid."""
        both, relabelled = _common_voxels(network, corrected)
        found, kept = (int(np.count_nonzero(mask.crop)) for mask in (network, corrected))
        dice = 2.0 * both / (found + kept) if found + kept else 1.0
        return cls(
            network_ml=voxel_ml * found,
            corrected_ml=voxel_ml * kept,
            added_ml=voxel_ml * (kept - both),
            removed_ml=voxel_ml * (found - both),
            dice=dice,
            changes=changes,
            relabelled_ml=voxel_ml * relabelled,
        )


@dataclass(frozen=True)
class Mask:
    """A mask as the crop that holds it: uint8 label values (K, J, I), and the grid voxel (k, j, i) where it starts."""

    crop: np.ndarray
    offset_kji: tuple[int, int, int] = (0, 0, 0)

    @classmethod
    def of_whole(cls, array: np.ndarray) -> Mask:
        """Cropped from a mask on the whole grid; one voxel of 0 where it is empty."""
        box = bounding_box(array)
        if box is None:
            return cls(np.zeros((1, 1, 1), np.uint8))
        return cls(np.ascontiguousarray(array[box], np.uint8), box_start(box))

    @property
    def box(self) -> Box:
        """Where the crop lies on the grid."""
        return moved_box(whole_box(self.crop.shape), self.offset_kji)


@dataclass(frozen=True)
class Decision:
    """What a rater says of a case: the part of an :class:`Annotation` that comes from the person.

    Attributes:
        status: IN_PROGRESS (a draft) or one of DECISIONS.
        mask: None where none was on the screen, which an accepted case needs: that of the word before stays.
        seconds: time spent on the case, over all sessions.
        comment: as typed.
        edits: EditStatistics as a dict, against the network's mask that the rater began with; empty without one.
        network: file of that network's result, relative to the dataset's folder (``AnnotationDataset.network_file``).
        model: {"id", "sha256"} of that network.
        types: of bleed in the mask, "iph+sdh" or "none", where its values stand for types; "" where they say blood.
    """

    status: str
    mask: Mask | None = None
    seconds: float = 0.0
    comment: str = ""
    edits: Mapping[str, float] = field(default_factory=dict)
    network: str = ""
    model: Mapping[str, str] = field(default_factory=dict)
    types: str = ""

    def __post_init__(self) -> None:
        if self.status not in (IN_PROGRESS, *DECISIONS) or (self.status == ACCEPTED and self.mask is None):
            raise ValueError(f"no decision: {self.status} with {'a' if self.mask is not None else 'no'} mask")

    def to_dict(self) -> dict[str, Any]:
        """All but the mask, JSON-able."""
        record = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "mask"}
        return record | {
            "seconds": round(float(self.seconds), 1), "edits": dict(self.edits), "model": dict(self.model)
        }  # fmt: skip


def _common_voxels(first: Mask, second: Mask) -> tuple[int, int]:
    """How many voxels are in both, and in how many of these the labels differ."""
    box = common_box(first.box, second.box)
    if box is None:
        return 0, 0
    one, other = (mask.crop[box_within(box, mask.box)] for mask in (first, second))
    both = (one != 0) & (other != 0)
    return int(np.count_nonzero(both)), int(np.count_nonzero(both & (one != other)))


@dataclass(frozen=True)
class Annotation:
    """What one rater has decided on one case, the last word first; earlier words are in ``history``.

    Attributes:
        status: IN_PROGRESS or one of DECISIONS.
        mask: file of the rater's mask, relative to the dataset's folder; "" for none.
        mask_sha256: of that file.
        network_mask: file of the network's mask that the rater began with; "" for none.
        model: {"id", "sha256"} of that network; empty for none.
        software: {"radiologycnn": version, ...}.
        edits: EditStatistics as a dict; empty without a network's mask.
        volume_ml: of the rater's mask; None without one.
        seconds: time spent on the case while it was in front of the rater, over all sessions.
        comment: as typed.
        decided_at: UTC, ISO 8601.
        types: as of :class:`Decision`.
        history: earlier decisions: status, mask, mask_sha256, seconds, comment, decided_at.
    """

    case: str
    rater: str
    status: str
    mask: str = ""
    mask_sha256: str = ""
    network_mask: str = ""
    model: Mapping[str, str] = field(default_factory=dict)
    software: Mapping[str, str] = field(default_factory=dict)
    edits: Mapping[str, float] = field(default_factory=dict)
    volume_ml: float | None = None
    seconds: float = 0.0
    comment: str = ""
    decided_at: str = ""
    types: str = ""
    history: tuple[Mapping[str, Any], ...] = ()

    @property
    def is_decided(self) -> bool:
        """Whether it is more than a draft."""
        return self.status in DECISIONS

    def to_dict(self) -> dict[str, Any]:
        return {"schema_version": SCHEMA_VERSION, **asdict(self)}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Annotation:
        """Inverse of :meth:`to_dict`.

        Raises:
            InputError: ``newer-dataset``.
        """
        known = _known(cls, record)
        known["history"] = tuple(known.get("history", ()))
        return cls(**known)

    def with_mask_of(self, before: Annotation | None) -> Annotation:
        """This word with the mask of the one before, and what is said of it, where it has none of its own: a scan can
        be flagged or rejected while its mask is not on the screen, which takes nothing from what was drawn."""
        if self.mask or before is None or not before.mask:
            return self
        return replace(self, **{name: getattr(before, name) for name in _OF_MASK})

    def as_history(self) -> tuple[Mapping[str, Any], ...]:
        """The history of the next word on this case: this one is added where it was a decision."""
        if not self.is_decided:
            return self.history
        kept = ("status", "mask", "mask_sha256", "seconds", "comment", "decided_at")
        return (*self.history, {name: getattr(self, name) for name in kept})


def _known(cls: type, record: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that this version knows; a later version may have written more."""
    if int(record.get("schema_version", 0)) > SCHEMA_VERSION:
        raise InputError(
            "newer-dataset", "This dataset was written by a newer RadiologyCNN.", "Update RadiologyCNN to use it."
        )
    names = {f.name for f in fields(cls)}
    return {name: value for name, value in record.items() if name in names}
