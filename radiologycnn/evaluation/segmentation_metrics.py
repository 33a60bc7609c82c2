"""How well a mask fits a reference mask: overlap, surface distances, lesions, volume.

Empty masks. Where reference and prediction are both empty, the prediction is right: overlap scores are 1 and distances
0. Where only one of them is empty, overlap is 0 and a distance does not exist (None); it is left out of means, and the
number of such cases stands beside them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from radiologycnn.images.affine import transform_points, transform_vectors, voxel_ml

SURFACE_TOLERANCE_MM = 2.0
"""Distance up to which a surface point counts as right, of the order of a thick slice's uncertainty."""


@dataclass(frozen=True)
class Overlap:
    """Voxel counts of two masks and what follows from them (Arab 2020, Evaluation metrics).

    For one binary mask F1 and Dice are the same number; both names stand, because the paper prints both.
    """

    true_positive: int
    false_positive: int
    false_negative: int

    @property
    def is_empty(self) -> bool:
        """Whether both masks are empty; every share is 1 then."""
        return self.true_positive + self.false_positive + self.false_negative == 0

    @property
    def dice(self) -> float:
        """Twice what both hold, of the sum of the two masks; 0 where one of them alone is empty."""
        return self._share(2 * self.true_positive, self.false_positive + self.false_negative)

    @property
    def precision(self) -> float:
        """Share of what was found that is in the reference; 0 where nothing was found of something."""
        return self._share(self.true_positive, self.false_positive)

    @property
    def recall(self) -> float:
        """Share of the reference that was found; 0 where there was nothing and something was found."""
        return self._share(self.true_positive, self.false_negative)

    @property
    def f1(self) -> float:
        return self.dice

    def _share(self, right: int, wrong: int) -> float:
        if self.is_empty:
            return 1.0
        return right / (right + wrong) if right + wrong else 0.0


def overlap(found: np.ndarray, reference: np.ndarray) -> Overlap:
    """Count two masks of the same shape; nonzero is inside.

    Raises:
        ValueError: different shapes.
    """
    found, reference = _masks(found, reference)
    both = int(np.count_nonzero(found & reference))
    return Overlap(both, int(np.count_nonzero(found)) - both, int(np.count_nonzero(reference)) - both)


@dataclass(frozen=True)
class SurfaceDistances:
    """Distances between the surfaces of two masks, mm; None where one of them is empty.

    Attributes:
        hausdorff_95_mm: the larger of the two directed 95th percentiles over surface voxels, each counted once, as
            MONAI and others take it.
        mean_mm: average symmetric surface distance, by area.
        surface_dice: share of the area of both surfaces that lies within the tolerance of the other (Nikolov 2021).
    """

    hausdorff_95_mm: float | None
    mean_mm: float | None
    surface_dice: float


def surface_distances(
    found: np.ndarray, reference: np.ndarray, ijk_to_lps: np.ndarray, tolerance_mm: float = SURFACE_TOLERANCE_MM
) -> SurfaceDistances:
    """Distances between surfaces, in patient space and so right for oblique, sheared and anisotropic grids.

    A surface is the set of centres of the voxels that have a face neighbour outside the mask (the image's border counts
    as outside). In shares and means each stands for the area of the surface there: on slices ten times as thick as a
    pixel is wide, a voxel of a side is worth ten of an end.

    Args:
        found, reference: masks (K, J, I).
        ijk_to_lps: 4x4 of their grid.
        tolerance_mm: for ``surface_dice``.

    Raises:
        ValueError: different shapes.
    """
    found, reference = _masks(found, reference)
    if not found.any() or not reference.any():
        empty = not found.any() and not reference.any()
        return SurfaceDistances(0.0 if empty else None, 0.0 if empty else None, float(empty))
    (ours, our_mm2), (theirs, their_mm2) = (_surface(mask, ijk_to_lps) for mask in (found, reference))
    to_theirs, to_ours = cKDTree(theirs).query(ours)[0], cKDTree(ours).query(theirs)[0]
    apart_mm, area_mm2 = np.concatenate((to_theirs, to_ours)), np.concatenate((our_mm2, their_mm2))
    # A point at exactly the tolerance is inside it, however the coordinates were rounded.
    is_near = apart_mm <= tolerance_mm + 1e-6
    return SurfaceDistances(
        float(max(np.percentile(to_theirs, 95), np.percentile(to_ours, 95))),
        float(np.average(apart_mm, weights=area_mm2)),
        float(np.average(is_near, weights=area_mm2)),
    )


@dataclass(frozen=True)
class LesionCounts:
    """Connected components (faces, edges and corners connect) that were found, missed and invented."""

    found: int
    missed: int
    invented: int

    @property
    def f1(self) -> float:
        """Lesion-wise F1; 1 where there was nothing to find and nothing was invented."""
        wrong = self.missed + self.invented
        return 2 * self.found / (2 * self.found + wrong) if self.found or wrong else 1.0


