"""Pictures of scans in a report: the same whatever order and direction the voxels are stored in."""

from itertools import permutations, product

import numpy as np
import pytest

from radiologycnn.images.volume import Volume
from radiologycnn.reproduction.slice_view import SliceView

SPACING_LPS = {"sagittal": (4.0, 0.5, 0.6), "coronal": (0.5, 4.0, 0.6), "axial": (0.5, 0.6, 4.0)}
SCAN = np.random.default_rng(0).integers(0, 99, (4, 5, 6))  # S, P, L


def stored(spacing_lps: tuple[float, ...], order: tuple[int, ...], signs: tuple[int, ...]) -> Volume:
    """SCAN with its axes in this order from the fastest to the slowest, those of sign -1 stored backwards."""
    array = SCAN.transpose([2 - axis for axis in order[::-1]])
    array = np.flip(array, [2 - new for new, sign in enumerate(signs) if sign < 0])
    matrix = np.eye(4)
    matrix[:3, :3] = 0
    for new, (axis, sign) in enumerate(zip(order, signs)):
        matrix[axis, new] = sign * spacing_lps[axis]
        matrix[axis, 3] = 0.0 if sign > 0 else spacing_lps[axis] * (SCAN.shape[2 - axis] - 1)
    return Volume(array, matrix)


@pytest.mark.parametrize(
    ("plane", "expected", "aspect"),
    [
        ("axial", SCAN, 0.6 / 0.5),
        ("coronal", SCAN[::-1].transpose(1, 0, 2), 0.6 / 0.5),
        ("sagittal", SCAN[::-1].transpose(2, 0, 1), 0.6 / 0.5),
    ],
)
def test_slices_are_upright_in_the_plane_they_were_acquired_in(plane, expected, aspect) -> None:
    for order, signs in product(permutations(range(3)), product((1, -1), repeat=3)):
        volume = stored(SPACING_LPS[plane], order, signs)
        view = SliceView(volume)
        assert np.array_equal(view(volume.array), expected) and view.aspect == pytest.approx(aspect)


def test_another_plane_can_be_asked_for() -> None:
    volume = stored(SPACING_LPS["sagittal"], (1, 2, 0), (1, -1, 1))
    view = SliceView(volume, "axial")
    assert np.array_equal(view(volume.array), SCAN) and view.aspect == pytest.approx(0.5 / 4)
