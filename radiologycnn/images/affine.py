"""Points and directions through a small matrix, on one thread; rotations, voxel volumes, how far apart two grids lie.

NumPy's product would start threads for it, which stall each other for long while another program uses the cores.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np


def transform_vectors(matrix: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """``vectors @ matrix.T`` for vectors of shape (n, m) and a matrix of shape (p, m): shape (n, p)."""
    matrix, vectors = np.asarray(matrix, float), np.asarray(vectors)
    result = vectors[:, :1] * matrix[:, 0]
    for column in range(1, matrix.shape[1]):
        result += vectors[:, column : column + 1] * matrix[:, column]
    return result


def transform_points(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points of shape (n, 3) through a 4x4 affine matrix: shape (n, 3)."""
    matrix = np.asarray(matrix, float)
    return transform_vectors(matrix[:3, :3], points) + matrix[:3, 3]


def rotation(degrees: Sequence[float] | np.ndarray) -> np.ndarray:
    """3x3: a turn by these angles (right-hand rule) about x, then y, then z."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


def triple(values: Iterable[float]) -> tuple[float, float, float]:
    """Three numbers, such as a point or a direction, as Python's own."""
    first, second, third = (float(value) for value in values)
    return first, second, third


def voxel_ml(ijk_to_lps: np.ndarray) -> float:
    """Volume of one voxel in mL: |det| of the 4x4 matrix in mm, right for oblique and sheared grids too."""
    return float(abs(np.linalg.det(np.asarray(ijk_to_lps, float)[:3, :3]))) / 1000


def apart_mm(first: np.ndarray, second: np.ndarray, shape_kji: tuple[int, ...]) -> float:
    """How far apart two IJK-to-patient matrices (4x4) put the same voxel at most, in mm: at a corner of the grid."""
    outer = np.array(np.meshgrid(*((0, size - 1) for size in shape_kji[::-1]))).reshape(3, -1).T
    return float(np.linalg.norm(transform_points(first, outer) - transform_points(second, outer), axis=1).max())
