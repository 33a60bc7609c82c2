"""Which DICOM frames belong together: one examination, one kind of image, one direction, one pass over the body."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np

from radiologycnn.images.checks import MINIMUM_SLICES
from radiologycnn.images.dicom_headers import Frame
from radiologycnn.images.slice_stack import SAME_POSITION_MM

_SAME_DIRECTION = 5e-3  # largest difference of a direction cosine within one stack
_EVEN_WITHIN = 0.1  # of the usual gap: slices of two acquisitions that alternate so evenly were planned so
_MOST_EVEN = 0.8  # of the gaps: one slice may be missing
_MOST_SHARED = 0.5  # of the shorter of two ranges: more is a second pass, less the rim of the next part

#: Frames, and in words what tells them from other frames of the same series; "" where nothing needs to.
Part = tuple[list[Frame], str]

# What may tell several passes over the same places apart, the surest first, and what to call it; a time of day is not
# named. Of the image type the values from the fourth on: in-phase, water and fat of a Dixon series, for instance
# (DICOM PS3.3 C.7.6.1.1.2, C.8.13.3.1.1).
_SPLITS: tuple[tuple[str, Callable[[Frame], object]], ...] = (
    ("stack", lambda frame: frame.stack),
    ("time point", lambda frame: frame.temporal),
    ("image type", lambda frame: frame.image_type[3:]),
    ("kernel", lambda frame: frame.kernel),
    ("acquisition", lambda frame: frame.acquisition),
    ("", lambda frame: frame.time),
)


def split_examinations(frames: Sequence[Frame]) -> list[Part]:
    """Frames of one series each, though their uids may be missing or shared by several examinations.

    A SeriesInstanceUID should be unique (DICOM PS3.3 C.7.3.1), but anonymisers blank it, or give one to all. So study
    and series number count as well, and the folder where the uid is missing. A study or number that changes with every
    slice tells nothing.
    """
    by_series: dict[object, list[Frame]] = defaultdict(list)
    for frame in frames:
        by_series[frame.series_uid, None if frame.series_uid else frame.path.parent].append(frame)
    groups: dict[str, list[list[Frame]]] = defaultdict(list)
    for members in by_series.values():
        parts: dict[object, list[Frame]] = defaultdict(list)
        for frame in members:
            parts[frame.study_uid, frame.series_number].append(frame)
        told = any(len(part) >= MINIMUM_SLICES for part in parts.values())
        groups[members[0].series_uid].extend(parts.values() if told else [members])
    return [(part, words) for series in groups.values() for part, words in zip(series, _examination_words(series))]


def _examination_words(groups: Sequence[Sequence[Frame]]) -> list[str]:
    """For each group of one series uid what tells it from the others. Folders may be called after a patient."""
    firsts = [group[0] for group in groups]
    studies = list(dict.fromkeys(frame.study_uid for frame in firsts))
    numbers = {frame.series_number for frame in firsts}
    folders = list(dict.fromkeys(frame.path.parent for frame in firsts))
    words = []
    for frame in firsts:
        own = []
        if len(studies) > 1:
            own.append(f"study {studies.index(frame.study_uid) + 1} of {len(studies)}")
        elif len(numbers) == 1 and len(folders) > 1:
            own.append(f"folder {folders.index(frame.path.parent) + 1} of {len(folders)}")
        if len(numbers) > 1:
            own.append("no series number" if frame.series_number is None else f"series number {frame.series_number}")
        words.append(", ".join(own))
    return words


def same_kind(frames: Sequence[Frame]) -> list[list[Frame]]:
    groups: dict[object, list[Frame]] = defaultdict(list)
    for frame in frames:
        # From the fourth value on, vendors write per slice what does not make another image (GE: "ADD"); where it
        # does, split_passes tells them apart.
        key = (
            frame.sop_class, frame.modality, frame.rows, frame.columns, frame.samples, frame.photometric,
            frame.image_type[:3], frame.position_lps_mm is None,
            round(frame.echo_time or 0, 2) if frame.modality == "MR" else 0,
        )  # fmt: skip
        groups[key].append(frame)
    return list(groups.values())


def same_directions(frames: Sequence[Frame]) -> list[list[Frame]]:
    groups: list[list[Frame]] = []
    for frame in frames:
        for group in groups:
            if _alike(frame.orientation, group[0].orientation, _SAME_DIRECTION) and _alike(
                frame.pixel_spacing_ij_mm, group[0].pixel_spacing_ij_mm, 1e-3
            ):
                group.append(frame)
                break
        else:
            groups.append([frame])
    return groups


def _alike(a: tuple[float, ...] | None, b: tuple[float, ...] | None, tolerance: float) -> bool:
    if a is None or b is None:
        return a is b
    return bool(np.abs(np.subtract(a, b)).max() <= tolerance)


def positions_along_normal(frames: Sequence[Frame]) -> np.ndarray | None:
    """Places along the normal, shape (n,), mm; None where a header lacks its position."""
    orientation = frames[0].orientation
    if orientation is None or any(frame.position_lps_mm is None for frame in frames):
        return None
    normal = np.cross(orientation[:3], orientation[3:])
    length = np.linalg.norm(normal)
    if length < 0.1:
        return None
    return np.array([frame.position_lps_mm for frame in frames]) @ (normal / length)


def places(positions: np.ndarray) -> np.ndarray:
    """For each slice the number of its place, equal for slices at the same position; shape (n,)."""
    order = np.argsort(positions, kind="stable")
    steps = np.concatenate([[0], np.cumsum(np.diff(positions[order]) > SAME_POSITION_MM)])
    numbers = np.empty(len(positions), int)
    numbers[order] = steps
    return numbers


def split_passes(frames: list[Frame]) -> list[Part]:
    """Parts of a stack that covers the same places several times, by what tells the passes apart."""
    single = one_per_instance(frames)
    positions = positions_along_normal(single)
    if positions is None or len(single) < 2 * MINIMUM_SLICES:
        return [(frames, "")]
    counts = np.bincount(places(positions))
    if len(counts) < MINIMUM_SLICES or (counts > 1).mean() < 0.5:
        passes = _overlapping_acquisitions(single, positions)
        return passes if len(passes) > 1 else [(frames, "")]
    for name, key in _SPLITS:
        parts: dict[object, list[Frame]] = defaultdict(list)
        for frame in single:
            parts[key(frame)].append(frame)
        if len(parts) > 1 and all(_is_one_pass(part) for part in parts.values()):
            return list(zip(parts.values(), _pass_words(name, list(parts))))
    return [(frames, "")]


def _pass_words(name: str, keys: Sequence[object]) -> list[str]:
    if name != "image type":
        return [name and (f"no {name}" if key is None else f"{name} {key}") for key in keys]
    types = [key for key in keys if isinstance(key, tuple)]
    common = set.intersection(*(set(key) for key in types))
    return [" ".join(word for word in key if word not in common).lower() or "no further type" for key in types]


def _overlapping_acquisitions(frames: Sequence[Frame], positions: np.ndarray) -> list[Part]:
    """Passes over the same part of the body, though not at the very same places: a repeat after the patient moved.

    Acquisitions that follow one another (a skull base of thin slices, a vertex of thick ones) stay one pass, and so do
    those of an MR whose slices alternate evenly, as is done against cross-talk.
    """
    gaps = np.diff(np.sort(positions))
    usual = np.abs(gaps - np.median(gaps)) <= _EVEN_WITHIN * np.median(gaps)
    if frames[0].modality == "MR" and usual.mean() > _MOST_EVEN:
        return [(list(frames), "")]
    members: dict[int, list[int]] = defaultdict(list)
    for index, frame in enumerate(frames):
        members[frame.acquisition or 0].append(index)
    passes: list[list[int]] = []  # of acquisition numbers
    for number in sorted(members):
        own = positions[members[number]]
        for one in passes:
            if not any(_overlap(own, positions[members[other]]) for other in one):
                one.append(number)
                break
        else:
            passes.append([number])
    return [
        (
            [frames[index] for number in one for index in members[number]],
            "acquisition " + " and ".join(map(str, one)),
        )
        for one in passes
    ]


def _overlap(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether two acquisitions at these places, mm, are mostly of the same part of the body."""
    if min(len(first), len(second)) < MINIMUM_SLICES:
        return False  # single slices that were taken again are no pass of their own
    shared = min(first.max(), second.max()) - max(first.min(), second.min())
    return bool(shared > _MOST_SHARED * min(np.ptp(first), np.ptp(second)))


def _is_one_pass(frames: Sequence[Frame]) -> bool:
    positions = positions_along_normal(frames)
    return positions is not None and len(frames) >= MINIMUM_SLICES and np.bincount(places(positions)).max() == 1


def one_per_instance(frames: Sequence[Frame]) -> list[Frame]:
    """Frames without second copies of the same image (the same SOP instance and frame).

    A faulty anonymiser gives one SOPInstanceUID to all slices of a series: only at one place are they copies.
    """
    seen: dict[object, Frame] = {}
    for frame in frames:
        place = (frame.position_lps_mm, frame.instance_number)
        seen.setdefault((frame.instance_uid or frame.path, frame.index, place), frame)
    return list(seen.values())
