"""Which shoulder a picture shows: lateral of it there is air, medial the body goes on to the picture's edge."""

from __future__ import annotations

import numpy as np

from radiologycnn.images.grid import axes_to_lps
from radiologycnn.images.volume import Volume

_CELLS = 48  # along each side of the thinned-out picture
_BORDER_SHARE = 0.15
_AIR_BELOW = 0.12  # of the 95th percentile; noise lies lower, even dark muscle higher
_CLEAR_DIFFERENCE = 0.25


def side_by_picture(volume: Volume) -> str:
    """ "left", "right" or "unknown", from how much air both lateral borders of the picture hold.

    Args:
        volume: coronal or axial slices, shape (K, J, I).
    """
    axes, flipped = axes_to_lps(volume.ijk_to_lps)
    steps = tuple(max(1, size // _CELLS) for size in volume.array.shape)
    cells = np.asarray(volume.array[tuple(slice(step // 2, None, step) for step in steps)], np.float32)
    low, high = np.percentile(cells, (1, 95))
    if not high > low:
        return "unknown"
    air = cells < low + _AIR_BELOW * (high - low)
    along_left = np.moveaxis(air, 2 - axes[0], 0)
    if flipped[0]:
        along_left = along_left[::-1]
    width = max(1, round(_BORDER_SHARE * len(along_left)))
    difference = float(along_left[:width].mean() - along_left[-width:].mean())
    if abs(difference) < _CLEAR_DIFFERENCE:
        return "unknown"
    return "right" if difference > 0 else "left"
