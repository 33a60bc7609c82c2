"""Where the head's own midline lies: the plane about which the head is most symmetric, not the scanner's x = 0."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage, optimize

from radiologycnn.hemorrhage.skull import body_voxels
from radiologycnn.images.affine import transform_points, transform_vectors, triple
from radiologycnn.images.volume import Volume

# Coarse on purpose: skull and skin show the symmetry, and a bleed on one side must not turn the plane.
COARSE_SPACING_MM = 6.0
SMALLEST_HEAD_ML = 300.0
CLIPPED_HU = (-300.0, 400.0)
# Every so many points place the plane as well as all of them: to 0.2 mm and 0.4 degrees on simulated heads.
POINTS_APART = 4

# Degrees of turn from which the best plane is looked for. The large ones, as far as the patient's left is nearer to
# the image's left than to its right, are tried only where no usual one shows much symmetry, and must be clearly better:
# from front to back, the upper part of a head can be more symmetric than from side to side, where it bleeds on one
# side. The root of the mean square of what differs is 50 to 120 HU in straight heads, and 120 to 170 HU in heads turned
# far, where its square is lower by a quarter or more at a start near their own plane.
USUAL_TURNS = (-16, -8, 0, 8, 16)
LARGE_TURNS = (*range(-88, -16, 8), *range(24, 89, 8))
TURNED_ABOVE_HU = 100.0
CLEARLY_LESS = 0.75
# Where an edge of the image cuts so much of the head off that the cut face is this large, what is left is most
# symmetric about a plane across that face: the large turns are then not tried.
LARGEST_CUT_MM2 = 3000.0


@dataclass(frozen=True)
class Midline:
    """A plane in LPS: points x with ``normal @ x == offset_mm``; the normal points to the patient's left."""

    normal: tuple[float, float, float]
    offset_mm: float

    def leftward_mm(self, points_lps: np.ndarray) -> np.ndarray:
        """How far points, shape (n, 3), lie to the left of the plane; negative to the right. Shape (n,)."""
        return transform_vectors(np.array([self.normal]), points_lps)[:, 0] - self.offset_mm


def estimate_midline(volume: Volume) -> Midline:
    """The symmetry plane of the head in a CT; the sagittal plane through the volume's centre where no head is found."""
    matrix = np.asarray(volume.ijk_to_lps, float)
    steps = np.maximum(1, np.round(COARSE_SPACING_MM / volume.spacing_mm)).astype(int)
    coarse = volume.array[:: steps[2], :: steps[1], :: steps[0]].astype(np.float32)
    to_lps = matrix @ np.diag([*steps, 1.0])
    centre = (matrix @ [*((np.array(volume.array.shape[::-1]) - 1) / 2), 1.0])[:3]
    fallback = Midline((1.0, 0.0, 0.0), float(centre[0]))

    parts, count = ndimage.label(body_voxels(coarse))
    if not count:
        return fallback
    sizes = np.bincount(parts.ravel())[1:]
    head = parts == 1 + int(sizes.argmax())
    if sizes.max() * abs(np.linalg.det(to_lps[:3, :3])) < SMALLEST_HEAD_ML * 1000 or head.all():
        return fallback

    image = np.where(head, np.clip(coarse, *CLIPPED_HU), CLIPPED_HU[0])
    image = ndimage.gaussian_filter(image, COARSE_SPACING_MM / 2 / (volume.spacing_mm * steps)[::-1])
    # One coordinate a row, in the image's order: many times faster than one point a row.
    places = np.stack(np.nonzero(head)).astype(float)
    middle = transform_points(to_lps, places.mean(axis=1)[None, ::-1])[0]
    places, values = places[:, ::POINTS_APART], image[head][::POINTS_APART]
    to_ijk = np.linalg.inv(to_lps)

    def asymmetry(parameters: np.ndarray) -> float:
        normal, offset = _plane(parameters, middle)
        mirror = np.eye(4)
        mirror[:3, :3] -= 2 * np.outer(normal, normal)
        mirror[:3, 3] = 2 * offset * normal
        through = (to_ijk @ mirror @ to_lps)[2::-1, (2, 1, 0, 3)]
        mirrored = [k * places[0] + j * places[1] + i * places[2] + start for k, j, i, start in through]
        other = ndimage.map_coordinates(image, mirrored, order=1, mode="nearest")
        return float(np.mean((values - other) ** 2))

    # The turn about the long axis is the largest in practice, and has local optima; the rest follows downhill.
    best, least = _best_start(USUAL_TURNS, asymmetry)
    if least > TURNED_ABOVE_HU**2 and not _cut_aside(head, to_lps):
        turned, less = _best_start(LARGE_TURNS, asymmetry)
        best = turned if less < CLEARLY_LESS * least else best
    simplex = np.vstack([best, best + np.diag([5.0, 5.0, 5.0])])
    found = optimize.minimize(
        asymmetry,
        best,
        method="Nelder-Mead",
        options={"initial_simplex": simplex, "xatol": 0.3, "fatol": np.inf, "maxfev": 70},
    )
    normal, offset = _plane(found.x, middle)
    return Midline(triple(normal), float(offset))


def _best_start(turns: Sequence[float], asymmetry: Callable[[np.ndarray], float]) -> tuple[np.ndarray, float]:
    """The parameters of the least asymmetric of these turns, in degrees, and their asymmetry."""
    starts = [np.array([turn, 0.0, 0.0]) for turn in turns]
    found = [asymmetry(start) for start in starts]
    return starts[int(np.argmin(found))], min(found)


def _cut_aside(head: np.ndarray, to_lps: np.ndarray) -> bool:
    """Whether a side, the front or the back of the image cuts through the head.

    Args:
        head: which voxels are the head's, (K, J, I).
        to_lps: their 4x4 matrix from I, J, K.
    """
    to_head = int(np.abs(to_lps[2, :3]).argmax())
    faces_mm2 = []
    for axis in {0, 1, 2} - {to_head}:  # of I, J, K
        across = [to_lps[:3, other] for other in range(3) if other != axis]
        voxel_mm2 = float(np.linalg.norm(np.cross(*across)))
        faces_mm2 += [np.count_nonzero(head.take(end, axis=2 - axis)) * voxel_mm2 for end in (0, -1)]
    return max(faces_mm2) > LARGEST_CUT_MM2


def _plane(parameters: np.ndarray, middle: np.ndarray) -> tuple[np.ndarray, float]:
    """Normal and offset from turn (about S) and roll (about P) in degrees, and shift (to the left) in mm."""
    turn, roll = np.radians(parameters[:2])
    normal = np.array([np.cos(turn) * np.cos(roll), np.sin(turn) * np.cos(roll), np.sin(roll)])
    return normal, float(normal @ middle + parameters[2])
