"""What kind of series a shoulder MR is (plane, weighting, fat saturation, side), and whether it is one at all.

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

from radiologycnn.errors import InputError
from radiologycnn.images.grid import axes_to_lps
from radiologycnn.images.volume import Volume
from radiologycnn.rotatorcuff.picture_side import side_by_picture

CHOOSE_SHOULDER = "Choose an oblique-coronal MR series of a shoulder, best T2- or PD-weighted."

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

_FEWEST_SLICES = 6
_EXTENT_MM = (40.0, 110.0, 260.0, 450.0)  # refused below, warned below, warned above, refused above
_THINNEST_MM, _THIN_MM = 25.0, 45.0  # through the slices: less than half a humeral head; less than a whole one
_CT_BELOW = -500.0
_FEWEST_VALUES = 16  # of an MR, however few bits it was stored with

_SHOULDER = re.compile(r"shoulder|\bshldr|\bshou|rotator|cuff|humer|scapul|clavic|gleno|schulter|epaule|spalla|hombro")
_OTHER_ORGANS = (
    ("a head", re.compile(r"\bhead\b|brain|skull|cranium|\biac\b|orbit|schaedel|cerebr|\btmj\b|jaw|face")),
    ("a spine", re.compile(r"spine|\bneck\b|lumbar|thoracic|cervical|\bsacr")),
    ("a knee", re.compile(r"\bknee|\bknie\b|genou|patell|menisc")),
    ("a hip or pelvis", re.compile(r"\bhips?\b|pelvi|prostat|\buter|femur|thigh")),
    ("a foot or ankle", re.compile(r"\bfoot\b|ankle|\btoes?\b|achill|\bcalf\b|\btibia|lower leg")),
    ("a hand, wrist or elbow", re.compile(r"\bhand\b|wrist|finger|thumb|elbow|forearm")),
    ("an abdomen or chest", re.compile(r"abdom|liver|kidney|renal|mrcp|pancrea|heart|cardiac|breast|\blung")),
)
_PLANE_WORDS = (
    ("coronal", re.compile(r"\b\w{0,3}cor(o|onal)?\b")),
    ("sagittal", re.compile(r"\b\w{0,3}sag(i|ittal)?\b")),
    ("axial", re.compile(r"\b\w{0,3}(ax|axl|axial)\b|\btra(ns|nsverse|nsversal)?\b")),
)
_SIDE_WORDS = (
    ("left", re.compile(r"\bleft\b|\blt\b|\blinks?\b|\bgauche\b|\bli\b|\bl\b")),
    ("right", re.compile(r"\bright\b|\brt\b|\brechts?\b|\bdroite?\b|\bre\b|\br\b")),
)
_WEIGHTING_WORDS = (
    ("T2", re.compile(r"\bt2|stir\b|tirm\b")),
    ("PD", re.compile(r"\bpd|\bdp\b|proton|intermediate|\biw\b")),
    ("T1", re.compile(r"\bt1")),
)
_FAT_WORDS = re.compile(r"\bfs\b|\bfat ?(sat|supp?)|\bspair\b|\bspir\b|stir\b|tirm\b|\bwater\b|(?<=pd|t1|t2)w? ?fs\b")
_NO_FAT_WORDS = re.compile(r"\b(no|non|without|w o) ?(fs|fat ?sat)\b|\bnofs\b")
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
    facts = _acquisition(volume)
    words = _words(volume, facts)
    notes = []
    plane, obliquity = slice_plane(volume)
    weighting, weighting_notes = _weighting(facts, words)
    notes += weighting_notes
    side, source = _side(volume, facts, words, plane)
    named = _first_word(_SIDE_WORDS, words)
    if source.startswith("DICOM") and named not in ("unknown", side):
        notes.append(f"The {source} says {side}, the name {named}; {side} was taken. Check the side.")
    elif source and _side_by_position(volume) not in ("unknown", side):
        notes.append(f"By its {source} this is a {side} shoulder, but it lies on the other side of the scanner. "
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
    plane = _first_word(_PLANE_WORDS, _words(volume, _acquisition(volume)))
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
    inplane = [axis for axis in range(3) if axis != through_plane_axis(volume)]
    normal = np.cross(*(matrix[:, axis] for axis in inplane))
    normal /= np.linalg.norm(normal)
    angles = np.degrees(np.arccos(np.clip(np.abs(normal), 0, 1)))
    nearest = int(np.argmin(angles))
    if nearest == 2 or angles[nearest] <= _CLEAR_OBLIQUITY_DEGREES or angles[2] < _CLEAR_OBLIQUITY_DEGREES:
        return _PLANES[nearest], float(angles[nearest])
    facts = _acquisition(volume)
    words = _words(volume, facts)
    plane = _first_word(_PLANE_WORDS, words)
    if plane not in ("coronal", "sagittal"):
        side, _ = _side_by_tags(facts, words)
        leans_right = normal[0] * normal[1] < 0
        # Oblique-coronal slices are far more common at such angles where nothing else tells.
        plane = "coronal" if side == "unknown" or leans_right == (side == "right") else "sagittal"
    return plane, float(angles[_PLANES.index(plane)])


def check_shoulder_mr(volume: Volume) -> list[str]:
    """Warnings for the person, one sentence each; empty when all is well.

    Args:
        volume: finite voxels on a valid grid (``radiologycnn.images.checks`` sees to that first).

    Raises:
        InputError: this is certainly not an MR volume of a shoulder: ``not-an-mr``, ``single-slice``,
            ``too-small-extent``, ``too-large-extent``, ``not-a-shoulder``.
    """
    facts = _acquisition(volume)
    _check_mr(volume, facts)
    warnings = _extent_warnings(volume)
    words = _words(volume, facts)
    tagged = _organ(" ".join(_tag_words(facts)))
    if tagged and not _SHOULDER.search(words):
        raise InputError("not-a-shoulder", f"This series shows {tagged}, as its header says.", CHOOSE_SHOULDER)
    named = _organ(words)
    if named and not _SHOULDER.search(words):
        warnings.append(f"By its name this series shows {named}, not a shoulder.")
    description = describe_series(volume)
    if description.plane != "coronal":
        warnings.append(
            f"This is {'an' if description.plane == 'axial' else 'a'} {description.plane} series; the network was "
            "made for oblique-coronal ones, so its answer is not to be relied on."
        )
    if description.weighting == "T1":
        warnings.append(
            "This series is T1-weighted, in which fluid in a tear is dark; a T2- or PD-weighted one is expected."
        )
    if not volume.modality and not facts.get("Modality"):
        warnings.append("The file does not say that this is an MR.")
    return warnings


def _check_mr(volume: Volume, facts: Mapping[str, Any]) -> None:
    modality = (volume.modality or str(facts.get("Modality", ""))).upper()
    if modality not in ("", "MR"):
        raise InputError(
            "not-an-mr", f"This scan's modality is {modality}, but an MR of a shoulder is needed.", CHOOSE_SHOULDER
        )
    if min(volume.array.shape) == 1:
        raise InputError("single-slice", "The image is a single slice, not a volume.", "Give the whole series.")
    low = float(volume.array.min())
    # An inversion recovery's real part has such values, too: where the header says MR, it is one.
    if not modality and low < _CT_BELOW and volume.array.max() > -2 * _CT_BELOW / 5:
        raise InputError(
            "not-an-mr",
            f"This scan's values begin at {low:g}, as those of a CT do; an MR of a shoulder is needed.",
            CHOOSE_SHOULDER,
        )
    sample = volume.array[:, ::4, ::4]
    count = len(np.unique(sample)) if sample.dtype.kind in "bui" else _FEWEST_VALUES
    if count < _FEWEST_VALUES:
        raise InputError(
            "not-an-mr",
            f"This image holds only {count} different values, as a mask or a label map does.",
            "Choose the MR that it was drawn on.",
        )


def _extent_warnings(volume: Volume) -> list[str]:
    through = through_plane_axis(volume)
    extent = volume.spacing_mm * volume.array.shape[::-1]
    thickness, (shorter, longer) = extent[through], np.sort(np.delete(extent, through))
    slices = volume.array.shape[2 - through]
    size = f"{longer:.0f} x {shorter:.0f} mm wide and {thickness:.0f} mm deep"
    least, small, large, most = _EXTENT_MM
    if shorter < least or thickness < _THINNEST_MM:
        raise InputError(
            "too-small-extent", f"This scan is only {size}, too small to hold a humeral head.", CHOOSE_SHOULDER
        )
    if longer > most:
        raise InputError(
            "too-large-extent",
            f"This scan is {size}, much more than a shoulder.",
            "Crop it to the shoulder, or choose the shoulder's own series.",
        )
    warnings = []
    if shorter < small:
        warnings.append(f"The image is small ({size}); parts of the shoulder may be missing.")
    if longer > large:
        warnings.append(f"The image is large for a shoulder ({size}); check that the cube lies on the humeral head.")
    if slices < _FEWEST_SLICES or thickness < _THIN_MM:
        warnings.append(f"The scan has {slices} slices over {thickness:.0f} mm, less than a whole humeral head.")
    return warnings


def _acquisition(volume: Volume) -> Mapping[str, Any]:
    facts = volume.provenance.get("acquisition")
    return facts if isinstance(facts, Mapping) else {}


def _listed(value: Any) -> list[str]:
    """A DICOM value as texts; several may stand in a list or, from a database, behind backslashes."""
    parts = value if isinstance(value, list | tuple) else str("" if value is None else value).split("\\")
    return [str(part).strip() for part in parts if str(part).strip()]


def _number(facts: Mapping[str, Any], keyword: str) -> float | None:
    for part in _listed(facts.get(keyword)):
        try:
            value = float(part)
        except ValueError:
            continue
        if np.isfinite(value) and value > 0:
            return value
    return None


def _plain(text: str) -> str:
    """Lower case with blanks for what separates words in series names, so that word boundaries are seen."""
    return " ".join(re.sub(r"[^0-9a-z]+", " ", text.lower()).split())


def _tag_words(facts: Mapping[str, Any]) -> list[str]:
    return [_plain(text) for key in ("BodyPartExamined", "SeriesDescription", "ProtocolName")
            for text in _listed(facts.get(key))]  # fmt: skip


def _words(volume: Volume, facts: Mapping[str, Any]) -> str:
    return " ".join([*_tag_words(facts), _plain(volume.name)])


def _first_word(patterns: tuple[tuple[str, re.Pattern[str]], ...], words: str) -> str:
    """The meaning that the words have, "unknown" where they have none or several."""
    found = [meaning for meaning, pattern in patterns if pattern.search(words)]
    return found[0] if len(found) == 1 else "unknown"


def _organ(words: str) -> str:
    return next((organ for organ, pattern in _OTHER_ORGANS if pattern.search(words)), "")


def _weighting(facts: Mapping[str, Any], words: str) -> tuple[str, list[str]]:
    named = _first_word(_WEIGHTING_WORDS, words)
    repetition, echo = _number(facts, "RepetitionTime"), _number(facts, "EchoTime")
    kinds = _listed(facts.get("ScanningSequence"))
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
    if _NO_FAT_WORDS.search(words):
        return False
    options = {option.upper() for option in _listed(facts.get("ScanOptions"))}
    suppression = str(facts.get("SpectrallySelectedSuppression", "")).upper()
    if options & _FAT_OPTIONS or _FAT_WORDS.search(words) or suppression in ("FAT", "FAT_AND_WATER"):
        return True
    return False if options or suppression else None


def _side_by_tags(facts: Mapping[str, Any], words: str) -> tuple[str, str]:
    for keyword in ("ImageLaterality", "Laterality"):
        for value in _listed(facts.get(keyword)):
            if value.upper() in ("L", "R"):
                return ("left" if value.upper() == "L" else "right"), f"DICOM {keyword}"
    named = _first_word(_SIDE_WORDS, words)
    return named, "name" if named != "unknown" else ""


def _side(volume: Volume, facts: Mapping[str, Any], words: str, plane: str) -> tuple[str, str]:
    side, source = _side_by_tags(facts, words)
    if side != "unknown":
        return side, source
    side = _side_by_position(volume)
    if side != "unknown":
        return side, "position in the scanner"
    if plane == "sagittal":
        return "unknown", ""
    side = side_by_picture(volume)
    return side, "picture" if side != "unknown" else ""


def _side_by_position(volume: Volume) -> str:
    matrix = np.asarray(volume.ijk_to_lps, float)
    if not matrix[:3, 3].any():
        return "unknown"  # the first voxel in the scanner's very middle: nobody has said where it lies
    middle = matrix[:3, :3] @ ((np.array(volume.array.shape[::-1]) - 1) / 2) + matrix[:3, 3]
    # Beyond the reach of any shoulder the origin is not the scanner's, so its sign means nothing.
    if not _OFF_CENTRE_MM < abs(middle[0]) < _FARTHEST_MM:
        return "unknown"
    return "left" if middle[0] > 0 else "right"
