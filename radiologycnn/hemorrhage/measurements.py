"""Measuring a segmented bleed on the scan's own grid: each lesion of each label, and the totals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy import ndimage

from radiologycnn.errors import InputError
from radiologycnn.hemorrhage.abc2 import abc_half, longest_diameter, row_ends
from radiologycnn.hemorrhage.labels import LabelDefinition
from radiologycnn.hemorrhage.midline import Midline, estimate_midline
from radiologycnn.hemorrhage.results import AbcHalf, LabelTotal, LesionMeasurement, Measurements
from radiologycnn.images.affine import transform_points, transform_vectors, triple
from radiologycnn.images.boxes import Box, bounding_box, box_start, moved_box, whole_box
from radiologycnn.images.volume import LPS_TO_RAS, Volume

# The midline is found to about this; a centroid nearer to it belongs to neither side.
MIDLINE_TOLERANCE_MM = 3.0

# Voxels in the box around a lesion up to which its shape is remembered.
LARGEST_SPECK_BOX = 64

# A lesion that crosses the midline belongs to a side if this share of it lies there.
ONE_SIDED_SHARE = 0.75


def measure(
    mask: np.ndarray,
    volume: Volume,
    labels: Sequence[LabelDefinition],
    *,
    min_volume_ml: float = 0.0,
    midline: Midline | None = None,
    within: Box | None = None,
) -> Measurements:
    """Measurements of a mask or label map.

    A lesion is a component of one label, connected through faces, edges or corners (26 neighbours). Volumes are voxel
    counts times |det| of the grid's matrix, so they are right on oblique, sheared and anisotropic grids. A label's
    ``abc2_ml`` is the sum over its lesions, each with its own A, B and C; ``abc2_as_one_ml`` takes them as one bleed.

    Args:
        mask: shape (K, J, I) like the volume's array; bool, or integers where the label's value stands.
        volume: the scan, CT in HU.
        labels: what the values mean; others are refused.
        min_volume_ml: smaller lesions are left out of the list and of the totals; 0 keeps all.
        midline: of the head, if already known; estimated from the scan otherwise.
        within: a part of the grid (slices K, J, I) beyond which the mask is known to hold nothing.

    Raises:
        InputError: shapes differ, or a value has no label.
    """
    mask = np.asarray(mask)
    if mask.shape != volume.array.shape:
        raise InputError(
            "mask-mismatch",
            f"The mask has {mask.shape[::-1]} voxels, but the scan has {volume.array.shape[::-1]}.",
            "Resample the mask onto the scan's grid.",
        )
    mask = mask.view(np.uint8) if mask.dtype == bool else mask
    within = within or whole_box(mask.shape)
    box = bounding_box(mask[within])
    if box is None:
        empty = tuple(LabelTotal(label.value, label.name, 0.0, 0, 0.0, 0.0) for label in labels)
        return Measurements(0.0, 0.0, empty, ())
    box = moved_box(box, box_start(within))
    mask = mask[box]
    known = {0, *(label.value for label in labels)}
    # Counting is faster than the sorting that names the others.
    if sum(np.count_nonzero(mask == value) for value in known) != mask.size:
        unknown = sorted(set(np.unique(mask).tolist()) - known)
        raise InputError("unknown-label", f"The mask holds values without a label: {unknown}.", "Check the label map.")
    midline = midline or estimate_midline(volume)

    filled = np.count_nonzero(mask)
    lesions: list[LesionMeasurement] = []
    totals: list[LabelTotal] = []
    for label in labels:
        chosen = mask == label.value
        found, kept = _measure_label(chosen, box, volume, label, midline, min_volume_ml)
        lesions += found
        if len(found) == 1 and found[0].voxel_count == filled:
            as_one = found[0].abc2  # of the same voxels
        else:
            as_one = abc_half(kept, np.asarray(volume.ijk_to_lps, float))
        totals.append(
            LabelTotal(
                label.value,
                label.name,
                sum(lesion.voxel_count for lesion in found) * volume.voxel_volume_mm3 / 1000,
                len(found),
                sum(lesion.abc2.volume_ml for lesion in found),
                as_one.volume_ml,
            )
        )
    lesions.sort(key=lambda lesion: (-lesion.voxel_count, lesion.first_slice, lesion.centroid_ras_mm))
    numbered = tuple(replace(lesion, index=index) for index, lesion in enumerate(lesions, start=1))
    return Measurements(
        sum(total.volume_ml for total in totals), sum(total.abc2_ml for total in totals), tuple(totals), numbered
    )


def _measure_label(
    mask: np.ndarray,
    box: Box,
    volume: Volume,
    label: LabelDefinition,
    midline: Midline,
    min_volume_ml: float,
) -> tuple[list[LesionMeasurement], np.ndarray]:
    """All lesions of one label inside the box, and the mask of those that were kept."""
    numbered, count = ndimage.label(mask, np.ones((3, 3, 3)))
    if not count:
        return [], mask
    places = np.flatnonzero(numbered)
    lesion_of = numbered.ravel()[places]
    voxels = np.bincount(lesion_of, minlength=count + 1)[1:]
    kept = voxels * volume.voxel_volume_mm3 / 1000 >= min_volume_ml
    if not kept.all():
        mask = np.concatenate(([False], kept))[numbered]

    ijk = np.column_stack(np.unravel_index(places, numbered.shape)[::-1]).astype(float)
    ijk += box_start(box)[::-1]
    matrix = np.asarray(volume.ijk_to_lps, float)
    lps = transform_points(matrix, ijk)
    hu = volume.array[box].ravel()[places].astype(float)

    def mean_of(values: np.ndarray) -> np.ndarray:
        return np.bincount(lesion_of, weights=values, minlength=count + 1)[1:] / voxels

    centroids = np.column_stack([mean_of(lps[:, axis]) for axis in range(3)])
    mean_hu = mean_of(hu)
    # About each lesion's own mean: the difference of squares would lose digits.
    sd_hu = np.sqrt(mean_of((hu - mean_hu[lesion_of - 1]) ** 2))
    left_share = mean_of((midline.leftward_mm(lps) > 0).astype(float))
    centroid_left_mm = midline.leftward_mm(centroids)

    lesions = []
    steps, to_ras = matrix[:3, :3], LPS_TO_RAS[:3, :3]
    # Specks of one shape measure the same wherever they lie, and a bad mask may have thousands.
    known: dict[tuple[tuple[int, ...], bytes], tuple[float, AbcHalf]] = {}
    for number, place in enumerate(ndimage.find_objects(numbered)):
        if not kept[number]:
            continue
        own = numbered[place] == number + 1
        key = (own.shape, own.tobytes())
        if key in known:
            diameter_mm, abc2 = known[key]
        else:
            diameter_mm, _ = longest_diameter(transform_vectors(steps, row_ends(own)[:, ::-1]), steps)
            abc2 = abc_half(own, matrix)
            if own.size <= LARGEST_SPECK_BOX:
                known[key] = (diameter_mm, abc2)
        start = np.array(box_start(box)) + box_start(place)
        look_at = _place_in(own, centroids[number], start, matrix)
        first_slice = int(start[0])
        lesions.append(
            LesionMeasurement(
                index=0,
                label_value=label.value,
                label_name=label.name,
                voxel_count=int(voxels[number]),
                volume_ml=float(voxels[number] * volume.voxel_volume_mm3 / 1000),
                max_diameter_mm=diameter_mm,
                mean_hu=float(mean_hu[number]),
                sd_hu=float(sd_hu[number]),
                first_slice=first_slice,
                last_slice=first_slice + own.shape[0] - 1,
                centroid_ras_mm=triple(to_ras @ centroids[number]),
                side=_side(float(centroid_left_mm[number]), float(left_share[number])),
                abc2=abc2,
                place_ras_mm=triple(to_ras @ look_at),
            )
        )
    return lesions, mask


def _place_in(own: np.ndarray, centroid: np.ndarray, start: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """The centroid, LPS in mm, or the lesion's voxel nearest to it where the voxel about it is none of the lesion's.

    Args:
        own: bool, (K, J, I), the lesion.
        centroid: LPS in mm.
        start: first voxel of ``own`` on the grid, (k, j, i).
        matrix: 4x4 of the grid, voxel index (i, j, k) to LPS in mm.
    """
    middle = np.rint(transform_points(np.linalg.inv(matrix), centroid[None])[0, ::-1]).astype(int) - start
    if own[tuple(np.clip(middle, 0, np.array(own.shape) - 1))]:
        return centroid
    voxels = transform_points(matrix, (np.argwhere(own) + start)[:, ::-1].astype(float))
    return voxels[np.linalg.norm(voxels - centroid, axis=1).argmin()]


def _side(centroid_left_mm: float, left_share: float) -> str:
    if abs(centroid_left_mm) < MIDLINE_TOLERANCE_MM or 1 - ONE_SIDED_SHARE < left_share < ONE_SIDED_SHARE:
        return "midline"
    return "left" if centroid_left_mm > 0 else "right"
