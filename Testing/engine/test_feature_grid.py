"""The grid of a network's last features: how much coarser it is, and its maps on the voxels of the input."""

import numpy as np
import pytest
import torch

from radiologycnn.networks.feature_grid import feature_stride, input_box, on_input_grid
from radiologycnn.networks.vrn import build_vrn


def test_map_on_the_input_grid_agrees_with_its_geometry():
    rows = np.arange(6, dtype=np.float32)
    ramp = np.broadcast_to(rows[:, None, None], (6, 4, 5))
    spread = on_input_grid(ramp, (24, 16, 20))
    assert spread.shape == (24, 16, 20) and spread.dtype == np.float32
    assert np.allclose(spread[:, 3, 3], np.minimum(np.arange(24) / 4, 5))
    middle = on_input_grid(np.moveaxis(ramp, 0, 2), (16, 20, 24), halving_offset=0.5)
    assert np.allclose(middle[2, 2], np.clip((np.arange(24) - 1.5) / 4, 0, 5))


def test_a_single_slice_of_the_map_spreads_without_change():
    assert np.array_equal(on_input_grid(np.full((1, 2, 2), 3.0), (4, 8, 8)), np.full((4, 8, 8), 3.0))


@pytest.mark.parametrize("halving_offset", [0.0, 0.5])
def test_the_part_of_a_map_that_voxels_reach_is_the_same_as_in_the_whole(halving_offset):
    values = np.zeros((6, 5, 8), np.float32)
    values[1:3, 0, 5] = np.random.default_rng(1).random(2)
    shape = (24, 20, 32)
    whole, box = on_input_grid(values, shape, halving_offset), input_box(values > 0, shape, halving_offset)
    assert np.array_equal(on_input_grid(values, shape, halving_offset, box), whole[box])
    whole[box] = 0
    assert not whole.any()
    assert input_box(values > 1, shape, halving_offset) is None


def test_stride_from_shapes():
    assert feature_stride((64, 64, 64), (16, 16, 16)) == 4
    assert feature_stride((65, 63, 64), (17, 16, 16)) == 4
    assert feature_stride((20, 64, 64), (10, 32, 32)) == 2
    with pytest.raises(ValueError, match="halving"):
        feature_stride((64, 64, 64), (16, 16, 32))


def test_stride_of_odd_sides_is_the_networks():
    network = build_vrn(base_filters=4).eval()
    with torch.no_grad():
        features = network.features(torch.zeros(1, 1, 17, 22, 19))
    assert feature_stride((17, 22, 19), features.shape[2:]) == 4
