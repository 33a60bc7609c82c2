"""What kind of series a shoulder MR is: plane, weighting, fat saturation, side.

DICOM tags are asked first, where ``volume.provenance["acquisition"]`` has them, then names, then the geometry and at
last the picture. What none of them tells stays "unknown": a guess would mirror the wrong shoulder.

Shoulders are scanned along the scapula, not along the body: an oblique-coronal series runs along the supraspinatus
tendon, its slice normal 20 to 45 degrees off the anterior-posterior axis, and an oblique-sagittal one lies across it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from radiologycnn.images.grid import axes_to_lps
from radiologycnn.images.volume import Volume
from radiologycnn.rotatorcuff.picture_side import side_by_picture
from radiologycnn.rotatorcuff.series_words import (
    FAT_WORDS,
    NO_FAT_WORDS,
    PLANE_WORDS,
    SIDE_WORDS,
    WEIGHTING_WORDS,
    acquisition_facts,
    listed,
    only_meaning,
    positive_number,
    series_words,
    study_words,
)

# World axes in the order of LPS: the plane that a slice normal along each of them makes.
_PLANES = ("sagittal", "coronal", "axial")

# A slice normal farther than this from every patient axis may be a strongly oblique coronal or sagittal series.
_CLEAR_OBLIQUITY_DEGREES = 35.0

# As far as that a series is turned at most from the plane that its name tells.
_STEEPEST_OBLIQUITY_DEGREES = 60.0

# Slices are told by their distance only where it is clearly the largest; else the stored slice axis counts.
_THROUGH_PLANE_RATIO = 1.3

_OFF_CENTRE_MM, _FARTHEST_MM = 60.0, 350.0

# Spin echo, ms. Shim 2020, "Data preparation": T1 550-733/15-17, T2 3500-4000/60-110; in between lies PD.
_T1_LONGEST_TR, _T1_LONGEST_TE = 1000.0, 35.0
_T2_SHORTEST_TE = 55.0

_FAT_OPTIONS = {"FS", "SFS", "SPIR", "SPAIR", "FATSAT"}


@dataclass(frozen=True)
class SeriesDescription:
    """What a series is; "unknown" or None where nothing tells.

    Attributes:
        plane: "coronal", "sagittal", "axial" or "unknown".
        obliquity_deg: angle between the slice normal and the patient axis of that plane.
        weighting: "T1", "T2", "PD" or "unknown".
        fat_saturated: whether fat is dark.
        side: "left", "right" or "unknown".
        side_source: what told the side, in words; empty if nothing did.
        notes: sentences for the person on what is uncertain.
    """

    plane: str
    obliquity_deg: float
    weighting: str
    fat_saturated: bool | None
    side: str
    side_source: str
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "notes": list(self.notes)}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> SeriesDescription:
        """Inverse of :meth:`to_dict`, also for what went through JSON."""
        return cls(**{**record, "notes": tuple(record["notes"])})


def describe_series(volume: Volume) -> SeriesDescription:
    """Plane, weighting, fat saturation and side of a shoulder MR.

    Args:
        volume: shape (K, J, I); ``provenance["acquisition"]`` maps DICOM keywords to values, where known.
    """
    facts = acquisition_facts(volume)
    words = series_words(volume, facts)
    notes = []
    plane, obliquity = slice_plane(volume)
    weighting, weighting_notes = _weighting(facts, words)
    notes += weighting_notes
    side, source = _side(volume, facts, words, plane)
    named = only_meaning(SIDE_WORDS, words)
    if source.startswith("DICOM") and named not in ("unknown", side):
        notes.append(f"The {source} says {side}, the name {named}; {side} was taken. Check the side.")
    elif source and _side_by_position(volume) not in ("unknown", side):
        notes.append(f"By its {source} this is a {side} shoulder, but it lies on the other side of the scanner. "
                     "Check the side.")  # fmt: skip
    elif source.endswith("name") and _side_by_picture(volume, plane) not in ("unknown", side):
        notes.append(f"By its {source} this is a {side} shoulder, but the picture looks like one of the other side. "
                     "Check the side.")  # fmt: skip
    if side == "unknown":
        notes.append("Nothing tells which shoulder this is; set the side.")
    elif source == "picture":
        notes.append(f"That this is a {side} shoulder was taken from the picture; check the side.")
    return SeriesDescription(
        plane, round(obliquity, 1), weighting, _fat_saturated(facts, words), side, source, tuple(notes)
    )


def through_plane_axis(volume: Volume) -> int:
    """The voxel axis (0 = i, 1 = j, 2 = k) across the slices: the one with clearly the largest spacing.

    Where all are alike, as in a 3D sequence, the one across the plane that the name tells, and else k. Where k may well
    be that one, it is: slices along a scapula are often nearer to another plane than to their own.
    """
    spacing = volume.spacing_mm
    largest = int(np.argmax(spacing))
    if spacing[largest] > _THROUGH_PLANE_RATIO * np.partition(spacing, 1)[1]:
        return largest
    plane = only_meaning(PLANE_WORDS, series_words(volume, acquisition_facts(volume)))
    if plane == "unknown":
        return 2
    world, matrix = _PLANES.index(plane), np.asarray(volume.ijk_to_lps, float)
    if abs(matrix[world, 2]) >= spacing[2] * np.cos(np.radians(_STEEPEST_OBLIQUITY_DEGREES)):
        return 2
    return axes_to_lps(matrix)[0][world]


def slice_plane(volume: Volume) -> tuple[str, float]:
    """The plane ("coronal", "sagittal", "axial"), and the angle in degrees from its slice normal to the patient axis.

    Near 45 degrees between coronal and sagittal the geometry alone does not tell; then the name does, or else the known
    side: the scapula of a right shoulder points to the right and front, so that the two planes lean to other sides.
    """
    matrix = np.asarray(volume.ijk_to_lps, float)[:3, :3]
    first, second = (matrix[:, axis] for axis in range(3) if axis != through_plane_axis(volume))
    normal = np.cross(first, second)
    normal /= np.linalg.norm(normal)
    angles = np.degrees(np.arccos(np.clip(np.abs(normal), 0, 1)))
    nearest = int(np.argmin(angles))
    if nearest == 2 or angles[nearest] <= _CLEAR_OBLIQUITY_DEGREES or angles[2] < _CLEAR_OBLIQUITY_DEGREES:
        return _PLANES[nearest], float(angles[nearest])
    facts = acquisition_facts(volume)
    words = series_words(volume, facts)
    plane = only_meaning(PLANE_WORDS, words)
    if plane not in ("coronal", "sagittal"):
        side, _ = _side_by_tags(facts, words)
        leans_right = normal[0] * normal[1] < 0
        # Oblique-coronal slices are far more common at such angles where nothing else tells.
        plane = "coronal" if side == "unknown" or leans_right == (side == "right") else "sagittal"
    return plane, float(angles[_PLANES.index(plane)])


def _weighting(facts: Mapping[str, Any], words: str) -> tuple[str, list[str]]:
    named = only_meaning(WEIGHTING_WORDS, words)
    repetition, echo = positive_number(facts, "RepetitionTime"), positive_number(facts, "EchoTime")
    kinds = listed(facts.get("ScanningSequence"))
    if repetition is None or echo is None or ("GR" in kinds and "SE" not in kinds):
        return named, []  # in gradient echo the flip angle decides as well
    if "IR" in kinds and re.search(r"stir|tirm", words):
        return "T2", []
    if echo >= _T2_SHORTEST_TE:
        measured = "T2"
    elif repetition > _T1_LONGEST_TR:
        measured = "PD"
    else:
        measured = "T1" if echo <= _T1_LONGEST_TE else "unknown"
    if named in ("unknown", measured) or measured == "unknown":
        return (named if measured == "unknown" else measured), []
    # An echo time of 40 to 60 ms is called T2 by some and PD by others: the name is then as good.
    if {named, measured} == {"T2", "PD"}:
        return named, []
    return measured, [
        f"The name says {named}, but a repetition time of {repetition:.0f} ms and an echo time of {echo:.0f} ms "
        f"make it {measured}-weighted."
    ]


def _fat_saturated(facts: Mapping[str, Any], words: str) -> bool | None:
    if NO_FAT_WORDS.search(words):
        return False
    options = {option.upper() for option in listed(facts.get("ScanOptions"))}
    suppression = str(facts.get("SpectrallySelectedSuppression", "")).upper()
    if options & _FAT_OPTIONS or FAT_WORDS.search(words) or suppression in ("FAT", "FAT_AND_WATER"):
        return True
    return False if options or suppression else None


def _side_by_tags(facts: Mapping[str, Any], words: str) -> tuple[str, str]:
    for keyword in ("ImageLaterality", "Laterality"):
        for value in listed(facts.get(keyword)):
            if value.upper() in ("L", "R"):
                return ("left" if value.upper() == "L" else "right"), f"DICOM {keyword}"
    for source, said in (("name", words), ("study's name", study_words(facts))):
        named = only_meaning(SIDE_WORDS, said)
        if named != "unknown":
            return named, source
    return "unknown", ""


def _side(volume: Volume, facts: Mapping[str, Any], words: str, plane: str) -> tuple[str, str]:
    side, source = _side_by_tags(facts, words)
    if side != "unknown":
        return side, source
    side = _side_by_position(volume)
    if side != "unknown":
        return side, "position in the scanner"
    side = _side_by_picture(volume, plane)
    return side, "picture" if side != "unknown" else ""


def _side_by_picture(volume: Volume, plane: str) -> str:
    return "unknown" if plane == "sagittal" else side_by_picture(volume)


def _side_by_position(volume: Volume) -> str:
    matrix = np.asarray(volume.ijk_to_lps, float)
    if not matrix[:3, 3].any():
        return "unknown"  # the first voxel in the scanner's very middle: nobody has said where it lies
    middle = matrix[:3, :3] @ ((np.array(volume.array.shape[::-1]) - 1) / 2) + matrix[:3, 3]
    # Beyond the reach of any shoulder the origin is not the scanner's, so its sign means nothing.
    if not _OFF_CENTRE_MM < abs(middle[0]) < _FARTHEST_MM:
        return "unknown"
    return "left" if middle[0] > 0 else "right"
