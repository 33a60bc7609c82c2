"""What a mask marks, however its file keeps the voxels."""

from __future__ import annotations

import numpy as np


def marked(array: np.ndarray) -> np.ndarray:
    """Where a mask as read from a file marks something: bool of the same shape.

    A file that keeps its voxels with a scale reads as nearly 0 where it means 0 (CT-ICH's masks hold about 0 and 255 in
    this way), so that what rounds to 0 is nothing.
    """
    return array > 0.5
