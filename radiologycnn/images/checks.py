"""What must hold for any volume before something is computed from it, each with a sentence for the person."""

from __future__ import annotations

import numpy as np

from radiologycnn.errors import InputError
from radiologycnn.images.volume import Volume

MINIMUM_SLICES = 3
MINIMUM_PIXELS = 8  # along a row and along a column
MINIMUM_SPACING_MM = 0.05  # finer than any clinical scanner: such a header is in metres or micrometres, or broken
MAXIMUM_SPACING_MM = 15.0
MAXIMUM_EXTENT_MM = 2500.0
MINIMUM_SINE_BETWEEN_AXES = 0.1  # flatter than 6 degrees: no scan, and the inverse loses its digits
_FLAT = 1 / 3  # of the voxels along the longest axis; scans with cubes for voxels are hardly ever so flat
#: What a file says of its geometry that was saved without any: to be told with whatever comes of its scan.
SIZE_LOST = (
    "This scan says that its voxels are 1 x 1 x 1 mm, as scans do whose voxel size was lost; all measures would then "
    "be wrong. Check the size, and export the scan again if it is not so."
)


def check_array(volume: Volume, *, allow_constant: bool = False) -> None:
    """Refuses what is not a 3D scan with a believable geometry.

    Args:
        volume: what to look at.
        allow_constant: let an image pass whose voxels are all equal, as an empty mask may be.

    Raises:
        InputError: codes ``empty-volume``, ``not-three-dimensional``, ``single-slice``, ``too-few-slices``,
            ``too-few-pixels``, ``not-numbers``, ``not-finite``, ``constant-volume``, ``broken-geometry``,
            ``spacing-too-small``, ``spacing-too-large``, ``extent-too-large``.
    """
    _check_shape(volume.array)
    check_geometry(volume)
    _check_finite(volume.array)
    if not allow_constant:
        _check_not_constant(volume.array)


def _check_shape(array: np.ndarray) -> None:
    shape = np.shape(array)
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "buif":
        raise InputError(
            "not-numbers",
            "The image holds colours or complex numbers, not one number a voxel.",
            "Give the scan itself.",
        )
    if array.size == 0:
        raise InputError("empty-volume", "The image is empty: it has no voxels.", "Export the scan again.")
    if array.ndim == 4:
        raise InputError(
            "not-three-dimensional",
            f"The image has four dimensions ({' x '.join(map(str, shape))}): several volumes or colour channels.",
            "Save one of its volumes as a 3D image and give that.",
        )
    if array.ndim != 3:
        raise InputError(
            "not-three-dimensional", f"The image has {array.ndim} dimensions, not three.", "Give a 3D scan."
        )
    slices = shape[0]
    if min(shape) == 1:
        raise InputError(
            "single-slice", "The image is a single slice, not a volume.", "Give the whole series, not one image of it."
        )
    if slices < MINIMUM_SLICES:
        raise InputError(
            "too-few-slices",
            f"The image has only {slices} slices; at least {MINIMUM_SLICES} are needed.",
            "Give the whole series.",
        )
    if min(shape[1:]) < MINIMUM_PIXELS:
        raise InputError(
            "too-few-pixels",
            f"The slices are only {shape[2]} x {shape[1]} pixels, fewer than {MINIMUM_PIXELS} on a side.",
            "Give the scan in its full size.",
        )


def check_geometry(volume: Volume) -> None:
    """Refuses a matrix that cannot be where a scan lies.

    Raises:
        InputError: codes ``broken-geometry``, ``spacing-too-small``, ``spacing-too-large``, ``extent-too-large``.
    """
    matrix = np.asarray(volume.ijk_to_lps, float)
    hint = "Export the scan again, or set its spacing and orientation right before using it."
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all() or not np.allclose(matrix[3], (0, 0, 0, 1)):
        raise InputError("broken-geometry", "The image does not say properly where its voxels lie.", hint)
    spacing = volume.spacing_mm
    listed = " x ".join(f"{value:.4g}" for value in spacing)
    if (spacing <= 0).any():
        raise InputError("broken-geometry", f"The image's voxel size is zero along an axis ({listed} mm).", hint)
    if (spacing < MINIMUM_SPACING_MM).any():
        raise InputError(
            "spacing-too-small",
            f"The voxels are {listed} mm, too small for a clinical scan; perhaps the unit is not mm.",
            hint,
        )
    if (spacing > MAXIMUM_SPACING_MM).any():
        raise InputError(
            "spacing-too-large",
            f"The voxels are {listed} mm; more than {MAXIMUM_SPACING_MM:g} mm between two slices or pixels leaves too "
            "much unseen to be measured.",
            hint,
        )
    sine = abs(np.linalg.det(matrix[:3, :3] / spacing))
    if sine < MINIMUM_SINE_BETWEEN_AXES:
        raise InputError("broken-geometry", "The image's axes lie (nearly) in one plane: its matrix is singular.", hint)
    extent = spacing * np.array(volume.array.shape[::-1])
    if (extent > MAXIMUM_EXTENT_MM).any():
        listed = " x ".join(f"{value:.0f}" for value in extent)
        raise InputError("extent-too-large", f"The image would measure {listed} mm, more than a person does.", hint)


def size_note(volume: Volume) -> str:
    """``SIZE_LOST`` where a scan seems to have lost its voxel size, else "".

    A program that saves bare numbers writes the identity: voxels of 1 mm, the first of them at 0. A scan with many
    fewer slices than rows was hardly made so.
    """
    bare = np.array_equal(np.abs(np.asarray(volume.ijk_to_lps, float)), np.eye(4))
    shape = volume.array.shape
    return SIZE_LOST if bare and min(shape) < _FLAT * max(shape) else ""


def _check_finite(array: np.ndarray) -> None:
    if array.dtype.kind == "f":
        # A sum is one pass without a temporary array; only a bad sum is worth the second look.
        with np.errstate(all="ignore"):
            suspicious = not np.isfinite(np.sum(array, dtype=np.float64))
        bad = int(np.size(array) - np.count_nonzero(np.isfinite(array))) if suspicious else 0
        if bad:
            raise InputError(
                "not-finite",
                f"{bad} of {array.size} voxels ({100 * bad / array.size:.3g} %) are not numbers (NaN or infinite).",
                "Replace them by the value of air or background, or export the scan again.",
            )


def _check_not_constant(array: np.ndarray) -> None:
    if array.min() == array.max():
        raise InputError(
            "constant-volume",
            f"The image is empty: every voxel has the same value ({array.flat[0]:g}).",
            "Check that the right volume is given and that it was exported whole.",
        )
