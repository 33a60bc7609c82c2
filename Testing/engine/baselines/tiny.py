"""Heads of a few voxels, and the methods that are compared, small enough to learn from them within seconds."""

from dataclasses import replace

import numpy as np
import pytest

from radiologycnn.baselines.cnn_ds import CnnDsSegmenter
from radiologycnn.baselines.interface import Segmenter
from radiologycnn.baselines.slice_recipe import SliceRecipe
from radiologycnn.baselines.unets import PatchUNetSegmenter, SliceUNetSegmenter
from radiologycnn.images.volume import Volume
from radiologycnn.networks.unet_options import UNetOptions
from radiologycnn.training.hemorrhage.settings import TrainingSettings

SETTINGS = TrainingSettings.from_preset(
    "default", {"grid_shape_ijk": (32, 32, 16), "base_filters": 2, "epochs": 2, "coarse_epochs": 0, "augment": False}
)
AUGMENTED = replace(SETTINGS, pixel_unshuffle=1, coarse_epochs=1, augment=True)
SMALL_3D = UNetOptions(base_filters=2, depth=3)
SMALL_2D = UNetOptions(dimensions=2, base_filters=2, depth=3, doubled_before_pooling=False, dropout=0.5)


def head(number: int) -> tuple[Volume, np.ndarray]:
    """A skull as a bright shell, brain, and a ball of blood in it; 6 mm voxels, 16 slices."""
    rng = np.random.default_rng(number)
    k, j, i = np.mgrid[:16, :32, :32]
    far = np.sqrt(((k - 8) / 0.72) ** 2 + (j - 15.5) ** 2 + (i - 15.5) ** 2)
    hu = np.full(far.shape, -1000.0)
    hu[far < 14] = 900
    hu[far < 12] = 32
    centre = rng.uniform((6, 11, 11), (10, 20, 20))
    mask = ((k - centre[0]) / 0.72) ** 2 + (j - centre[1]) ** 2 + (i - centre[2]) ** 2 < 9
    hu[mask] = 64
    inside = far < 12
    hu[inside] += 2 * rng.standard_normal(int(inside.sum()))
    matrix = np.diag([6.0, 6.0, 9.0, 1.0])
    return Volume(np.round(hu).astype(np.int16), matrix, "CT", f"head {number}"), mask


NETWORKS = {
    "cnn_ds_without": lambda settings: CnnDsSegmenter("cnn_ds_without", "without", settings, deep_supervision=False),
    "patch_unet": lambda settings: PatchUNetSegmenter(settings, SMALL_3D, patch_size=16),
    "slice_unet": lambda settings: SliceUNetSegmenter(settings, SMALL_2D, SliceRecipe(32), slices_a_step=4),
}


def dynunet(settings: TrainingSettings) -> Segmenter:
    """MONAI's DynUNet; a test that asks for it is skipped without MONAI."""
    pytest.importorskip("monai", reason="MONAI, whose DynUNet is a peer, is not installed")
    from radiologycnn.baselines.monai_reference import DynUNetSegmenter

    return DynUNetSegmenter(settings)
