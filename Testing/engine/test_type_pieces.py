"""Small pieces of one type within another's bleed take the type beside them; blood stays blood at every threshold."""

import numpy as np
import pytest

from radiologycnn.hemorrhage.thresholding import mask_from_probability
from radiologycnn.hemorrhage.type_pieces import settle_types

VOXEL_ML = 0.01


def bleed(*pieces: tuple[int, tuple[slice, slice, slice], float]) -> np.ndarray:
    """Probability of three types, (3, 12, 30, 30): 0.7 for the first in a block of 2,000 voxels, then each piece."""
    probability = np.zeros((3, 12, 30, 30), np.float32)
    probability[0, 1:11, 5:25, 2:12] = 0.7
    for kind, box, value in pieces:
        probability[(kind, *box)] = value
    return probability


def settled(probability: np.ndarray, threshold: float = 0.5) -> np.ndarray:
    before = probability.copy()
    after = settle_types(probability, threshold, VOXEL_ML)
    assert np.array_equal(probability, before)
    for level in (0.1, 0.5, 0.65, 0.8):  # what is blood does not change
        assert np.array_equal(mask_from_probability(after, level) > 0, mask_from_probability(before, level) > 0)
    assert np.array_equal(np.sort(after, axis=0), np.sort(before, axis=0))
    return mask_from_probability(after, threshold)


def test_a_speck_takes_the_type_around_it():
    speck = (slice(4, 6), slice(10, 13), slice(5, 8))
    mask = settled(bleed((1, speck, 0.9)))
    assert set(np.unique(mask)) == {0, 1} and (mask == 1).sum() == 2000


def test_a_rim_takes_the_type_of_the_bleed_it_lies_on():
    rim = (slice(1, 11), slice(10, 18), slice(12, 13))
    assert set(np.unique(settled(bleed((2, rim, 0.6))))) == {0, 1}


@pytest.mark.parametrize(
    ("box", "why"),
    [
        ((slice(1, 7), slice(5, 25), slice(12, 13)), "more than 1 mL"),
        ((slice(1, 3), slice(5, 8), slice(20, 23)), "it stands alone"),
    ],
)
def test_what_is_not_small_or_stands_alone_keeps_its_type(box, why):
    mask = settled(bleed((1, box, 0.8)))
    assert (mask[box] == 2).all() and (mask == 1).sum() == 2000, why


def test_a_tenth_of_a_small_bleed_keeps_its_type():
    probability = np.zeros((2, 6, 12, 12), np.float32)
    probability[0, 1:3, 1:5, 1:6] = 0.8  # 40 voxels
    probability[1, 1:3, 1:4, 6] = 0.8  # 6 of 46
    assert (settled(probability) == 2).sum() == 6
    probability[0, 1:3, 1:5, 7:12] = 0.8  # 6 of 86
    assert (settled(probability) == 2).sum() == 0


def test_without_blood_or_with_one_type_nothing_is_done():
    for probability in (np.zeros((3, 4, 5, 6), np.float32), np.full((1, 4, 5, 6), 0.9, np.float32)):
        assert settle_types(probability, 0.5, VOXEL_ML) is probability


def test_a_bleed_of_two_small_pieces_alone_keeps_both():
    """Each is the other's neighbour; with limits below a half, one of two pieces is always large."""
    probability = np.zeros((2, 4, 8, 8), np.float32)
    probability[0, 1, 1, 1:3], probability[1, 1, 1, 3:5] = 0.7, 0.8
    assert np.unique(settled(probability)).tolist() == [0, 1, 2]
