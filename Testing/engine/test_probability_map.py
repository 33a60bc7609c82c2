"""The crop of a probability holds what the whole map holds, digit for digit: at borders, empty, full, turned."""

from __future__ import annotations

import numpy as np
import pytest

from radiologycnn.hemorrhage.preprocessing import Preprocessing
from radiologycnn.hemorrhage.probability_map import ProbabilityMap
from radiologycnn.hemorrhage.skull import _block_highest
from radiologycnn.images.separable import resize
from radiologycnn.images.volume import Volume

SHAPE_KJI = (11, 46, 38)
GRID_IJK = (16, 16, 24)

MATRICES = {
    "LPS": np.diag([1.0, 1.2, 5.0]),
    "RAS": np.diag([-1.0, -1.2, 5.0]),
    "upside down": np.diag([1.0, -1.2, -5.0]),
    "sagittal": np.array([[0, 0, 5.0], [1.0, 0, 0], [0, -1.2, 0]]),
    "oblique": np.array([[0.96, -0.3, 0.2], [0.28, 1.16, -0.3], [0.0, 0.1, 5.0]]),
    "sheared": np.array([[1.0, 0, 0], [0, 1.2, 1.5], [0, 0, 5.0]]),
}


def probability_map(steps: np.ndarray, on_grid: np.ndarray, shape=SHAPE_KJI) -> ProbabilityMap:
    matrix = np.eye(4)
    matrix[:3, :3] = steps
    volume = Volume(np.zeros(shape, np.int16), matrix, "CT", "scan")
    return ProbabilityMap(Preprocessing(grid_shape_ijk=GRID_IJK).prepare(volume), on_grid)


def network_output(place: str, labels: int) -> np.ndarray:
    rng = np.random.default_rng(5)
    output = rng.random((labels, *GRID_IJK[::-1])).astype(np.float32) * 1e-3
    bleed = rng.random(output.shape).astype(np.float32)
    where = {
        "middle": np.s_[:, 9:12, 4:9, 6:11],
        "first corner": np.s_[:, :2, :2, :2],
        "last corner": np.s_[:, -1:, -1:, -1:],
        "two far apart": np.s_[:, ::23, ::15, ::15],
        "everywhere": np.s_[:],
        "nowhere": np.s_[:, :0],
    }[place]
    output[where] = bleed[where]
    return output


@pytest.mark.parametrize("steps", MATRICES.values(), ids=MATRICES)
@pytest.mark.parametrize("place", ["middle", "first corner", "last corner", "two far apart", "everywhere", "nowhere"])
@pytest.mark.parametrize("labels", [1, 3])
def test_a_crop_is_the_whole_maps_part_and_nothing_lies_outside(steps, place, labels):
    output = network_output(place, labels)
    for floor in (0.01, 0.5):
        found = probability_map(steps, output)
        crop, box = found.above(floor)
        whole = found.whole
        assert whole.shape == ((labels,) if labels > 1 else ()) + SHAPE_KJI
        assert np.array_equal(crop, whole[(..., *box)])
        highest = whole if labels == 1 else whole.max(axis=0)
        places = np.argwhere(highest >= floor)
        assert len(places) or place == "nowhere" or floor == 0.5
        expected = (
            tuple(slice(int(a), int(b) + 1) for a, b in zip(places.min(axis=0), places.max(axis=0)))
            if len(places)
            else (slice(0, 1),) * 3
        )
        assert box == expected


def test_grids_coarser_than_the_networks_are_cropped_alike():
    output = network_output("middle", 1)
    found = probability_map(MATRICES["RAS"], output, shape=(9, 12, 10))
    crop, box = found.above(0.01)
    assert np.array_equal(crop, found.whole[box])
    assert crop.size < found.whole.size


@pytest.mark.parametrize("shape", [(24, 16, 16), (5, 40, 33), (60, 9, 50)])
def test_part_of_a_resized_array_is_computed_alone(shape):
    array = np.random.default_rng(1).random((24, 16, 16)).astype(np.float32)
    box = (slice(1, 4), slice(2, 9), slice(3, 8))
    for antialias in (False, True):
        assert np.array_equal(resize(array, shape, antialias, box=box), resize(array, shape, antialias)[box])


@pytest.mark.parametrize("size", [1, 2, 5, 11, 15])
@pytest.mark.parametrize("step", [1, 2, 5])
def test_highest_of_each_block_of_pixels(size, step):
    array = np.random.default_rng(2).integers(-1000, 3000, (3, size, 4)).astype(np.int16)
    expected = np.maximum.reduceat(array, np.arange(0, size, step), axis=1)
    assert np.array_equal(_block_highest(array, step, axis=1), expected)