def lesion_counts(found: np.ndarray, reference: np.ndarray, least_share: float = 0.1) -> LesionCounts:
    """Match lesions of the reference with the prediction, masks of one shape (K, J, I).

    A predicted component is invented where less than ``least_share`` of it lies in the reference. A reference lesion is
    found where at least ``least_share`` of it is covered by components that are not invented, of which one may find
    several. Both conditions are those of Commowick 2018 (Sci Rep 8:13650, "Metrics": what covers a lesion must not lie
    too far outside it), without which a mask of the whole field finds everything. Their 10 % of the lesion is taken for
    both; they want 30 % of the prediction inside.
    """
    found, reference = _masks(found, reference)
    parts, supported = _parts(found, reference)
    is_invented = supported < least_share
    _, covered = _parts(reference, np.concatenate(([False], ~is_invented))[parts])
    hits = int(np.count_nonzero(covered >= least_share))
    return LesionCounts(hits, len(covered) - hits, int(np.count_nonzero(is_invented)))


@dataclass(frozen=True)
class CaseMetrics:
    """All metrics of one case, as a row of a table."""

    dice: float
    precision: float
    recall: float
    f1: float
    hausdorff_95_mm: float | None
    mean_surface_distance_mm: float | None
    surface_dice: float
    lesion_f1: float
    lesions_missed: int
    lesions_invented: int
    reference_ml: float
    found_ml: float
    volume_error_ml: float
    absolute_volume_error_ml: float

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def case_metrics(
    found: np.ndarray, reference: np.ndarray, ijk_to_lps: np.ndarray, tolerance_mm: float = SURFACE_TOLERANCE_MM
) -> CaseMetrics:
    """Everything of one case.

    Args:
        found, reference: masks (K, J, I).
        ijk_to_lps: 4x4 of their grid, mm.
        tolerance_mm: for ``surface_dice``.

    Raises:
        ValueError: different shapes.
    """
    found, reference = _masks(found, reference)
    counts = overlap(found, reference)
    # Everything outside both masks is of no interest, and most of the image.
    box = _common_box(found | reference)
    inner_to_lps = np.asarray(ijk_to_lps, float)
    distances = surface_distances(found[box], reference[box], inner_to_lps, tolerance_mm)
    lesions = lesion_counts(found[box], reference[box])
    one_ml = voxel_ml(inner_to_lps)
    reference_ml = (counts.true_positive + counts.false_negative) * one_ml
    found_ml = (counts.true_positive + counts.false_positive) * one_ml
    return CaseMetrics(
        dice=counts.dice,
        precision=counts.precision,
        recall=counts.recall,
        f1=counts.f1,
        hausdorff_95_mm=distances.hausdorff_95_mm,
        mean_surface_distance_mm=distances.mean_mm,
        surface_dice=distances.surface_dice,
        lesion_f1=lesions.f1,
        lesions_missed=lesions.missed,
        lesions_invented=lesions.invented,
        reference_ml=reference_ml,
        found_ml=found_ml,
        volume_error_ml=found_ml - reference_ml,
        absolute_volume_error_ml=abs(found_ml - reference_ml),
    )


def _masks(found: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    found, reference = np.asarray(found) != 0, np.asarray(reference) != 0
    if found.shape != reference.shape:
        raise ValueError(f"The masks have different shapes: {found.shape} and {reference.shape}.")
    return found, reference


def _surface(mask: np.ndarray, ijk_to_lps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centres of the voxels at a mask's surface, (n, 3) in mm, and the area that each stands for, (n,) in mm².

    The faces that a voxel shows are added as vectors, so that the steps of a slope do not count for more than the
    slope. Two faces of one axis, where the mask is a voxel thick, are two surfaces.
    """
    matrix = np.asarray(ijk_to_lps, float)
    padded = np.pad(mask, 1)
    # towards higher and lower I, J and K, in this order
    shown = np.array([[mask & ~np.roll(padded, s, axis)[1:-1, 1:-1, 1:-1] for s in (-1, 1)] for axis in (2, 1, 0)])
    at = shown.any(axis=(0, 1))
    higher, lower = shown[:, :, at].transpose(1, 2, 0).astype(float)  # (n, 3) each
    faces = np.cross(matrix[:3, [1, 2, 0]], matrix[:3, [2, 0, 1]], axis=0)  # column: one axis's face, across it
    outward = transform_vectors(faces, higher - lower)
    doubled = transform_vectors((2 * np.linalg.norm(faces, axis=0, keepdims=True)) ** 2, higher * lower)[:, 0]
    return transform_points(matrix, np.argwhere(at)[:, ::-1]), np.sqrt((outward**2).sum(axis=1) + doubled)


def _parts(mask: np.ndarray, by: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Components of ``mask``, numbered from 1 in its shape, and the share of each that lies in ``by``, shape (n,)."""
    parts, count = ndimage.label(mask, np.ones((3, 3, 3), bool))
    sizes = np.bincount(parts.ravel(), minlength=count + 1)[1:]
    inside = np.bincount(parts[by], minlength=count + 1)[1:]
    return parts, inside / np.maximum(sizes, 1)


def _common_box(mask: np.ndarray) -> tuple[slice, ...]:
    boxes = ndimage.find_objects(mask.astype(np.uint8))
    return boxes[0] if boxes else (slice(0, 0),) * mask.ndim
