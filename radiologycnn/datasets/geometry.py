"""What is wrong with the geometry of public scans: masks that lie beside their image, tilted gantries that were lost.

BHSD was made from the DICOM files of RSNA 2019, by a program that takes the distance between two slices' positions for
their spacing, and their normal for its direction. Where the gantry is tilted, the table moves along the patient and not
along that normal: slices of 5 mm at 22 degrees come out as 5 mm / cos 22° = 5.39 mm apart, and the shear is lost. In
BHSD_headers.csv of https://github.com/NguyenVanCongThanh/Dataset_BHSD, which has the headers of BHSD's 192 masks, 121
are tilted, by up to 29 degrees, and nearly all of these have such a spacing: volumes are up to 14 % too large.
"""

from __future__ import annotations

import numpy as np

from radiologycnn.images.affine import apart_mm
from radiologycnn.images.volume import Volume
from radiologycnn.training.case_files import mask_fits

#: Thicknesses that scanners offer, in mm; others are what a lost tilt makes of them.
_NOMINAL_MM = np.array([0.5, 0.6, 0.625, 0.75, 1, 1.25, 1.5, 2, 2.4, 2.5, 3, 3.75, 4, 4.5, 4.8, 5, 6, 7, 7.5, 8, 10])
_NEARLY = 0.005
_LEAST_TILT_DEG, _MOST_TILT_DEG = 5.0, 35.0  # below, it changes a volume by less than half a per cent
_LEVEL = 0.999  # cosine: the patient may be turned in plane by less than three degrees, as none of BHSD's is


def misplaced(volume: Volume, mask: Volume, trust_voxels: bool) -> tuple[str, str]:
    """Why the mask cannot be used, or ""; and, where its voxels are trusted against its header, a sentence on that.

    Less than a pixel beside the image, a mask is taken voxel by voxel in any case: no outline is more exact.
    """
    if volume.array.shape != mask.array.shape:
        sizes = (" x ".join(map(str, one.array.shape[::-1])) for one in (mask, volume))
        return "The mask has {} voxels, the image {}.".format(*sizes), ""
    if mask_fits(volume, mask):
        return "", ""
    apart = apart_mm(volume.ijk_to_lps, mask.ijk_to_lps, volume.array.shape)
    if trust_voxels or apart < float(volume.spacing_mm.min()):
        return "", f"The mask's header places it {apart:.2g} mm beside the image; its voxels were trusted."
    return (
        f"By their headers, image and mask lie up to {apart:.1f} mm apart. If they fit voxel by voxel all the same, "
        "import with --trust-voxels.",
        "",
    )


def lost_tilt(volume: Volume) -> float:
    """Degrees by which the gantry was tilted where the file has lost it (see the module); 0 where nothing says so."""
    matrix = np.asarray(volume.ijk_to_lps, float)[:3, :3]
    across, down, through = (column / np.linalg.norm(column) for column in matrix.T)
    upright = abs(float(through[2]))
    degrees = float(np.degrees(np.arccos(min(1.0, upright))))
    straight = abs(float(across[0])) > _LEVEL and abs(float(down @ through)) < 1e-3
    if not straight or not _LEAST_TILT_DEG <= degrees <= _MOST_TILT_DEG:
        return 0.0
    stated = float(volume.spacing_mm[2])
    return degrees if _nominal(stated * upright) and not _nominal(stated) else 0.0


def with_tilt(volume: Volume) -> np.ndarray:
    """The volume's IJK to LPS (4x4, mm) with its lost tilt: the next slice lies straight above or below, sheared."""
    matrix = np.array(volume.ijk_to_lps, float)
    matrix[:3, 2] = (0.0, 0.0, np.copysign(volume.spacing_mm[2], matrix[2, 2]))
    return matrix


def _nominal(thickness_mm: float) -> bool:
    return bool((np.abs(thickness_mm / _NOMINAL_MM - 1) < _NEARLY).any())
