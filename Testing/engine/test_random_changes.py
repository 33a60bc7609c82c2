"""Augmentation's moves: where a voxel is read from, against what geometry says; the same seed gives the same copy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from radiologycnn.training.hemorrhage.augmentation import augment
from radiologycnn.training.random_changes import turned
from radiologycnn.training.rotatorcuff.augmentation import changed_grey, cut_cubes, moved

# K, J, I of a cube whose slices lie twice as far apart as its rows and columns.
SHAPE, SPACING = (16, 32, 32), (2.0, 1.0, 1.0)


def places(shape=SHAPE, spacing=SPACING) -> np.ndarray:
    """Of each voxel from the middle, in mm, shape (3, K, J, I)."""
    axes = [(np.arange(side) - (side - 1) / 2) * mm for side, mm in zip(shape, spacing)]
    return np.stack(np.meshgrid(*axes, indexing="ij"))


@pytest.mark.parametrize("axis", ["x", "y", "z"])
def test_a_turn_is_one_in_mm_also_where_slices_are_thick(axis) -> None:
    """An image that says how far along a direction it is says so of the turned direction afterwards."""
    direction = np.array([1.0, -0.5, 0.7])
    image = torch.from_numpy(np.tensordot(direction, places(), 1)).float()[None]
    turn = Rotation.from_euler(axis, 20, degrees=True).as_matrix() * 0.9
    found = turned(image, turn, (0, 0, 0), SPACING, SHAPE)[0].numpy()
    expected = np.tensordot(direction, np.tensordot(turn, places(), 1), 1)
    inside = np.abs(np.tensordot(turn, places(), 1) / np.reshape(SPACING, (3, 1, 1, 1))) < (
        (np.reshape(SHAPE, (3, 1, 1, 1)) - 1) / 2
    )
    inside = inside.all(axis=0)
    assert inside.mean() > 0.5
    assert np.abs(found - expected)[inside].max() < 1e-3
    assert np.abs(found - expected)[~inside].max() > 1  # nothing is made up out there


def test_a_shift_reads_whole_voxels_elsewhere_and_the_middle_is_cut_out() -> None:
    wide = torch.rand(1, 20, 40, 40, generator=torch.Generator().manual_seed(1))
    middle = cut_cubes(wide[None], SHAPE)[0]
    assert torch.allclose(turned(wide, np.eye(3), (0, 0, 0), SPACING, SHAPE), middle, atol=1e-4)
    shifted = turned(wide, np.eye(3), (1, -2, 3), SPACING, SHAPE)
    assert torch.allclose(shifted, wide[:, 3:19, 2:34, 7:39], atol=1e-4)


def test_the_same_seed_gives_the_same_copy_and_another_another() -> None:
    random = torch.Generator().manual_seed(2)
    cubes, head = torch.rand(2, 1, 20, 40, 40, generator=random) * 255, torch.rand(1, 1, 16, 32, 32, generator=random)

    def copies(seed: int) -> list[torch.Tensor]:
        generator = torch.Generator().manual_seed(seed)
        cut, mask = moved(cubes, (cubes > 200).float(), (16, 32, 32), generator)
        return [cut, mask, changed_grey(cut, generator), *augment(head, (head > 0.9).float(), generator)]

    torch.manual_seed(5)
    np.random.seed(5)  # choices hang on nothing but the case's own generator
    first = copies(3)
    torch.manual_seed(6)
    np.random.seed(6)
    assert all(torch.equal(one, other) for one, other in zip(first, copies(3)))
    assert not any(torch.equal(one, other) for one, other in zip(first[:3], copies(4)[:3]))
    assert not torch.equal(first[0][0], first[0][1])


def test_a_head_is_flipped_left_to_right_in_half_of_the_copies_and_in_no_other_way() -> None:
    """Air and bone stay: what is told apart by them is the head's front and top."""
    head = torch.full((1, 1, 16, 32, 32), 0.35)
    head[..., :4] = 1.0  # bone at one side
    head[:, :, :, :4] = 0.0  # air in front
    sides = []
    for seed in range(40):
        copy, _ = augment(head, torch.zeros_like(head), torch.Generator().manual_seed(seed))
        assert copy[:, :, :, -6:, 8:-8].min() > 0.1
        sides.append(bool(copy[..., 10:, :3].mean() > copy[..., 10:, -3:].mean()))
    assert 12 <= sum(sides) <= 28
