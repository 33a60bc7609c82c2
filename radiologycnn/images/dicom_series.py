"""Sorts DICOM frames into series that can be volumes, and says of the others why they cannot."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from radiologycnn.images.checks import MINIMUM_SLICES
from radiologycnn.images.dicom_groups import (
    Part,
    one_per_instance,
    places,
    positions_along_normal,
    same_directions,
    same_kind,
    split_examinations,
    split_passes,
)
from radiologycnn.images.dicom_headers import SECONDARY_CAPTURE_CLASSES, Frame
from radiologycnn.images.slice_stack import MAXIMUM_GAP_MM, SliceStack, analyse_stack

_MAXIMUM_TILT_DEGREES = 45.0  # gantries reach 30
_MAXIMUM_JUMP_MM = 10.0
_PROJECTIONS = {"MIP", "MINIP", "MINMIP", "PROJECTION IMAGE", "VOLUME RENDERING", "VRT", "SCREEN SAVE", "DOSE_INFO"}


@dataclass(frozen=True)
class Series:
    """Slices that belong together, as :func:`radiologycnn.images.list_series` gives them.

    Attributes:
        number: 1, 2, ... in the order of the listing; what a person may give to choose.
        uid: DICOM SeriesInstanceUID, with ``#2`` and so on where one series holds several stacks. It identifies the
            examination: it is for choosing, not for reports.
        description: the series description without the patient's name; may be empty.
        modality: "CT", "MR", ...
        slices: number of slices, duplicates left out.
        problem: why it cannot be used as a volume; empty if it can.
        notes: what was found and handled (duplicates).
        told_by: in words what tells it from others of the same uid; "" where nothing needs to.
    """

    number: int
    uid: str
    description: str
    modality: str
    slices: int
    problem: str = ""
    notes: tuple[str, ...] = ()
    told_by: str = ""
    frames: tuple[Frame, ...] = field(default=(), repr=False)
    stack: SliceStack | None = field(default=None, repr=False)

    @property
    def usable(self) -> bool:
        """Whether nothing stands in the way of reading it as a volume."""
        return not self.problem

    def label(self) -> str:
        """One line for a list: number, modality, description, size."""
        described = f' "{self.description}"' if self.description else ""
        described += f" ({self.told_by})" if self.told_by else ""
        size = f"{self.frames[0].columns} x {self.frames[0].rows}, " if self.frames else ""
        plural = "slice" if self.slices == 1 else "slices"
        return f"{self.number}: {self.modality or 'unknown modality'}{described}, {size}{self.slices} {plural}"


def sort_into_series(frames: Sequence[Frame]) -> list[Series]:
    """Groups frames by series and, within it, by what makes them one stack; usable ones come first.

    One series can hold several stacks: other orientations (three-plane localizers), other sizes, echoes, image kinds,
    time points. One uid can be that of several examinations.
    """
    by_uid: dict[str, list[tuple[Part, int]]] = defaultdict(list)
    for members, words in split_examinations(frames):
        stacks = [part for group in same_kind(members) for part in same_directions(group)]
        for stack in stacks:
            for part, own_words in split_passes(stack):
                told = ", ".join(text for text in (words, own_words) if text)
                by_uid[members[0].series_uid].append(((part, told), len(stacks)))
    found: list[Series] = []
    for uid, parts in by_uid.items():
        parts.sort(key=lambda one: (-len(one[0][0]), one[0][0][0].instance_number))
        for number, ((part, told), orientations) in enumerate(parts, 1):
            series = replace(_describe(part, uid if number == 1 else f"{uid}#{number}"), told_by=told)
            if series.problem and series.slices < MINIMUM_SLICES and orientations > 1:
                series = replace(series, problem=_with_mixture(series.problem, orientations))
            found.append(series)
    found.sort(key=lambda series: (not series.usable, series.frames[0].series_number or 0, series.uid))
    return [replace(series, number=number) for number, series in enumerate(found, 1)]


def _with_mixture(problem: str, stacks: int) -> str:
    return f"{problem.rstrip('.')}, because the series mixes {stacks} orientations, sizes or kinds of image."


def _describe(frames: list[Frame], uid: str) -> Series:
    first = frames[0]
    total = len(frames)
    frames = one_per_instance(frames)
    notes = []
    stack = None
    problem = _kind_problem(frames)
    positions = None if problem else positions_along_normal(frames)
    if not problem and (positions is None or first.pixel_spacing_ij_mm is None or min(first.pixel_spacing_ij_mm) <= 0):
        problem = "its headers do not say where its slices lie or how large their pixels are."
    if not problem and positions is not None:
        frames, positions, repeated, problem = _without_duplicates(frames, positions)
        if total > len(frames) and not problem:
            plural = "image was" if total - len(frames) == 1 else "images were"
            later = "; of images at one position the later one was kept" if repeated else ""
            notes.append(f"{total - len(frames)} duplicate {plural} left out{later}.")
        if not problem:
            problem = _stack_problem(positions)
        if not problem:
            stack = analyse_stack(
                np.array([frame.position_lps_mm for frame in frames]), first.orientation, first.pixel_spacing_ij_mm
            )
            frames = [frames[index] for index in stack.order]
            problem = _shift_problem(stack)
    return Series(
        number=0,
        uid=uid,
        description=first.description,
        modality=first.modality,
        slices=len(frames),
        problem=problem,
        notes=tuple(notes),
        frames=tuple(frames),
        stack=stack,
    )


def _kind_problem(frames: Sequence[Frame]) -> str:
    first = frames[0]
    if first.samples > 1 or first.photometric.startswith(("RGB", "YBR", "PALETTE")):
        return "it holds colour pictures (RGB), not a scan's values."
    if "MOSAIC" in first.image_type:
        return "its slices are tiled into mosaic pictures."
    if "LOCALIZER" in first.image_type or "SCOUT" in first.image_type:
        return "it is a localizer (scout view), made to plan the scan."
    if first.modality in ("SEG", "RTDOSE", "PR", "SR"):
        return f"it is not a scan but a result made from one (DICOM {first.modality})."
    for word in first.image_type:
        if word in _PROJECTIONS:
            return f"it was computed as a projection or picture from another series ({word.lower()})."
    if first.sop_class.startswith(SECONDARY_CAPTURE_CLASSES):
        return "it holds screenshots (secondary capture), not a scan."
    return ""


def _without_duplicates(frames: list[Frame], positions: np.ndarray) -> tuple[list[Frame], np.ndarray, bool, str]:
    """One frame for each place: (frames, positions, whether different images shared a place, problem)."""
    numbers = places(positions)
    counts = Counter(numbers.tolist())
    if len(frames) > 1 and len(counts) == 1:
        return frames, positions, False, f"all its {len(frames)} slices lie at the same position."
    if len(counts) < len(frames) and sum(count > 1 for count in counts.values()) > len(counts) / 2:
        passes = len(frames) / len(counts)
        return (
            frames, positions, False,
            f"it covers the same {len(counts)} places about {passes:.1f} times, and its headers do not tell the passes "
            "apart.",
        )  # fmt: skip
    chosen: dict[int, int] = {}
    for index in sorted(range(len(frames)), key=lambda n: (frames[n].acquisition or 0, frames[n].instance_number)):
        chosen[int(numbers[index])] = index
    kept = sorted(chosen.values())
    return [frames[index] for index in kept], positions[kept], len(kept) < len(frames), ""


def _shift_problem(stack: SliceStack) -> str:
    """Slices that jump about in their plane, or lean more than any gantry does, are no one scan."""
    off_line = stack.shifts_mm - np.outer(stack.positions_mm / stack.positions_mm[-1], stack.shifts_mm[-1])
    jump = float(np.linalg.norm(off_line, axis=1).max())
    if stack.tilt_degrees > _MAXIMUM_TILT_DEGREES or jump > _MAXIMUM_JUMP_MM:
        return (
            f"its slices are shifted sideways against each other (by {stack.tilt_degrees:.0f} degrees in all, and up "
            f"to {jump:.0f} mm off a line), which no tilted gantry explains."
        )
    return ""


def _stack_problem(positions: np.ndarray) -> str:
    count = len(positions)
    if count == 1:
        return "it has only one slice."
    if count < MINIMUM_SLICES:
        return f"it has only {count} slices; at least {MINIMUM_SLICES} are needed."
    gaps = np.diff(np.sort(positions))
    if gaps.max() > MAXIMUM_GAP_MM:
        where = int(np.argmax(gaps)) + 1
        return (
            f"between slices {where} and {where + 1} there are {gaps.max():.1f} mm without an image; more than "
            f"{MAXIMUM_GAP_MM:g} mm is not filled by guessing."
        )
    return ""
