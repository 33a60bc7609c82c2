"""A head that is quickly segmented."""

from pathlib import Path

import numpy as np
from engine.hand_made import head_phantom

from radiologycnn.images import write_image


def write_head(path: Path) -> None:
    """A head with a ball of blood, of few voxels: what is tested here is what becomes of an answer."""
    volume, _ = head_phantom((64, 80, 80), np.diag([2.8, 3.2, 2.8]))
    write_image(path, volume.array, volume.ijk_to_lps)
