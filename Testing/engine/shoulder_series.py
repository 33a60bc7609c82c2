"""Shoulder scans as a scanner describes them: planes, sequences and places, empty or with a shoulder in them."""

import numpy as np
from engine.hand_made import centred_matrix
from engine.shoulder_phantom import oblique_coronal, shoulder_phantom

from radiologycnn.images.volume import Volume

T2_FS = {"Modality": "MR", "BodyPartExamined": "SHOULDER", "RepetitionTime": 3600.0, "EchoTime": 70.0,
         "ScanOptions": ["FS", "SAT"], "Laterality": "R", "SeriesDescription": "COR T2 FS"}  # fmt: skip


def scan(acquisition=None, name="", angle=30.0, side="right", shape=(20, 80, 80), steps=None, offset=(0, 0, 0)):
    """A scan without a picture that tells anything."""
    steps = oblique_coronal(side, (2.0, 2.0, 4.2), angle) if steps is None else steps
    matrix = centred_matrix(steps, shape)
    matrix[:3, 3] += offset
    array = np.random.default_rng(0).normal(100, 20, shape).astype(np.float32)
    return Volume(array, matrix, "MR", name, provenance={"acquisition": acquisition or {}})


AXIAL = np.diag([2.0, 2.0, 4.0])
SAGITTAL = np.column_stack([(0, 2.0, 0), (0, 0, -2.0), (4.0, 0, 0)])
SHOULDERS = {
    side: shoulder_phantom(side, shape_kji=(22, 120, 120), steps=oblique_coronal(side, (1.33, 1.33, 4.2)))
    for side in ("left", "right")
}
