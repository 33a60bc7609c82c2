"""Where the skull is in a CT: slices in which a closed ring of bone, of a head's size, surrounds soft tissue.

Nothing else in the body has such rings: ribs and pelvis leave wide gaps, and limbs are too small. The rings say whether
a scan shows a head at all, and which part of it the brain lies in.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from radiologycnn.images.boxes import Box
from radiologycnn.images.grid import reorient_to_lps
from radiologycnn.images.volume import Volume

AIR_BELOW_HU = -500
BODY_ABOVE_HU = -300
BONE_ABOVE_HU = 250
INFANT_BONE_ABOVE_HU = 150
SOFT_TISSUE_HU = (-60, 130)

COARSE_STEP_MM = 2.5
RAYS = 72
RAY_STEP_MM = 2.0
LONGEST_RAY_MM = 220.0

# A fracture, a burr hole or an open suture opens the ring; ribs and pelvis close much less of it. A craniectomy opens
# it wider: what it is around must then be brain, without the fat and the gas that a trunk holds.
CLOSED_SHARE = 0.75
SOFT_SHARE = 0.75
OPENED_CLOSED_SHARE = 0.55
OPENED_SOFT_SHARE = 0.95
RING_DIAMETER_MM = (80.0, 215.0)

# Below this height of rings there is no head.
LEAST_RING_MM = 15.0

# A slice with less tissue than this shows none of the head.
LEAST_SLICE_MM2 = 500.0

# Share of a ring slice's rays that reach the edge of the image within the body, without having met bone, from which on
# the edge cuts through the brain. In whole heads it is 0; where the edge lies 4 mm inside the inner table, 0.1.
CUT_SHARE = 0.1
# What a scanner stores outside of the circle that it reconstructs, where that is not the value of air.
PADDING_BELOW_HU = -1500
# Where the rays point, as they turn from the patient's left over the back and the right to the front.
SIDES = ("left side", "back", "right side", "front")

# The box around the brain: this far beyond the inner table, for the bone and for what bulges through a gap in it; so
# far above the highest ring, over which the vault closes; and no taller than this, so that a neck is left out. A wide
# craniectomy opens all rings of the vault: the box then reaches to where the body ends, but no farther above the
# lowest ring than a tall head does, so that raised arms are left out.
BESIDE_INNER_TABLE_MM = 15.0
ABOVE_HIGHEST_RING_MM = 35.0
ABOVE_LOWEST_RING_MM = 150.0
TALLEST_BOX_MM = 190.0

# A ray that ends this much farther out than its slice's median passed through a gap.
THROUGH_A_GAP = 1.4


@dataclass(frozen=True)
class Skull:
    """What was found of the skull.

    Attributes:
        ring_mm: height of the slices with a closed ring; 0 where there is no head.
        top_share: cross-section of the uppermost slice against the largest ring's, where the stack ends in the head.
        cut_off: which parts of the brain the edges of the image cut off, apart from the top: "base", and of ``SIDES``.
        width_mm: mean inner diameter of the widest ring.
        box: around the brain and the bone beside it, slices K, J, I of ``reorient_to_lps(volume)``; None where too
            little of a skull was found.
    """

    ring_mm: float
    top_share: float
    cut_off: tuple[str, ...] = ()
    width_mm: float = 0.0
    box: Box | None = None


def find_skull(volume: Volume) -> Skull:
    """Look along rays from the middle of each axial slice for a ring of bone around soft tissue.

    Where there is none, it is looked for again: as an infant's, of softer bone, and under the noise of a sharp kernel,
    in means over 7 mm.
    """
    oriented = reorient_to_lps(volume)
    skull = Skull(0.0, 0.0)
    for bone_above_hu, smooth in ((BONE_ABOVE_HU, False), (INFANT_BONE_ABOVE_HU, False), (BONE_ABOVE_HU, True)):
        skull = _find(oriented, bone_above_hu, smooth)
        if skull.ring_mm >= LEAST_RING_MM:
            break
    return skull


def _find(oriented: Volume, bone_above_hu: float, smooth: bool) -> Skull:
    spacing = oriented.spacing_mm
    step_i, step_j = (max(1, int(COARSE_STEP_MM / spacing[axis])) for axis in (0, 1))
    step_k = max(1, int(COARSE_STEP_MM / spacing[2]))
    hu = oriented.array[::step_k, ::step_j, ::step_i]
    if smooth:
        hu = _means(oriented.array[::step_k], step_j, step_i)
        bone = hu > bone_above_hu
    else:  # bone anywhere in a block counts, or thin bone would slip between the samples
        bone = _block_any(oriented.array[::step_k], step_j, step_i, bone_above_hu)
    cell_i, cell_j = spacing[0] * step_i, spacing[1] * step_j
    body = body_voxels(hu)
    areas = body.sum(axis=(1, 2))

    middle_j, middle_i = _middles(body)
    angles = np.arange(RAYS) * 2 * np.pi / RAYS
    radii = np.arange(0, LONGEST_RAY_MM, RAY_STEP_MM)
    j = np.rint(middle_j[:, None, None] + np.sin(angles)[:, None] * radii / cell_j).astype(int)
    i = np.rint(middle_i[:, None, None] + np.cos(angles)[:, None] * radii / cell_i).astype(int)
    outside = (j < 0) | (j >= hu.shape[1]) | (i < 0) | (i >= hu.shape[2])
    k = np.arange(len(hu))[:, None, None]
    place = (k * hu.shape[1] + np.clip(j, 0, hu.shape[1] - 1)) * hu.shape[2] + np.clip(i, 0, hu.shape[2] - 1)
    hits = bone.take(place) & ~outside & (radii >= RING_DIAMETER_MM[0] / 4)
    values = hu.take(place)
    # The last place of each ray within what the scanner has imaged.
    edge = len(radii) - 1 - (~outside & (values > PADDING_BELOW_HU))[..., ::-1].argmax(axis=2)
    leaves_in_body = np.take_along_axis(body.take(place), edge[..., None], 2)[..., 0] & (edge < len(radii) - 1)

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
    closed_ring = (closed >= CLOSED_SHARE) & (soft_share >= SOFT_SHARE) & (diameter >= RING_DIAMETER_MM[0])
    ring = (closed >= OPENED_CLOSED_SHARE) & (soft_share >= OPENED_SOFT_SHARE) & (diameter >= RING_DIAMETER_MM[0])
    ring |= closed_ring
    # By the widest ring: what is wider than a head may still have narrower ends.
    if not ring.any() or diameter[ring].max() > RING_DIAMETER_MM[1]:
        return Skull(0.0, 0.0)
    # Slices without an image (outside a tilted stack) are neither the top of the head nor its base.
    filled = np.flatnonzero(areas * cell_i * cell_j > LEAST_SLICE_MM2)
    top_share = float(areas[filled[-1]] / areas[ring].max()) if filled.size else 0.0
    top_missing = filled.size and filled[-1] == len(hu) - 1
    base_missing = filled.size and closed_ring[filled[0]]
    cut_off = ("base",) * bool(base_missing) + _cut_sides((leaves_in_body & ~has_bone)[ring])
    step_mm = float(step_k * spacing[2])
    ring_mm = float(ring.sum() * step_mm)
    width_mm = float(diameter[ring].max())
    box = None
    if ring_mm >= LEAST_RING_MM:
        aside, along = middle_i[ring] * cell_i, middle_j[ring] * cell_j
        lowest, highest = np.flatnonzero(ring)[[0, -1]]
        rows, columns = np.ogrid[: hu.shape[1], : hu.shape[2]]
        around_mm = np.hypot((rows - middle_j[highest]) * cell_j, (columns - middle_i[highest]) * cell_i)
        above = body[highest:, around_mm < width_mm / 2].sum(axis=1) * cell_i * cell_j > LEAST_SLICE_MM2
        end_of_body_mm = float(highest + (len(above) - 1 if above.all() else above.argmin())) * step_mm
        top_mm = max(
            float(highest) * step_mm + ABOVE_HIGHEST_RING_MM,
            min(end_of_body_mm, float(lowest) * step_mm + ABOVE_LOWEST_RING_MM),
        )
        box = _box_around(oriented, aside, along, angles, first_bone_mm[ring], top_mm)
    return Skull(ring_mm, top_share if top_missing else 0.0, cut_off, width_mm, box)


def _cut_sides(cut: np.ndarray) -> tuple[str, ...]:
    """Of ``SIDES``, where the edge of the image cuts through the brain.

    Args:
        cut: whether a ray reaches the edge within the body without having met bone, shape (rings, rays).
    """
    most = cut[cut.mean(axis=1).argmax()]
    if most.mean() < CUT_SHARE:
        return ()
    # The first side lies about the first ray.
    by_side = np.roll(most, RAYS // len(SIDES) // 2).reshape(len(SIDES), -1).sum(axis=1)
    return tuple(side for side, rays in zip(SIDES, by_side) if rays >= most.sum() / len(SIDES))


def _box_around(
    oriented: Volume, aside: np.ndarray, along: np.ndarray, angles: np.ndarray, reach: np.ndarray, top_mm: float
) -> Box:
    """The box around the brain and the bone beside it, slices K, J, I.

    Args:
        aside, along: middle of each ring, mm from the first voxel's centre, to the left and to the back.
        reach: mm from there to the inner table, shape (rings, angles); nan where a ray met none.
        top_mm: where the box ends above, from the first slice.
    """
    reach = np.where(reach > THROUGH_A_GAP * np.nanmedian(reach, axis=1, keepdims=True), np.nan, reach)
    aside, along = aside[:, None] + np.cos(angles) * reach, along[:, None] + np.sin(angles) * reach
    beside = BESIDE_INNER_TABLE_MM
    spacing, (slices, rows, columns) = oriented.spacing_mm, oriented.array.shape
    return (
        _part(top_mm - TALLEST_BOX_MM, top_mm, spacing[2], slices),
        _part(np.nanmin(along) - beside, np.nanmax(along) + beside, spacing[1], rows),
        _part(np.nanmin(aside) - beside, np.nanmax(aside) + beside, spacing[0], columns),
    )


def _part(low_mm: float, high_mm: float, spacing_mm: float, size: int) -> slice:
    """Voxels of an axis from one place to another, in mm from its first voxel's centre."""
    return slice(max(int(low_mm / spacing_mm), 0), min(int(np.ceil(high_mm / spacing_mm)) + 1, size))


