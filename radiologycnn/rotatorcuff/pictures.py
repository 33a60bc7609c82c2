"""Pictures of a classification for its report: three slices through the peak, the activation map over the scan."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from radiologycnn.images.grid import axes_to_lps, resample
from radiologycnn.images.png import png_bytes
from radiologycnn.images.volume import LPS_TO_RAS, Volume
from radiologycnn.rotatorcuff.report_page import Picture

#: Edge of a picture in mm and in pixels.
_FIELD_MM, _PIXELS = 120.0, 300
_BAR_PIXELS, _BAR_GAP = 9, 5
_CROSS = (7, 16)  # a cross's arms, from and to, in pixels from the peak

_SHOWN_FROM = 0.3  # weaker places keep the plain image
_OPACITY = 0.55

# The map "inferno" of matplotlib (van der Walt and Smith, 2015, CC0) at nine even steps: its lightness rises evenly, so
# that it is read without colour vision and in a grey print.
_INFERNO = np.array(
    [
        [0.001, 0.000, 0.014],
        [0.130, 0.047, 0.242],
        [0.342, 0.062, 0.429],
        [0.535, 0.135, 0.415],
        [0.736, 0.216, 0.330],
        [0.895, 0.348, 0.203],
        [0.979, 0.543, 0.034],
        [0.964, 0.784, 0.188],
        [0.988, 0.998, 0.645],
    ]
)

#: World axes of each picture in LPS, (name, to the right, down), as radiologists look at them, and its four edges.
_VIEWS = (
    ("coronal", 0, 2, ("R", "L", "S", "I")),
    ("sagittal", 1, 2, ("A", "P", "S", "I")),
    ("axial", 0, 1, ("R", "L", "A", "P")),
)


def slice_pictures(
    volume: Volume,
    normalized_map: np.ndarray,
    map_ijk_to_lps: np.ndarray,
    centre_ras_mm: Sequence[float],
    target_name: str,
) -> list[Picture]:
    """Three slices along the scan's own axes through a place, with the map in colours and a bar of its scale.

    Args:
        volume: the scan.
        normalized_map: 0-1, shape (k, j, i).
        map_ijk_to_lps: 4x4 of the map's grid.
        centre_ras_mm: where to cut; the peak of the map.
        target_name: of what the map is evidence for.
    """
    centre = LPS_TO_RAS[:3, :3] @ np.asarray(centre_ras_mm, float)
    window = _window(volume)
    return [
        Picture(
            png_bytes(_slice(volume, normalized_map, map_ijk_to_lps, centre, right, down, window)),
            f"{name.capitalize()} slice through the peak for {target_name} (cross). Colours: {100 * _SHOWN_FROM:.0f} to"
            " 100 % of the peak.",
            edges,
        )
        for name, right, down, edges in _VIEWS
    ]


def colors(values: np.ndarray) -> np.ndarray:
    """RGB, 0-1, of values 0-1: shape (..., 3)."""
    steps = np.linspace(0, 1, len(_INFERNO))
    return np.stack([np.interp(values, steps, _INFERNO[:, channel]) for channel in range(3)], axis=-1)


def _slice(
    volume: Volume,
    normalized_map: np.ndarray,
    map_ijk_to_lps: np.ndarray,
    centre_lps: np.ndarray,
    right: int,
    down: int,
    window: tuple[float, float],
) -> np.ndarray:
    """uint8, shape (rows, columns, 3): one slice, the bar of the map's scale at its right."""
    step = _FIELD_MM / _PIXELS
    axes = _scan_axes(volume)
    matrix = np.eye(4)
    # Right is the patient's left or back, down the patient's feet (against S) or back.
    matrix[:3, 0] = axes[:, right] * step
    matrix[:3, 1] = axes[:, down] * (-step if down == 2 else step)
    matrix[:3, 2] = np.cross(matrix[:3, 0], matrix[:3, 1]) / step
    matrix[:3, 3] = centre_lps - (matrix[:3, 0] + matrix[:3, 1]) * (_PIXELS - 1) / 2
    shape = (1, _PIXELS, _PIXELS)
    low, high = window
    grey = resample(volume.array, volume.ijk_to_lps, matrix, shape, fill=low)[0]
    share = resample(normalized_map, map_ijk_to_lps, matrix, shape)[0]
    picture = np.repeat(np.clip((grey - low) / (high - low), 0, 1)[..., None], 3, axis=2)
    opacity = np.where(share >= _SHOWN_FROM, _OPACITY, 0.0)[..., None]
    picture = picture * (1 - opacity) + colors(share) * opacity
    middle, (inner, outer) = _PIXELS // 2, _CROSS
    for arm in (slice(middle - outer, middle - inner), slice(middle + inner, middle + outer)):
        picture[arm, middle] = picture[middle, arm] = 1.0
    bar = colors(np.linspace(1, _SHOWN_FROM, _PIXELS))[:, None].repeat(_BAR_PIXELS, axis=1)
    gap = np.ones((_PIXELS, _BAR_GAP, 3))
    return np.rint(255 * np.concatenate([picture, gap, bar], axis=1)).astype(np.uint8)


def _scan_axes(volume: Volume) -> np.ndarray:
    """3x3, columns: the scan's unit axes nearest to L, P and S, pointing that way."""
    matrix = np.asarray(volume.ijk_to_lps, float)[:3, :3]
    order, flipped = axes_to_lps(volume.ijk_to_lps)
    axes = matrix / np.linalg.norm(matrix, axis=0)
    return np.column_stack([axes[:, axis] * (-1.0 if flip else 1.0) for axis, flip in zip(order, flipped)])


def _window(volume: Volume) -> tuple[float, float]:
    step = max(1, round((volume.array.size / 200_000) ** (1 / 3)))
    low, high = np.percentile(volume.array[::step, ::step, ::step].astype(np.float32), (1, 99.5))
    return float(low), float(max(high, low + 1e-6))
