"""Raters: imperfect masks of one scan as people draw them, for agreement statistics against a known truth.

A rater works slice by slice. The outline wanders smoothly inside and outside the true edge, wholly a little too wide or
too tight by habit; slices are moved against each other; the thin ends of a bleed are left out or drawn on; small and
thin parts are overlooked. All of it less with more skill. Sizes: disagreement of experts on outlines of bleeds is about
a millimetre, Dice between them 0.8-0.9, lower for small and thin bleeds; our own choice, to be revised when measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from radiologycnn.images.boxes import bounding_box, grown_box
from radiologycnn.simulation.limits import Range

_STREAM = 7919  # apart from the streams that drew the scan
_BEYOND_MM = -99.0
_MARGIN_MM = 6.0


@dataclass(frozen=True)
class RaterConfig:
    """How raters err. A pair is (with skill 0, with skill 1), in between linear; a range is drawn uniformly."""

    skill: Range = (0.45, 0.95)  # of the raters
    bias_sd_mm: float = 0.35  # habit of drawing outlines wide (+) or tight (-)
    outline_sd_mm: tuple[float, float] = (1.4, 0.35)
    outline_smooth_mm: float = 6.0  # how far along the outline an error reaches
    slice_shift_sd_mm: tuple[float, float] = (0.7, 0.15)
    scan_shift_sd_mm: tuple[float, float] = (0.8, 0.15)  # a mask drawn on another series of the same scan
    end_slices: tuple[float, float] = (0.35, 0.05)  # chance to err at the first or last slice of a part
    overlook: tuple[float, float] = (0.9, 0.15)  # chance to miss a part that is as small or thin as can be
    small_ml: float = 0.25  # overlooking falls off with e^(-volume/this)
    thin_mm: float = 1.5  # and with e^(-half thickness/this), whatever the volume
    thin_largest: float = 0.35  # the largest part draws the eye: its chance to be missed is that much of the others'


@dataclass(frozen=True)
class Rater:
    """One person. ``skill`` from 0 to 1; ``bias_mm``: how far outside (+) the true edge they draw by habit."""

    number: int
    skill: float
    bias_mm: float


def draw_rater(rater: int, seed: int = 0, config: RaterConfig = RaterConfig()) -> Rater:
    """Rater number ``rater`` (from 1) of the population ``seed``."""
    rng = np.random.default_rng(np.random.SeedSequence([int(seed), _STREAM, int(rater)]))
    return Rater(int(rater), float(rng.uniform(*config.skill)), float(config.bias_sd_mm * rng.standard_normal()))


def rate(
    labels: np.ndarray,
    spacing_mm: np.ndarray,
    rater: Rater,
    index: int,
    seed: int = 0,
    config: RaterConfig = RaterConfig(),
) -> np.ndarray:
    """What a rater draws on a scan: a pure function of (labels, seed, index, rater).

    Args:
        labels: true label map (K, J, I), 0 is background; slices are axis 0.
        spacing_mm: along i, j and k.

    Returns:
        Label map of the same shape and type; each drawn voxel has the value of the true part next to it.
    """
    rng = np.random.default_rng(np.random.SeedSequence([int(seed), int(index), _STREAM, rater.number]))
    drawn = np.zeros_like(labels)
    around = bounding_box(labels)
    if around is None:
        return drawn
    margin_i, margin_j = (int(np.ceil(_MARGIN_MM / step)) for step in spacing_mm[:2])
    box = grown_box(around, (1, margin_j, margin_i), labels.shape)
    seen = _seen_parts(labels[box], spacing_mm, rater, rng, config)
    drawn[box] = _outlined(seen, spacing_mm, rater, rng, config)
    return drawn


def _at(pair: tuple[float, float], skill: float) -> float:
    return pair[0] + (pair[1] - pair[0]) * skill


def _seen_parts(
    labels: np.ndarray, spacing_mm: np.ndarray, rater: Rater, rng: np.random.Generator, config: RaterConfig
) -> np.ndarray:
    """The true labels without the parts that the rater overlooks, their end slices left out or drawn on."""
    voxel_ml = float(np.prod(spacing_mm)) / 1000
    seen = np.zeros_like(labels)
    for value in np.unique(labels[labels > 0]):
        parts, count = ndimage.label(labels == value, np.ones((3, 3, 3), bool))
        places = ndimage.find_objects(parts)
        sizes = np.bincount(parts.ravel())[1:]
        for number in range(count):
            place = (_one_more(places[number][0], len(labels)), *places[number][1:])
            part = parts[place] == number + 1
            half_mm = ndimage.distance_transform_edt(np.pad(part, 1), sampling=np.asarray(spacing_mm)[::-1]).max()
            small = np.exp(-sizes[number] * voxel_ml / config.small_ml)
            thin = np.exp(-half_mm / config.thin_mm)
            missed = _at(config.overlook, rater.skill) * max(small, thin)
            if sizes[number] == sizes.max():
                missed *= config.thin_largest
            kept = rng.random() >= missed
            part = _ends_changed(part, rater, rng, config)
            if kept:
                seen[place][part] = value
    return seen


def _one_more(place: slice, count: int) -> slice:
    return slice(max(place.start - 1, 0), min(place.stop + 1, count))


def _ends_changed(part: np.ndarray, rater: Rater, rng: np.random.Generator, config: RaterConfig) -> np.ndarray:
    chance = _at(config.end_slices, rater.skill)
    used = np.flatnonzero(part.any(axis=(1, 2)))
    changed = part.copy()
    for end, step in ((used[0], -1), (used[-1], 1)):
        errs, leaves_out = rng.random() < chance, rng.random() < 0.6
        if not errs or len(used) < 3:
            continue
        if leaves_out:
            changed[end] = False
        elif 0 <= end + step < len(part):
            changed[end + step] |= ndimage.binary_erosion(part[end], iterations=2)
    return changed


def _outlined(
    labels: np.ndarray, spacing_mm: np.ndarray, rater: Rater, rng: np.random.Generator, config: RaterConfig
) -> np.ndarray:
    """The outline drawn with a wandering hand, slice by slice."""
    in_plane = np.asarray(spacing_mm, float)[1::-1]  # between rows, between columns
    wander = rng.standard_normal(labels.shape, dtype=np.float32)
    sigma = (0.6, *(config.outline_smooth_mm / in_plane))
    wander = ndimage.gaussian_filter(wander, sigma, mode="wrap", truncate=3.0)
    wander *= _at(config.outline_sd_mm, rater.skill) / max(float(wander.std()), 1e-6)
    scan_shift = rng.normal(0, _at(config.scan_shift_sd_mm, rater.skill), 2)
    drawn = np.zeros_like(labels)
    for k, truth in enumerate(labels):
        shift = scan_shift + rng.normal(0, _at(config.slice_shift_sd_mm, rater.skill), 2)
        if not truth.any():
            continue
        depth = ndimage.distance_transform_edt(truth > 0, sampling=in_plane)
        outside, nearest = ndimage.distance_transform_edt(truth == 0, sampling=in_plane, return_indices=True)
        # Distances are to the centre of the next pixel; the edge lies half a pixel before it.
        signed = np.where(truth > 0, depth, -outside) - 0.5 * in_plane.mean() * np.sign(truth.astype(float) - 0.5)
        signed = ndimage.shift(signed, shift / in_plane, order=1, mode="constant", cval=_BEYOND_MM)
        drawn[k] = np.where(signed + wander[k] + rater.bias_mm > 0, truth[tuple(nearest)], 0)
    return drawn
