"""Finds the humeral head in a shoulder MR: a ball of marrow, bright without fat saturation and dark with it.

Every place on the ball's surface has its brightness gradient along the radius, and all of them in or all of them out.
The mean over a sphere of the gradients' radial parts, each brought to a length below 1 so that a weak edge counts
nearly as much as a strong one, is therefore near -1 or +1 for a whole ball of that radius, and near 0 elsewhere. By
Gauss's theorem that mean is the sum of the gradient field's divergence over the ball, so that one convolution a radius,
with a kernel whose Fourier transform is known, gives it for every place at once. Inside, a head is of even brightness.
All this is asked of the picture without its shading, and in the end the picture itself must have the surface as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import fft, ndimage

from radiologycnn.images.affine import transform_points, triple
from radiologycnn.images.boxes import whole_box
from radiologycnn.images.separable import sample_along_axes
from radiologycnn.images.volume import Volume
from radiologycnn.rotatorcuff.results import LEAST_CONFIDENCE

_GRID_MM = 2.0
_LARGEST_GRID = 400_000  # voxels; a scan that is larger than a shoulder's is searched more coarsely
_RADII_MM = np.arange(17.5, 29.5, 1.5)
_EDGE_WIDTH_MM = 1.0  # how far a head's surface may lie off the sphere
_CORE_MM = 26.0  # edge of the cube around the centre in which the brightness must be even
_CENTRED_MM, _PRIOR_MM = 20.0, 30.0  # within the first of the picture's middle any place is as good; then it falls
_UNEVEN = 0.2  # of the contrast: a deviation that halves the score
_SMOOTH_MM = 1.0
_GRADIENT_PERCENTILE = 70
_WEAKEST_EDGE_PER_MM = 0.01  # of the scan's whole contrast; what is weaker is noise
_SHADING_MM = 25.0  # standard deviation of the mean that a coil's shading is taken to be
_TISSUE_SHARE = 0.15  # of the picture's mean; what is darker is background
_BESIDE_SURFACE_MM, _SURFACE_PLACES = 3.0, 300
_WHOLE_STEP = 0.1  # at the surface; 20 simulated heads, with and without a coil's hot spot, had 0.13 or more
_TABLE_SIZE = 1 << 15  # of the sphere's spectrum, which has a wave in every 2,000 rows of it or more
_OTHER_MM = 25.0  # a second ball farther than this from the first is another one


@dataclass(frozen=True)
class HumeralHead:
    """Where the humeral head is.

    Attributes:
        centre_lps_mm: its centre in LPS.
        radius_mm: of the sphere that fits it best.
        confidence: 0-1; below ``LEAST_CONFIDENCE`` the place is not to be used.
    """

    centre_lps_mm: tuple[float, float, float]
    radius_mm: float
    confidence: float

    @property
    def found(self) -> bool:
        """Whether the place may be used."""
        return self.confidence >= LEAST_CONFIDENCE


@dataclass(frozen=True)
class BallScores:
    """Best ball of a scan, and what speaks for it; for the confidence and its calibration.

    Attributes:
        surface: mean radial part of the gradient over the sphere, 0-1 (a whole, sharp ball: nearly 1).
        evenness: 1 for an even inside, falling with its variation against the contrast at the surface.
        lead: how much the score falls to the next ball elsewhere, 0-1.
    """

    index_ijk: np.ndarray
    radius_mm: float
    surface: float
    evenness: float
    lead: float
    bright: bool


def find_humeral_head(volume: Volume) -> HumeralHead:
    """Finds the most ball-like structure of a humeral head's size.

    Args:
        volume: a scan of a shoulder, shape (K, J, I), any orientation and slice distance.
    """
    grid, matrix = _coarse(volume)
    spacing = np.linalg.norm(matrix[:3, :3], axis=0)
    flat = _without_shading(grid, spacing[::-1])
    scores = best_ball(np.clip(flat, *np.percentile(flat, (0.5, 99))), spacing)
    seen = np.clip(_surface_step(grid, spacing, scores) / _WHOLE_STEP, 0, 1)
    centre = transform_points(matrix, scores.index_ijk[None])[0]
    return HumeralHead(triple(centre), scores.radius_mm, confidence(scores) * float(seen))


def confidence(scores: BallScores) -> float:
    """0-1 from the scores.

    On 80 simulated shoulders surface was at least 0.27 and lead at least 0.23; noise and other organs stay below. Two
    balls that are alike, as a knee's condyles are, give a lead near 0.
    """
    surface = np.clip((scores.surface - 0.15) / 0.25, 0, 1)
    lead = np.clip(scores.lead / 0.2, 0, 1)
    return float(np.sqrt(surface * lead) * np.clip(scores.evenness / 0.5, 0, 1))


def best_ball(grid: np.ndarray, spacing_mm: np.ndarray) -> BallScores:
    """The best ball on a grid of nearly cubic voxels: shape (K, J, I), spacing along i, j, k."""
    spacing = np.asarray(spacing_mm, float)[::-1]
    size = np.array(grid.shape)
    pad = np.ceil((_RADII_MM.max() + 3 * _EDGE_WIDTH_MM) / spacing).astype(int)
    shape = [fft.next_fast_len(int(n), True) for n in size + pad]
    k = _wave_numbers(shape, spacing)

    smooth = ndimage.gaussian_filter(np.asarray(grid, np.float32), _SMOOTH_MM / spacing, mode="nearest")
    gradient = np.stack([np.gradient(smooth, step, axis=axis) for axis, step in enumerate(spacing)])
    length = np.sqrt((gradient**2).sum(axis=0))
    contrast = max(float(np.ptp(smooth)), 1e-6)
    floor = max(float(np.percentile(length, _GRADIENT_PERCENTILE)), _WEAKEST_EDGE_PER_MM * contrast)
    gradient /= length + floor
    divergence = sum(np.gradient(gradient[axis], step, axis=axis) for axis, step in enumerate(spacing))

    spectrum = fft.rfftn(divergence.astype(np.float32), shape)
    evenness = _evenness(smooth, spacing, contrast)
    # What a place of the spectrum is multiplied by depends on its distance from the origin alone: looked up in a table.
    table = np.linspace(0, float(k.max()), _TABLE_SIZE, dtype=np.float32)
    row = np.rint(k * np.float32((_TABLE_SIZE - 1) / k.max())).astype(np.int32)
    blur = np.exp(-((table * _EDGE_WIDTH_MM) ** 2) / 2)
    inside = whole_box(size.tolist())
    surfaces = np.stack(
        [
            fft.irfftn(spectrum * (blur * _mean_over_sphere(table, radius))[row], shape, overwrite_x=True)[inside]
            for radius in _RADII_MM
        ]
    )
    prior = _prior(grid.shape, spacing)
    score = np.abs(surfaces) * evenness * prior
    best = np.unravel_index(int(np.argmax(score)), score.shape)
    place = np.array(best[1:])
    refined = place + _vertex(score[best[0]], place)
    apart = np.sqrt(
        sum(((axis - p) * step) ** 2 for axis, p, step in zip(np.ogrid[tuple(map(slice, size))], place, spacing))
    )
    elsewhere = np.where(apart > _OTHER_MM, score.max(axis=0), 0).max()
    radii_line = np.abs(surfaces[(slice(None), *place)])
    radius = float(_RADII_MM[best[0]] + _vertex(radii_line, best[:1])[0] * (_RADII_MM[1] - _RADII_MM[0]))
    return BallScores(
        refined[::-1],
        radius,
        float(abs(surfaces[best])),
        float(evenness[tuple(place)]),
        float(1 - elsewhere / max(score[best], 1e-9)),
        bool(surfaces[best] < 0),
    )


def _coarse(volume: Volume) -> tuple[np.ndarray, np.ndarray]:
    """The scan on nearly cubic voxels along its own axes, from zero on: array, IJK to LPS."""
    spacing = volume.spacing_mm
    size = np.array(volume.array.shape[::-1])
    extent = spacing * size
    step = max(_GRID_MM, float(np.cbrt(np.prod(extent) / _LARGEST_GRID)))
    count = np.maximum(np.round(extent / step).astype(int), 2)
    ratio = size / count
    positions = [(np.arange(n) + 0.5) * r - 0.5 for n, r in zip(count, ratio)]
    grid = sample_along_axes(volume.array, tuple(positions[::-1]), tuple(np.maximum(ratio, 1.0)[::-1]))
    grid = np.maximum(grid - np.percentile(grid, 0.5), 0).astype(np.float32)
    to_old = np.diag([*ratio, 1.0])
    to_old[:3, 3] = (ratio - 1) / 2
    return grid, np.asarray(volume.ijk_to_lps, float) @ to_old


def _without_shading(grid: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """The picture divided by its own wide mean, a geometric one over what is bright enough to be tissue.

    Near a surface coil all is several times as bright. Left so, one edge there outweighs the whole surface of the head,
    and everything else is dark and even, as the inside of a head.

    Args:
        grid: shape (K, J, I), nowhere negative.
        spacing: along k, j, i in mm.
    """
    tissue = grid > _TISSUE_SHARE * grid.mean()
    sums = [np.where(tissue, np.log(np.maximum(grid, 1e-20)), 0), tissue.astype(np.float32)]
    width = np.maximum(np.round(_SHADING_MM * np.sqrt(6) / spacing).astype(int), 1)  # two boxes: nearly a Gaussian
    for _ in range(2):
        sums = [ndimage.uniform_filter(one, width, mode="nearest") for one in sums]
    shading = sums[0] / np.maximum(sums[1], 0.05)
    # Far from all tissue nothing is known of the coil: what is dark there must not become bright.
    return grid / np.exp(np.maximum(shading, np.log(_TISSUE_SHARE * max(float(grid.mean()), 1e-20))))


def _surface_step(grid: np.ndarray, spacing: np.ndarray, scores: BallScores) -> float:
    """How much brighter (or darker, as it was found to be) the picture is just within the ball than just without, -1-1.

    Taken where it lies on either side of each place of the surface, which no shading changes. Where the shading that
    was taken away was no coil's but that of a larger ball, the picture itself has no surface there.
    """
    steps = np.arange(_SURFACE_PLACES) + 0.5  # evenly over the sphere, along a spiral of the golden angle
    height, turn = 1 - 2 * steps / _SURFACE_PLACES, np.pi * (1 + 5**0.5) * steps
    aside = np.sqrt(1 - height**2)
    outward = np.stack([aside * np.cos(turn), aside * np.sin(turn), height])
    smooth = ndimage.gaussian_filter(grid, _SMOOTH_MM / spacing[::-1])
    within, without = (
        ndimage.map_coordinates(
            smooth,
            (scores.index_ijk[:, None] + outward * radius / spacing[:, None])[::-1],
            order=1,
            mode="nearest",
        )
        for radius in (scores.radius_mm - _BESIDE_SURFACE_MM, scores.radius_mm + _BESIDE_SURFACE_MM)
    )
    step = float(((within - without) / (within + without + 0.1 * grid.mean() + 1e-20)).mean())
    return step if scores.bright else -step


def _wave_numbers(shape: list[int], spacing: np.ndarray) -> np.ndarray:
    axes = [2 * np.pi * fft.fftfreq(n, step) for n, step in zip(shape[:-1], spacing[:-1])]
    axes.append(2 * np.pi * fft.rfftfreq(shape[-1], spacing[-1]))
    return np.sqrt(axes[0][:, None, None] ** 2 + axes[1][:, None] ** 2 + axes[2] ** 2).astype(np.float32)


def _mean_over_sphere(k: np.ndarray, radius: float) -> np.ndarray:
    """Fourier transform of a ball whose value is 1 / its surface: what turns a divergence into a mean flux."""
    x = np.maximum(k * np.float32(radius), np.float32(1e-2))
    return np.float32(radius) * (np.sin(x) - x * np.cos(x)) / x**3


def _evenness(smooth: np.ndarray, spacing: np.ndarray, contrast: float) -> np.ndarray:
    """1 where the surroundings are of even brightness, falling with their deviation against the scan's contrast."""
    width = np.maximum(np.round(_CORE_MM / spacing).astype(int), 1)
    mean = ndimage.uniform_filter(smooth, width, mode="nearest")
    squares = ndimage.uniform_filter(smooth**2, width, mode="nearest")
    deviation = np.sqrt(np.maximum(squares - mean**2, 0))
    return 1 / (1 + (deviation / (_UNEVEN * contrast)) ** 2)


def _prior(shape: tuple[int, ...], spacing: np.ndarray) -> np.ndarray:
    """1 in the middle of the picture, falling towards its borders: shoulders are scanned around their joint."""
    offsets = [(np.arange(n) - (n - 1) / 2) * step for n, step in zip(shape, spacing)]
    distance = np.sqrt(offsets[0][:, None, None] ** 2 + offsets[1][:, None] ** 2 + offsets[2] ** 2)
    return np.exp(-(np.maximum(distance - _CENTRED_MM, 0) ** 2) / (2 * _PRIOR_MM**2))


def _vertex(score: np.ndarray, place: Sequence[int] | Sequence[np.integer] | np.ndarray) -> np.ndarray:
    """Offset of the maximum from its voxel, by a parabola along each axis."""
    offset = np.zeros(score.ndim)
    for axis in range(score.ndim):
        if 0 < place[axis] < score.shape[axis] - 1:
            line = score[tuple(slice(p - 1, p + 2) if a == axis else p for a, p in enumerate(place))]
            bend = line[0] - 2 * line[1] + line[2]
            if bend < 0:
                offset[axis] = np.clip((line[0] - line[2]) / (2 * bend), -0.5, 0.5)
    return offset
