"""Applying a small matrix to many points, on one thread.

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
