"""Five small heads with a bleed each, written once."""

import numpy as np
import pytest
from engine.baselines.tiny import head

from radiologycnn.baselines.interface import ScanCase
from radiologycnn.images import write_image


@pytest.fixture(scope="session")
def cases(tmp_path_factory) -> list[ScanCase]:
    """Scans and masks h0 to h4."""
    folder = tmp_path_factory.mktemp("heads")
    found = []
    for number in range(5):
        volume, mask = head(number)
        paths = folder / f"h{number}.nii.gz", folder / f"h{number}-mask.nii.gz"
        write_image(paths[0], volume.array, volume.ijk_to_lps)
        write_image(paths[1], mask.astype(np.uint8), volume.ijk_to_lps)
        found.append(ScanCase(f"h{number}", *paths))
    return found
