"""Applying a small matrix to many points, on one thread; and how far apart two grids lie.

NumPy's product would start threads for it, which stall each other for long while another program uses the cores.
"""

from __future__ import annotations

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


def apart_mm(first: np.ndarray, second: np.ndarray, shape_kji: tuple[int, ...]) -> float:
    """How far apart two IJK-to-patient matrices put the same voxel at most, in mm: at a corner of the grid."""
    outer = np.array(np.meshgrid(*((0, size - 1) for size in shape_kji[::-1]))).reshape(3, -1).T
    return float(np.linalg.norm(transform_points(first, outer) - transform_points(second, outer), axis=1).max())
