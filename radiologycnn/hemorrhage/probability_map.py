"""The network's probability on the scan's own grid, interpolated only where somebody looks.

Almost all of a head is next to nothing to the network: a mask needs none of that, a file of the whole map all of it.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from radiologycnn.hemorrhage.preprocessing import NetworkInput
from radiologycnn.images.boxes import Box, bounding_box, box_start, moved_box

#: Below this a probability is next to nothing: results are passed on as a crop around the rest.
PROBABILITY_FLOOR = 0.01

# Interpolation in float32 may round a value up by some units of its last place.
_ROUNDING = 1e-5

_FIRST_VOXEL = (slice(0, 1), slice(0, 1), slice(0, 1))


class ProbabilityMap:
    """Probability of each label, on the network's grid until it is asked for on the scan's.

    Args:
        prepared: the scan as the network saw it, which knows the way back.
        on_network_grid: shape (labels, K, J, I).
    """

    def __init__(self, prepared: NetworkInput, on_network_grid: np.ndarray) -> None:
        self._prepared = prepared
        self._maps = on_network_grid
        self._crops: dict[float, tuple[np.ndarray, Box]] = {}

    @cached_property
    def whole(self) -> np.ndarray:
        """float32, shape (K, J, I) on the scan's grid; (labels, K, J, I) where there are several labels."""
        return self._mapped(None)

    def above(self, floor: float) -> tuple[np.ndarray, Box]:
        """The smallest crop with every voxel of at least ``floor``, and where it lies in the scan (slices K, J, I).

        Its values are those of :attr:`whole` to the last digit. Where no voxel reaches the floor, it is the first one.
        """
        if floor not in self._crops:
            self._crops[floor] = self._crop_above(floor)
        return self._crops[floor]

    def _crop_above(self, floor: float) -> tuple[np.ndarray, Box]:
        # An interpolated value is never above the largest that it is made of.
        highest = self._maps[0] if len(self._maps) == 1 else self._maps.max(axis=0)
        outer = self._prepared.scan_box(highest >= floor * (1 - _ROUNDING))
        if outer is not None:
            crop = self._mapped(outer)
            inner = bounding_box((crop if crop.ndim == 3 else crop.max(axis=0)) >= floor)
            if inner is not None:
                return crop[(..., *inner)], moved_box(inner, box_start(outer))
        return self._mapped(_FIRST_VOXEL), _FIRST_VOXEL

    def _mapped(self, box: Box | None) -> np.ndarray:
        maps = [self._prepared.to_scan(one, box) for one in self._maps]
        return maps[0] if len(maps) == 1 else np.stack(maps)
