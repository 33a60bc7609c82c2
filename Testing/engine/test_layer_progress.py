"""Progress inside one pass of a network, for shallow and deep networks."""

import pytest
import torch

from radiologycnn.networks.cnn_ds import build_cnn_ds
from radiologycnn.networks.layer_progress import LayerProgress
from radiologycnn.networks.vrn import build_vrn


@pytest.mark.parametrize("blocks", [1, 2, 3, 4])
def test_progress_rises_to_one_whatever_the_depth(blocks: int) -> None:
    """Four blocks leave two voxels of 32: half of that input would have no room for the last one."""
    network = build_vrn(base_filters=4, blocks=blocks).eval()
    image, seen = torch.zeros(1, 1, 32, 32, 32), []
    with torch.inference_mode(), LayerProgress(network, image.shape, seen.append):
        network(image)
    assert seen == sorted(seen)
    assert 0 < seen[0] < 0.5
    assert seen[-1] == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("shape", [(64, 112, 96), (48, 80, 16)])
def test_progress_in_a_grid_whose_sides_can_be_halved_differently_often(shape) -> None:
    network = build_cnn_ds("small").eval()
    image, seen = torch.zeros(1, 1, *shape), []
    with torch.inference_mode(), LayerProgress(network, image.shape, seen.append):
        network(image)
    assert seen == sorted(seen)
    assert seen[-1] == pytest.approx(1.0, abs=0.02)


def test_an_input_that_the_network_cannot_take_is_no_endless_search() -> None:
    network = build_vrn(base_filters=4, blocks=4).eval()
    with pytest.raises(RuntimeError):
        LayerProgress(network, (1, 1, 8, 8, 8), lambda fraction: None)
