"""The networks of the baselines are the published ones, and see what they are said to see."""

import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from engine.baselines.tiny import SETTINGS, SMALL_2D, SMALL_3D

from radiologycnn.baselines.cnn_ds import CnnDsSegmenter
from radiologycnn.baselines.tear_networks import VARIANTS, architecture
from radiologycnn.baselines.unets import PatchUNetSegmenter
from radiologycnn.errors import ResourceError
from radiologycnn.networks.architectures import architecture_problems, build_network
from radiologycnn.networks.cam import activation_maps
from radiologycnn.networks.unet import SliceWise, UNet
from radiologycnn.networks.unet_options import PRESETS, UNetOptions
from radiologycnn.training.rotatorcuff.settings import TrainingSettings as TearSettings


@pytest.mark.parametrize(
    ("options", "parameters"),
    [
        (UNetOptions(out_labels=2), 19_073_730),  # Cicek 2016 prints 19,069,955, without the batch normalization's all
        (PRESETS["slices"], 31_042_369),  # Ronneberger 2015: 31.0 million
    ],
)
def test_unets_have_the_published_size(options, parameters) -> None:
    assert sum(p.numel() for p in UNet(options).parameters()) == parameters


def test_slices_do_not_see_each_other() -> None:
    torch.manual_seed(0)
    network = SliceWise(UNet(replace(SMALL_2D, base_filters=8))).eval()
    image = torch.randn(1, 1, 20, 16, 16)
    other = image.clone()
    other[:, :, 5] = 0
    with torch.no_grad():
        first, second = network(image), network(other)
    assert first.shape == image.shape
    changed = (first != second).flatten(3).any(dim=3)[0, 0]
    assert changed[5] and changed.sum() == 1


def test_slice_classifier_sees_no_neighbour_and_its_map_sums_to_the_logit() -> None:
    torch.manual_seed(0)
    network = build_network({"name": "slice_cnn", "parameters": {"base_filters": 2, "stages": 3}}).eval()
    image = torch.randn(1, 1, 16, 16, 16)
    found = activation_maps(network, image, (2,))
    assert found.maps[0].raw.shape == (4, 4, 4)
    assert found.maps[0].raw.mean() + found.maps[0].bias == pytest.approx(found.maps[0].score, abs=1e-5)
    turned = image.flip(2)  # slices in another order: the same answer, as no slice knows where it lies
    assert torch.allclose(network(image), network(turned), atol=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_tear_variant_can_be_built_small(variant) -> None:
    settings = TearSettings.from_preset("default", {"grid_size": 32, "base_filters": 4, "drop_scale": 0.5})
    record = architecture(variant, settings)
    assert not architecture_problems(record)
    network = build_network(record).eval()
    with torch.no_grad():
        assert network(torch.zeros(1, 1, 32, 32, 32)).shape == (1, 5)


def test_network_without_deep_supervision_has_one_segmentation_layer(cases, tmp_path) -> None:
    parameters = {
        supervised: CnnDsSegmenter("m", "m", SETTINGS, supervised).architecture["parameters"].get("deep_supervision")
        for supervised in (True, False)
    }
    assert parameters[False] is False and parameters[True] in (None, True)


def test_sliding_window_puts_a_volume_together_without_seams() -> None:
    segmenter = PatchUNetSegmenter(SETTINGS, SMALL_3D, patch_size=16)

    class Same(torch.nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return image

    segmenter.network = Same()
    image = np.random.default_rng(0).standard_normal((16, 40, 32)).astype(np.float32)
    assert np.allclose(segmenter.sliding_window(image), 1 / (1 + np.exp(-image)), atol=1e-5)


def test_dynunet_says_what_is_missing_without_monai(monkeypatch) -> None:
    from radiologycnn.baselines.monai_reference import DynUNetSegmenter

    monkeypatch.setitem(sys.modules, "monai", None)
    with pytest.raises(ResourceError, match="needs the Python package monai, which is not installed"):
        DynUNetSegmenter(SETTINGS)


def test_dynunet_says_that_monai_is_damaged(monkeypatch) -> None:
    pytest.importorskip("monai")
    from radiologycnn.baselines.monai_reference import DynUNetSegmenter

    monkeypatch.setitem(sys.modules, "monai.networks.nets", None)
    with pytest.raises(ResourceError, match="monai is installed but cannot be loaded"):
        DynUNetSegmenter(SETTINGS)
