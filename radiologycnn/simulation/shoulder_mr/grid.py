"""The grid a shoulder is drawn on: aligned with the scanner's slices, coordinates in the shoulder's own frame.

The shoulder frame is (u, v, w) in mm: u lateral along the supraspinatus, v forwards at a right angle to it, w up; its
origin is where the humeral head's centre lies when nothing has moved it. It is right-handed for a right shoulder.
As the grid follows the slices, averaging through a slice is a mean over neighbours, and no rotation is resampled.
Arrays are (K, J, I): sub-slice, row, column.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
from scipy import ndimage

from radiologycnn.images.boxes import bounding_box
from radiologycnn.simulation.shapes import blend, interpolate_at
from radiologycnn.simulation.shoulder_mr.signal import Palette

Window = tuple[slice, slice, slice]
Coordinates = tuple[np.ndarray, np.ndarray, np.ndarray]
WHOLE: Window = (slice(None), slice(None), slice(None))


@dataclass(frozen=True)
class ShoulderGrid:
    """A fine grid in the scanner's slices and a coarse one over the same room.

    Attributes:
        directions: 3x3, rows are the image's i, j and k directions in the shoulder frame.
        centre: middle of the stack in the shoulder frame, mm.
        axes_mm: positions of the fine samples along k, j and i from that middle, mm.
        coarse_mm: step of the coarse grid.
    """

    directions: np.ndarray
    centre: np.ndarray
    axes_mm: tuple[np.ndarray, np.ndarray, np.ndarray]
    coarse_mm: float

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of the fine grid, (K, J, I)."""
        return tuple(len(axis) for axis in self.axes_mm)

    @property
    def fine_mm(self) -> float:
        """In-plane step, which surfaces are softened over."""
        return float(self.axes_mm[2][1] - self.axes_mm[2][0])

    @cached_property
    def coarse_axes_mm(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """As ``axes_mm``, in steps of ``coarse_mm`` at most, with the same ends."""
        return tuple(
            np.linspace(a[0], a[-1], max(2, int(np.ceil((a[-1] - a[0]) / self.coarse_mm)) + 1)) for a in self.axes_mm
        )

    @cached_property
    def coarse(self) -> Coordinates:
        """u, v, w of the coarse samples, mm, float32."""
        return self._coordinates(self.coarse_axes_mm)

    def _coordinates(self, axes: tuple[np.ndarray, np.ndarray, np.ndarray]) -> Coordinates:
        k, j, i = (a.astype(np.float32) for a in axes)
        out = []
        for axis in range(3):
            di, dj, dk = (float(d) for d in self.directions[:, axis])
            out.append(
                (float(self.centre[axis]) + dk * k)[:, None, None] + (dj * j)[None, :, None] + (di * i)[None, None, :]
            )
        return tuple(out)

    def box(self, low: tuple[float, float, float], high: tuple[float, float, float]) -> tuple[Window, Coordinates]:
        """The fine samples that cover a box of the shoulder frame: where they are, and their u, v, w."""
        window = self._window(low, high, self.axes_mm)
        return window, self._coordinates(tuple(a[s] for a, s in zip(self.axes_mm, window)))

    def coarse_box(self, low: tuple[float, float, float], high: tuple[float, float, float]) -> Window:
        """The same for the coarse samples, without coordinates (index ``coarse`` with it)."""
        return self._window(low, high, self.coarse_axes_mm)

    def _window(self, low, high, axes) -> Window:
        corners = np.array(list(product(*zip(low, high)))) - self.centre
        along = corners @ self.directions.T  # i, j, k of each corner
        slices = []
        for axis, positions in enumerate(axes):
            low_mm, high_mm = along[:, 2 - axis].min(), along[:, 2 - axis].max()
            slices.append(slice(int(np.searchsorted(positions, low_mm)), int(np.searchsorted(positions, high_mm))))
        return tuple(slices)

    def around(self, where: np.ndarray) -> Window:
        """The fine window that covers the coarse samples where ``where`` holds."""
        box = bounding_box(where)
        if box is None:
            return (slice(0, 0),) * 3
        window = []
        for held, fine, coarse in zip(box, self.axes_mm, self.coarse_axes_mm):
            low, high = coarse[max(held.start - 1, 0)], coarse[min(held.stop, len(coarse) - 1)]
            window.append(slice(int(np.searchsorted(fine, low)), int(np.searchsorted(fine, high, side="right"))))
        return tuple(window)

    def to_fine(self, field: np.ndarray, window: Window = WHOLE) -> np.ndarray:
        """A coarse field on (a part of) the fine grid, linear."""
        positions = [
            (fine[part] - coarse[0]) / (coarse[1] - coarse[0])
            for fine, coarse, part in zip(self.axes_mm, self.coarse_axes_mm, window)
        ]
        return interpolate_at(field, positions)


class Texture:
    """Smooth noise fixed to the shoulder (mean 0, sd 1), the same for every series taken of it."""

    def __init__(self, rng: np.random.Generator, grain_mm: tuple[float, float, float], reach_mm: float = 110.0) -> None:
        self._step = np.asarray(grain_mm, float) / 1.5
        self._low = -reach_mm
        shape = [int(np.ceil(2 * reach_mm / s)) + 1 for s in self._step[::-1]]
        field = rng.standard_normal(shape, dtype=np.float32)
        for axis in range(3):  # a small binomial kernel: adjacent nodes alike, no far reach
            field = ndimage.convolve1d(field, [0.25, 0.5, 0.25], axis=axis, mode="wrap")
        self._field = field / field.std()
        self._coarse: np.ndarray | None = None

    def coarse(self, grid: ShoulderGrid) -> np.ndarray:
        """On the coarse grid; kept, as several structures share it."""
        if self._coarse is None:
            self._coarse = self(*grid.coarse)
        return self._coarse

    def __call__(self, u: np.ndarray, v: np.ndarray, w: np.ndarray) -> np.ndarray:
        places = [(c - self._low) / s for c, s in zip((w, v, u), self._step[::-1])]
        return ndimage.map_coordinates(self._field, places, order=1, mode="nearest", output=np.float32)


class Canvas:
    """Water and fat signal on the fine grid, painted tissue by tissue."""

    def __init__(self, grid: ShoulderGrid, palette: Palette) -> None:
        self.grid, self.palette = grid, palette
        self.water = np.zeros(grid.shape, np.float32)
        self.fat = np.zeros(grid.shape, np.float32)

    def paint(self, share: np.ndarray, tissue: str | tuple, window: Window = WHOLE) -> None:
        """Replace a share of each voxel by a tissue (a name, or its water and fat signal)."""
        water, fat = self.palette.pair(tissue) if isinstance(tissue, str) else tissue
        blend(self.water[window], share, water)
        blend(self.fat[window], share, fat)
