"""Is this scan a head CT that the network can read? Refuses what certainly is not, warns where in doubt.

The test of the organ is geometric: a head has slices in which a closed ring of bone, of a head's size, surrounds soft
tissue. Nothing else in the body has: ribs and pelvis leave wide gaps, and limbs are too small.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from radiologycnn.errors import InputError
from radiologycnn.images.grid import reorient_to_lps
from radiologycnn.images.volume import Volume

CHOOSE_HEAD = "Choose a non-contrast CT of the head."

AIR_BELOW_HU = -500
BODY_ABOVE_HU = -300
BONE_ABOVE_HU = 250
SOFT_TISSUE_HU = (-60, 130)

COARSE_STEP_MM = 2.5
RAYS = 72
RAY_STEP_MM = 2.0
LONGEST_RAY_MM = 220.0

# A craniectomy, a fracture or a burr hole opens the ring; ribs and pelvis close much less of it.
CLOSED_SHARE = 0.75
SOFT_SHARE = 0.75
RING_DIAMETER_MM = (80.0, 215.0)

# Height over which the ring must be seen: below the first it is no head, below the second only a part of one.
LEAST_RING_MM = 15.0
USUAL_RING_MM = 60.0

LEAST_EXTENT_MM = 80.0
MOST_EXTENT_MM = 280.0
IMPOSSIBLE_EXTENT_MM = 400.0
WIDEST_FIELD_MM = 350.0
THICKEST_SLICE_MM = 6.0

# Cross-section of the uppermost slice against the largest one, from which on the vertex must be missing.
CUT_VERTEX_SHARE = 0.35

_CONTRAST = re.compile(r"\bcta\b|angio|perfusion|venogra|post.?contrast|with contrast|contrast.?enhanced|\bctv\b|\+c\b")
_NO_CONTRAST = re.compile(r"non.?contrast|without|w/?o\b|no contrast|native|plain")


def check_head_ct(volume: Volume) -> list[str]:
    """Warnings for the person, one sentence each; empty when all is well.

    Args:
        volume: finite voxels on a valid grid (``radiologycnn.images.checks`` sees to that first).

    Raises:
        InputError: this is certainly not a head CT in Hounsfield units.
    """
    if volume.modality not in ("", "CT"):
        raise InputError(
            "not-a-ct", f"This scan's modality is {volume.modality}, but a head CT is needed.", CHOOSE_HEAD
        )
    _check_hounsfield_units(volume)
    oriented = reorient_to_lps(volume)
    extent = oriented.spacing_mm * oriented.array.shape[::-1]
    height = float(abs(oriented.ijk_to_lps[2, 2]) * oriented.array.shape[0])
    if height > IMPOSSIBLE_EXTENT_MM:
        raise InputError(
            "too-large-extent",
            f"This scan covers {height:.0f} mm from bottom to top, much more than a head.",
            "Crop it to the head, or choose the head's own series.",
        )
    shell = _find_shell(oriented)
    if shell.ring_mm < LEAST_RING_MM:
        raise InputError(
            "not-a-head-ct",
            "No skull was found in this scan: no slices in which bone surrounds soft tissue at a head's size.",
            CHOOSE_HEAD,
        )

    warnings = []
    if shell.ring_mm < USUAL_RING_MM or height < LEAST_EXTENT_MM:
        warnings.append(
            f"Only part of the head is in this scan ({height:.0f} mm from bottom to top); "
            "what lies outside is not measured."
        )
    elif shell.top_share > CUT_VERTEX_SHARE:
        warnings.append("The top of the head seems to be cut off; a bleed there is not measured.")
    if height > MOST_EXTENT_MM:
        warnings.append(
            f"This scan covers {height:.0f} mm from bottom to top, more than a head; "
            "crop it to the head for the network to see the head larger."
        )
    if max(extent[:2]) > WIDEST_FIELD_MM:
        warnings.append(
            f"The image is {extent[0]:.0f} x {extent[1]:.0f} mm wide, so the network sees the head small; "
            "a reconstruction with a smaller field of view would be better."
        )
    if oriented.spacing_mm[2] > THICKEST_SLICE_MM:
        warnings.append(f"The slices are {oriented.spacing_mm[2]:.1f} mm apart; volumes of small bleeds are uncertain.")
    described = " ".join(str(text) for text in (volume.name, *_descriptions(volume))).lower()
    if _CONTRAST.search(described) and not _NO_CONTRAST.search(described):
        warnings.append(
            "This scan seems to have been made with contrast medium, which looks like blood; "
            "the network was made for scans without."
        )
    if not volume.modality:
        warnings.append("The file does not say that this is a CT; its values look like Hounsfield units.")
    return warnings


def _descriptions(volume: Volume) -> list[str]:
    return [str(volume.provenance.get(key, "")) for key in ("series_description", "description", "contrast")]


def _check_hounsfield_units(volume: Volume) -> None:
    low, high = float(volume.array.min()), float(volume.array.max())
    stated = f"its values run from {low:g} to {high:g}"
    if low >= -100 and high >= 1500 and _share(volume, lambda hu: (hu > 850) & (hu < 1250)) > 0.1:
        raise InputError(
            "not-hounsfield",
            f"This scan is not in Hounsfield units: {stated}, as the scanner stores them before its offset is applied.",
            "Apply the rescale intercept (often -1024), or load the original DICOM files.",
        )
    if low > AIR_BELOW_HU:
        raise InputError(
            "not-hounsfield",
            f"This scan is not a CT in Hounsfield units: {stated}, and no air (-1000 HU) is among them.",
            "Choose the original CT, not an MRI and not a windowed or skull-stripped image.",
        )
    if high < BONE_ABOVE_HU:
        raise InputError(
            "not-a-head-ct", f"There is no bone in this scan: {stated} HU, so it cannot show a head.", CHOOSE_HEAD
        )


def _share(volume: Volume, condition: object) -> float:
    sample = volume.array[::2, ::8, ::8]
    return float(np.count_nonzero(condition(sample)) / sample.size)


@dataclass(frozen=True)
class _Shell:
    """What was found of the skull: height of slices with a closed ring, and the uppermost slice's share of area."""

    ring_mm: float
    top_share: float