def _block_any(array: np.ndarray, step_j: int, step_i: int, bone_above_hu: float) -> np.ndarray:
    """Whether a block of step_j x step_i pixels that begins at each coarse sample holds bone."""
    rows = _block_highest(array, step_j, axis=1)
    return _block_highest(rows, step_i, axis=2) > bone_above_hu


def _means(array: np.ndarray, step_j: int, step_i: int) -> np.ndarray:
    """Means over three blocks of step_j x step_i pixels each way at each coarse sample of a slice, float32."""
    for axis, step in ((1, step_j), (2, step_i)):
        starts = np.arange(0, array.shape[axis], step)
        counts = np.diff([*starts, array.shape[axis]]).astype(np.float32)
        array = np.add.reduceat(array, starts, axis=axis, dtype=np.float32)
        array /= counts if axis == 2 else counts[:, None]
    return ndimage.uniform_filter(np.clip(array, -1000, 3000), (1, 3, 3))


def _block_highest(array: np.ndarray, step: int, axis: int) -> np.ndarray:
    """Highest value of each block of ``step`` along an axis; the last block may be shorter."""
    array = np.moveaxis(array, axis, 0)
    highest = array[::step].copy(order="K")  # as it lies in memory, which is what the passes run along
    for offset in range(1, step):  # whole rows at a time: many times faster than block after block
        others = array[offset::step]
        np.maximum(highest[: len(others)], others, out=highest[: len(others)])
    return np.moveaxis(highest, 0, axis)


def body_voxels(hu: np.ndarray) -> np.ndarray:
    """Whether a voxel, (K, J, I), is neither air nor, as the corners show, what a program that resampled filled in."""
    body = hu > BODY_ABOVE_HU
    if (hu[np.ix_((0, -1), (0, -1), (0, -1))] == 0).any():
        body &= hu != 0
    return body


def _middles(body: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Middle of the body in each slice (j and i, fractional); a thin table or head rest hardly moves it."""
    middles = []
    for axis in (1, 2):
        profile = body.sum(axis=3 - axis).astype(float)
        position = np.arange(body.shape[axis])
        total = profile.sum(axis=1)
        middles.append((profile * position).sum(axis=1) / np.maximum(total, 1))
    return middles[0], middles[1]
