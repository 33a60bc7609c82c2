"""The scan that a request speaks of, as the engine's ``Volume``."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from radiologycnn.errors import InputError
from radiologycnn.images.checks import size_note
from radiologycnn.images.volume import Volume
from radiologycnn.worker.array_files import read_array


def read_volume_field(field: dict[str, Any]) -> Volume:
    """The ``Volume`` that a request's ``volume`` field describes; its voxels stay on disk, memory-mapped.

    Raises:
        InputError: the file is gone or broken, the matrix is not 4x4 and finite, or ``acquisition`` is no object.
    """
    path, matrix = field.get("array"), field.get("ijk_to_lps")
    if not isinstance(path, str):
        raise InputError("bad-request", "The volume's field 'array' must be a path.")
    try:
        ijk_to_lps = np.asarray(matrix, float)
    except (TypeError, ValueError) as error:
        raise InputError("bad-request", "The volume's field 'ijk_to_lps' must be a 4x4 matrix.") from error
    if ijk_to_lps.shape != (4, 4):
        raise InputError("bad-request", "The volume's field 'ijk_to_lps' must be a 4x4 matrix.")
    acquisition = field.get("acquisition")
    if acquisition is not None and not isinstance(acquisition, dict):
        raise InputError("bad-request", "The volume's field 'acquisition' must be an object or null.")
    volume = Volume(
        array=read_array(path),
        ijk_to_lps=ijk_to_lps,
        modality=str(field.get("modality") or ""),
        name=str(field.get("name") or ""),
        provenance={"acquisition": acquisition} if acquisition else {},
    )
    note = size_note(volume)
    return replace(volume, notes=(note,)) if note else volume