def _find_shell(oriented: Volume) -> _Shell:
    """Look along rays from the middle of each axial slice for a ring of bone around soft tissue."""
    spacing = oriented.spacing_mm
    step_i, step_j = (max(1, int(COARSE_STEP_MM / spacing[axis])) for axis in (0, 1))
    step_k = max(1, int(COARSE_STEP_MM / spacing[2]))
    hu = oriented.array[::step_k, ::step_j, ::step_i]
    # Bone anywhere in a block counts, or thin bone would slip between the samples.
    bone = _block_any(oriented.array[::step_k], step_j, step_i)
    cell_i, cell_j = spacing[0] * step_i, spacing[1] * step_j
    body = hu > BODY_ABOVE_HU
    areas = body.sum(axis=(1, 2))

    middle_j, middle_i = _middles(body)
    angles = np.arange(RAYS) * 2 * np.pi / RAYS
    radii = np.arange(0, LONGEST_RAY_MM, RAY_STEP_MM)
    j = np.rint(middle_j[:, None, None] + np.sin(angles)[:, None] * radii / cell_j).astype(int)
    i = np.rint(middle_i[:, None, None] + np.cos(angles)[:, None] * radii / cell_i).astype(int)
    outside = (j < 0) | (j >= hu.shape[1]) | (i < 0) | (i >= hu.shape[2])
    k = np.arange(len(hu))[:, None, None]
    j, i = np.clip(j, 0, hu.shape[1] - 1), np.clip(i, 0, hu.shape[2] - 1)
    hits = bone[k, j, i] & ~outside & (radii >= RING_DIAMETER_MM[0] / 4)
    values = hu[k, j, i]

    has_bone = hits.any(axis=2)
    first_bone_mm = np.where(has_bone, radii[hits.argmax(axis=2)], np.nan)
    closed = has_bone.mean(axis=1)
    diameter = np.zeros(len(hu))
    counted = closed > 0.5
    diameter[counted] = 2 * np.nanmean(first_bone_mm[counted], axis=1)
    # Soft tissue must fill what lies well inside the ring.
    within = radii < 0.8 * np.nan_to_num(first_bone_mm)[..., None]
    soft = (values > SOFT_TISSUE_HU[0]) & (values < SOFT_TISSUE_HU[1]) & within
    soft_share = soft.sum(axis=(1, 2)) / np.maximum(within.sum(axis=(1, 2)), 1)
    ring = (closed >= CLOSED_SHARE) & (soft_share >= SOFT_SHARE) & (diameter >= RING_DIAMETER_MM[0])
    # By the widest ring: what is wider than a head may still have narrower ends.
    if not ring.any() or diameter[ring].max() > RING_DIAMETER_MM[1]:
        return _Shell(0.0, 0.0)
    # Slices without an image (outside a tilted stack) are not the top of the head.
    filled = np.flatnonzero(areas * cell_i * cell_j > 500)
    top_share = float(areas[filled[-1]] / areas[ring].max()) if filled.size else 0.0
    top_missing = filled.size and filled[-1] == len(hu) - 1
    return _Shell(float(ring.sum() * step_k * spacing[2]), top_share if top_missing else 0.0)


def _block_any(array: np.ndarray, step_j: int, step_i: int) -> np.ndarray:
    """Whether a block of step_j x step_i pixels that begins at each coarse sample holds bone."""
    rows = _block_highest(array, step_j, axis=1)
    return _block_highest(rows, step_i, axis=2) > BONE_ABOVE_HU


def _block_highest(array: np.ndarray, step: int, axis: int) -> np.ndarray:
    """Highest value of each block of ``step`` along an axis; the last block may be shorter."""
    array = np.moveaxis(array, axis, 0)
    highest = array[::step].copy()
    for offset in range(1, step):  # whole rows at a time: many times faster than block after block
        others = array[offset::step]
        np.maximum(highest[: len(others)], others, out=highest[: len(others)])
    return np.moveaxis(highest, 0, axis)


def _middles(body: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Middle of the body in each slice (j and i, fractional); a thin table or head rest hardly moves it."""
    middles = []
    for axis in (1, 2):
        profile = body.sum(axis=3 - axis).astype(float)
        position = np.arange(body.shape[axis])
        total = profile.sum(axis=1)
        middles.append((profile * position).sum(axis=1) / np.maximum(total, 1))
    return middles[0], middles[1]
