"""Sorts DICOM frames into series that can be volumes, and says of the others why they cannot."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from radiologycnn.images.checks import MINIMUM_SLICES
from radiologycnn.images.dicom_headers import SECONDARY_CAPTURE_CLASSES, Frame
from radiologycnn.images.slice_stack import MAXIMUM_GAP_MM, SAME_POSITION_MM, SliceStack, analyse_stack

_SAME_DIRECTION = 5e-3  # largest difference of a direction cosine within one stack
_MAXIMUM_TILT_DEGREES = 45.0  # gantries reach 30
_MAXIMUM_JUMP_MM = 10.0
_PROJECTIONS = {"MIP", "MINIP", "MINMIP", "PROJECTION IMAGE", "VOLUME RENDERING", "VRT", "SCREEN SAVE", "DOSE_INFO"}
# What may tell several passes over the same places apart, the surest first.
_SPLITS: tuple[Callable[[Frame], object], ...] = (
    lambda frame: frame.stack,
    lambda frame: frame.temporal,
    lambda frame: frame.kernel,
    lambda frame: frame.acquisition,
    lambda frame: frame.time,
)


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
    """

    number: int
    uid: str
    description: str
    modality: str
    slices: int
    problem: str = ""
    notes: tuple[str, ...] = ()
    frames: tuple[Frame, ...] = field(default=(), repr=False)
    stack: SliceStack | None = field(default=None, repr=False)

    @property
    def usable(self) -> bool:
        """Whether nothing stands in the way of reading it as a volume."""
        return not self.problem

    def label(self) -> str:
        """One line for a list: number, modality, description, size."""
        described = f' "{self.description}"' if self.description else ""
        size = f"{self.frames[0].columns} x {self.frames[0].rows}, " if self.frames else ""
        plural = "slice" if self.slices == 1 else "slices"
        return f"{self.number}: {self.modality or 'unknown modality'}{described}, {size}{self.slices} {plural}"


def sort_into_series(frames: Sequence[Frame]) -> list[Series]:
    """Groups frames by series and, within it, by what makes them one stack; usable ones come first.

    One series can hold several stacks: other orientations (three-plane localizers), other sizes, echoes, image kinds,
    time points.
    """
    by_series: dict[str, list[Frame]] = defaultdict(list)
    for frame in frames:
        by_series[frame.series_uid].append(frame)
    found: list[Series] = []
    for uid, members in by_series.items():
        stacks = [part for group in _same_kind(members) for part in _same_directions(group)]
        orientations = len(stacks)
        parts = [part for stack in stacks for part in _split_repeats(stack)]
        parts.sort(key=lambda part: (-len(part), part[0].instance_number))
        for number, part in enumerate(parts, 1):
            series = _describe(part, uid if number == 1 else f"{uid}#{number}")
            if series.problem and series.slices < MINIMUM_SLICES and orientations > 1:
                series = replace(series, problem=_with_mixture(series.problem, orientations))
            found.append(series)
    found.sort(key=lambda series: (not series.usable, series.frames[0].series_number or 0, series.uid))
    return [replace(series, number=number) for number, series in enumerate(found, 1)]


def _with_mixture(problem: str, stacks: int) -> str:
    return f"{problem.rstrip('.')}, because the series mixes {stacks} orientations, sizes or kinds of image."


def _same_kind(frames: Sequence[Frame]) -> list[list[Frame]]:
    groups: dict[object, list[Frame]] = defaultdict(list)
    for frame in frames:
        # From the fourth value on, vendors write per slice what does not make another image (GE: "ADD").
        key = (
            frame.sop_class, frame.modality, frame.rows, frame.columns, frame.samples, frame.photometric,
            frame.image_type[:3], frame.position_lps_mm is None,
            round(frame.echo_time or 0, 2) if frame.modality == "MR" else 0,
        )  # fmt: skip
        groups[key].append(frame)
    return list(groups.values())


def _same_directions(frames: Sequence[Frame]) -> list[list[Frame]]:
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


def _positions(frames: Sequence[Frame]) -> np.ndarray | None:
    """Places along the normal, shape (n,), mm; None where a header lacks its position."""
    orientation = frames[0].orientation
    if orientation is None or any(frame.position_lps_mm is None for frame in frames):
        return None
    normal = np.cross(orientation[:3], orientation[3:])
    length = np.linalg.norm(normal)
    if length < 0.1:
        return None
    return np.array([frame.position_lps_mm for frame in frames]) @ (normal / length)


def _places(positions: np.ndarray) -> np.ndarray:
    """For each slice the number of its place, equal for slices at the same position; shape (n,)."""
    order = np.argsort(positions, kind="stable")
    steps = np.concatenate([[0], np.cumsum(np.diff(positions[order]) > SAME_POSITION_MM)])
    places = np.empty(len(positions), int)
    places[order] = steps
    return places


def _split_repeats(frames: list[Frame]) -> list[list[Frame]]:
    """Parts of a stack that covers the same places several times, by what tells the passes apart."""
    single = _one_per_instance(frames)
    positions = _positions(single)
    if positions is None or len(single) < 2 * MINIMUM_SLICES:
        return [frames]
    counts = np.bincount(_places(positions))
    if len(counts) < MINIMUM_SLICES or (counts > 1).mean() < 0.5:
        return [frames]
    for key in _SPLITS:
        parts: dict[object, list[Frame]] = defaultdict(list)
        for frame in single:
            parts[key(frame)].append(frame)
        if len(parts) > 1 and all(_is_one_pass(part) for part in parts.values()):
            return list(parts.values())
    return [frames]


def _is_one_pass(frames: Sequence[Frame]) -> bool:
    positions = _positions(frames)
    return positions is not None and len(frames) >= MINIMUM_SLICES and np.bincount(_places(positions)).max() == 1


def _one_per_instance(frames: Sequence[Frame]) -> list[Frame]:
    """Frames without second copies of the same image (the same SOP instance and frame)."""
    seen: dict[object, Frame] = {}
    for frame in frames:
        seen.setdefault((frame.instance_uid or frame.path, frame.index), frame)
    return list(seen.values())


def _describe(frames: list[Frame], uid: str) -> Series:
    first = frames[0]
    total = len(frames)
    frames = _one_per_instance(frames)
    notes = []
    stack = None
    problem = _kind_problem(frames)
    positions = None if problem else _positions(frames)
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
    places = _places(positions)
    counts = Counter(places.tolist())
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
        chosen[int(places[index])] = index
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
