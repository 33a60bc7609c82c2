"""Grids that lie askew in space, as matrices from voxel (i, j, k) to LPS in mm."""

from __future__ import annotations

import numpy as np


def oblique_matrix() -> np.ndarray:
    """Turned about two axes; 0.45 x 0.5 x 3.2 mm."""
    angle_a, angle_b = 0.3, -0.5
    a = np.array([[np.cos(angle_a), -np.sin(angle_a), 0], [np.sin(angle_a), np.cos(angle_a), 0], [0, 0, 1]])
    b = np.array([[1, 0, 0], [0, np.cos(angle_b), -np.sin(angle_b)], [0, np.sin(angle_b), np.cos(angle_b)]])
    matrix = np.eye(4)
    matrix[:3, :3] = a @ b * (0.45, 0.5, 3.2)
    matrix[:3, 3] = (-101.5, 33.25, 720.125)
    return matrix


def sheared_matrix() -> np.ndarray:
    """The same with slices that lean, as of a tilted gantry."""
    matrix = oblique_matrix()
    matrix[:3, 2] += 0.3 * matrix[:3, 1] + 1.1 * matrix[:3, 0]
    return matrix


def left_handed_matrix() -> np.ndarray:
    """The same with slices the other way round."""
    matrix = oblique_matrix()
    matrix[:3, 2] *= -1
    return matrix
