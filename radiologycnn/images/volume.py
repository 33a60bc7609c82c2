"""Volume: voxels with their place in the patient, the one record that the whole engine passes around."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from radiologycnn.images.source_slices import SourceSlices

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True)
class Volume:
    """One 3D scan on a regular (possibly oblique, sheared, anisotropic) grid.

    Attributes:
        array: voxels, shape (K, J, I): slice, row, column. CT in HU.
        ijk_to_lps: 4x4, voxel index (i, j, k, 1) of a voxel's centre to patient LPS in mm (DICOM PS3.3 C.7.6.2.1.1).
        modality: DICOM modality ("CT", "MR"), "" where the file does not say.
        name: what to call it in messages; never a patient's name.
        notes: sentences for the person: what was done to the data on reading (resampled, slices missing, ...).
        provenance: JSON-able facts about the source (format, series, original spacing, tilt, gaps).
        source_slices: the slices as acquired, where ``array`` was resampled from uneven or tilted ones.
        path_name: what the person called the file or folder, to look for words in; never shown or stored, as it may be
            a patient's name.
    """

    array: np.ndarray
    ijk_to_lps: np.ndarray
    modality: str = ""
    name: str = ""
    notes: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    source_slices: SourceSlices | None = None
    path_name: str = field(default="", repr=False)

    @property
    def spacing_mm(self) -> np.ndarray:
        """Distance between neighbouring voxel centres along i, j and k, shape (3,), mm."""
        return np.linalg.norm(np.asarray(self.ijk_to_lps, float)[:3, :3], axis=0)

    @property
    def voxel_volume_mm3(self) -> float:
        """Volume of one voxel: |det| of the matrix, right for oblique and sheared grids too."""
        return float(abs(np.linalg.det(np.asarray(self.ijk_to_lps, float)[:3, :3])))

    @property
    def ijk_to_ras(self) -> np.ndarray:
        """4x4, voxel index to RAS (Slicer's world) in mm."""
        return LPS_TO_RAS @ np.asarray(self.ijk_to_lps, float)

    def to_source_slices(self, array: np.ndarray, interpolation: str = "nearest", fill: float = 0.0) -> np.ndarray:
        """Maps a result on this volume's grid onto the slices as acquired, which the person sees.

        Args:
            array: shape (K, J, I) of this volume: a mask, a label map, a probability.
            interpolation: ``"nearest"`` for labels, ``"linear"`` for probabilities.
            fill: value where a source slice reaches outside this volume.

        Returns:
            shape (slices, rows, columns) of ``source_slices``; ``array`` itself where the volume was not resampled,
            for then its slices are the source slices.

        Raises:
            ValueError: ``array`` is not of this volume's shape.
        """
        if np.shape(array) != self.array.shape:
            raise ValueError(f"the result has shape {np.shape(array)}, the volume {self.array.shape}")
        if self.source_slices is None:
            return np.asarray(array)
        return self.source_slices.sample(array, self.ijk_to_lps, interpolation, fill)
