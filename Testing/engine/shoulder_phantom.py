"""A shoulder phantom of simple shapes with a known humeral head, in any oblique grid, for either side."""

from __future__ import annotations

from typing import Any

import numpy as np
from engine.hand_made import centred_matrix, lps_grid
from scipy.spatial.transform import Rotation

from radiologycnn.images.volume import Volume

#: Brightness of fat, muscle and bone marrow without and with fat saturation.
GREYS = {False: (300.0, 110.0, 260.0), True: (45.0, 150.0, 60.0)}


def oblique_coronal(
    side: str = "right",
    spacing: tuple[float, float, float] = (0.7, 0.7, 4.2),
    angle_deg: float = 30.0,
    tilt_deg: float = 0.0,
) -> np.ndarray:
    """3x3 of steps in mm (columns i, j, k): i to the left, j down, k to the back, turned along the scapula."""
    axes = np.column_stack([(1.0, 0, 0), (0, 0, -1.0), (0, 1.0, 0)])
    turn = angle_deg if side == "right" else -angle_deg
    return Rotation.from_euler("zx", [turn, tilt_deg], degrees=True).as_matrix() @ axes * np.array(spacing)


def shoulder_phantom(
    side: str = "right",
    fat_saturated: bool = False,
    head_centre_lps: tuple[float, float, float] = (0.0, 0.0, 0.0),
    head_radius_mm: float = 24.0,
    steps: np.ndarray | None = None,
    shape_kji: tuple[int, int, int] = (22, 228, 228),
    noise: float = 12.0,
    seed: int = 0,
    acquisition: dict[str, Any] | None = None,
    name: str = "",
) -> Volume:
    """Head with shaft, glenoid, acromion, muscle, fat and air; the grid's centre lies at the origin."""
    steps = oblique_coronal(side) if steps is None else steps
    matrix = centred_matrix(steps, shape_kji)
    x, y, z = lps_grid(shape_kji, matrix)
    x, y, z = x - head_centre_lps[0], y - head_centre_lps[1], z - head_centre_lps[2]
    medial = x if side == "right" else -x  # towards the trunk
    fat, muscle, marrow = GREYS[fat_saturated]
    image = np.zeros(shape_kji)
    # The body: lateral and above the shoulder there is air, medial and below it goes on.
    body = np.minimum.reduce([medial + 55, 52 - z, 62 - np.abs(y)])
    image[body > 0] = fat
    image[body > 8] = muscle
    belly = ((z - 30) / 9) ** 2 + ((y + 2) / 14) ** 2 < 1
    image[belly & (medial > 15)] = muscle * 0.9
    acromion = (np.abs(z - 39) < 5) & (np.abs(y - 8) < 18) & (np.abs(medial + 5) < 22)
    image[acromion] = marrow * 0.9
    glenoid = (medial > head_radius_mm + 4) & (medial < head_radius_mm + 30) & (z**2 + y**2 < 17**2)
    image[glenoid] = marrow * 0.95
    axis = (medial + 8) ** 2 + y**2
    image[(axis < 15**2) & (z < 0)] = 0.0
    image[(axis < 12**2) & (z < 0)] = marrow
    distance = np.sqrt(x**2 + y**2 + z**2)
    image[distance < head_radius_mm + 1.5] = muscle * 1.2
    image[distance < head_radius_mm] = 10.0
    image[distance < head_radius_mm - 1.2] = marrow
    sensitivity = np.exp(-medial / 150)
    random = np.random.default_rng(seed)
    real, imaginary = (random.normal(0, noise, shape_kji) for _ in range(2))
    image = np.hypot(image * sensitivity + real, imaginary)
    provenance = {} if acquisition is None else {"acquisition": acquisition}
    return Volume(np.rint(image).astype(np.int16), matrix, "MR", name, provenance=provenance)
