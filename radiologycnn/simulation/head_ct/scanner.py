"""The scanner's slices: where the head lies, how it is sliced, and the averaging of the fine head onto them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from radiologycnn.images.affine import rotation
from radiologycnn.images.boxes import bounding_box
from radiologycnn.simulation.head_ct.config import ScannerConfig
from radiologycnn.simulation.head_ct.fields import BOX_LOW_MM, HeadGrid


@dataclass
class Slices:
    """The scanner's grid.

    Attributes:
        shape_kji: slices, rows, columns.
        ijk_to_lps: 4x4 in the scanner's LPS frame, sheared where the gantry was tilted.
        lps_to_head: 4x4, scanner LPS to the head frame (the patient's pose).
    """

    shape_kji: tuple[int, int, int]
    ijk_to_lps: np.ndarray
    lps_to_head: np.ndarray
    tilt_deg: float
    rotation_deg: tuple[float, float, float]
    pixel_mm: float
    slice_mm: float

    @property
    def ijk_to_head(self) -> np.ndarray:
        """4x4, from voxels to x, y, z of the head frame in mm."""
        return self.lps_to_head @ self.ijk_to_lps

    @property
    def top_mm(self) -> float:
        """Height of the uppermost slice's upper face, in its middle, above the turning point of the head."""
        count, rows, columns = self.shape_kji
        return float((self.ijk_to_lps @ ((columns - 1) / 2, (rows - 1) / 2, count - 0.5, 1))[2])


def draw_slices(
    rng: np.random.Generator, config: ScannerConfig, top_mm: float, older: np.random.Generator | None = None
) -> Slices:
    """Draw a protocol and a pose.

    Args:
        older: stream that decides on thick slices; it is not touched where the settings want none.
        top_mm: height of the head's top in its own frame; slices reach from the skull base to above it, unless the
            vertex was missed.
    """
    turn = np.clip(rng.normal(0, config.rotation_sd_deg, 3), -config.rotation_max_deg, config.rotation_max_deg)
    centre = np.clip(rng.normal(0, config.centre_sd_mm, 2), -20, 20)
    pixel = rng.uniform(*config.pixel_mm) * 512 / config.matrix
    thickness = rng.uniform(*config.slice_mm)
    tilt = rng.uniform(*config.tilt_deg) if rng.random() < config.gantry_tilt else 0.0
    bottom = rng.uniform(-78, -62)
    top = top_mm + rng.uniform(2, 12) - (rng.uniform(12, 30) if rng.random() < config.missing_vertex else 0)
    fewest, thickest = config.slices[0], config.slice_mm[1]
    if older is not None and config.thick_slices and older.random() < config.thick_slices:
        thickness = older.uniform(*config.thick_slice_mm)
        fewest, thickest = 1, config.thick_slice_mm[1]
    count = int(np.clip(round((top - bottom) / thickness), fewest, config.slices[1]))
    thickness = float(np.clip((top - bottom) / count, config.slice_mm[0], thickest))

    to_head = np.eye(4)
    to_head[:3, :3] = rotation(turn)
    angle = np.deg2rad(tilt)
    grid = np.eye(4)
    grid[:3, 0] = pixel, 0, 0
    grid[:3, 1] = 0, pixel * np.cos(angle), -pixel * np.sin(angle)
    grid[:3, 2] = 0, 0, thickness
    half = (config.matrix - 1) / 2
    middle = np.array([centre[0], centre[1], bottom])
    # A tilted gantry looks at the same vertical reach at the head's middle.
    grid[:3, 3] = middle - half * (grid[:3, 0] + grid[:3, 1])
    return Slices(
        (count, config.matrix, config.matrix),
        grid,
        to_head,
        float(tilt),
        tuple(map(float, turn)),
        float(pixel),
        thickness,
    )


def onto_slices(grid: HeadGrid, field: np.ndarray, slices: Slices, sub_slice_mm: float, outside: float) -> np.ndarray:
    """Average a fine head field over each slice's thickness (boxcar profile): true partial volume. float32 KJI.

    Args:
        outside: value outside the head's box. Where it is 0, only what the field's other values can reach is sampled.
    """
    count = max(2, round(slices.slice_mm / sub_slice_mm))
    image = _image(grid, field)
    window = _reached(grid, field, slices) if outside == 0 else _everything(slices)
    total = np.zeros(slices.shape_kji, np.float32)
    for step in range(count):
        _sample(image, slices, (step + 0.5) / count - 0.5, sitk.sitkLinear, outside, window, total)
    total /= count
    return total


def join_upper_slices(hu: np.ndarray, rng: np.random.Generator) -> None:
    """Make the slices of the vault twice as thick, and interpolate them back onto the even grid, in place.

    That is what a reader makes of a scan with thin slices at the skull base and thick ones above it.
    """
    first = round(len(hu) * rng.uniform(0.3, 0.5))
    upper = hu[first : first + 2 * ((len(hu) - first) // 2)]
    pairs = (upper[0::2] + upper[1::2]) / 2
    if len(pairs) < 2:
        return
    place = np.clip((np.arange(len(upper)) - 0.5) / 2, 0, len(pairs) - 1)
    below = np.minimum(place.astype(int), len(pairs) - 2)
    share = (place - below)[:, None, None].astype(np.float32)
    upper[:] = (1 - share) * pairs[below] + share * pairs[below + 1]


def nearest_on_slices(grid: HeadGrid, field: np.ndarray, slices: Slices) -> np.ndarray:
    """The fine field's value at each slice voxel's centre, same dtype; 0 outside the head's box."""
    found = np.zeros(slices.shape_kji, field.dtype)
    _sample(_image(grid, field), slices, 0.0, sitk.sitkNearestNeighbor, 0, _reached(grid, field, slices), found)
    return found


def _everything(slices: Slices) -> tuple[slice, slice]:
    return slice(0, slices.shape_kji[0]), slice(0, slices.shape_kji[1])


def _reached(grid: HeadGrid, field: np.ndarray, slices: Slices) -> tuple[slice, slice]:
    """Slices and rows that the voxels of ``field`` that are not 0 can reach."""
    box = bounding_box(field)
    if box is None:
        return slice(0, 0), slice(0, 0)
    ends = [
        (low + (part.start - 1) * grid.fine_mm, low + part.stop * grid.fine_mm)
        for low, part in zip(BOX_LOW_MM[::-1], box)
    ]
    corners = np.array([(x, y, z, 1.0) for z in ends[0] for y in ends[1] for x in ends[2]])
    index = corners @ np.linalg.inv(slices.ijk_to_head).T
    window = []
    for place, size in ((index[:, 2], slices.shape_kji[0]), (index[:, 1], slices.shape_kji[1])):
        first, last = int(np.floor(place.min())) - 1, int(np.ceil(place.max())) + 2
        window.append(slice(min(max(first, 0), size), min(max(last, 0), size)))
    return window[0], window[1]


def _image(grid: HeadGrid, field: np.ndarray) -> sitk.Image:
    image = sitk.GetImageFromArray(field)
    image.SetSpacing((grid.fine_mm,) * 3)
    image.SetOrigin(BOX_LOW_MM)
    return image


def _sample(
    image: sitk.Image,
    slices: Slices,
    shift: float,
    how: int,
    outside: float,
    window: tuple[slice, slice],
    total: np.ndarray,
) -> None:
    """Add the image's values at the slices' voxels, ``shift`` slices up, to the window (slices, rows) of ``total``."""
    part = total[window]
    if not part.size:
        return
    # The resampler walks a unit-spaced index grid; the transform carries index to head frame, shear and all.
    matrix = slices.ijk_to_head @ np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, shift], [0, 0, 0, 1.0]])
    transform = sitk.AffineTransform(3)
    transform.SetMatrix(matrix[:3, :3].ravel().tolist())
    transform.SetTranslation(matrix[:3, 3].tolist())
    resampler = sitk.ResampleImageFilter()
    resampler.SetSize(part.shape[::-1])
    resampler.SetOutputSpacing((1.0, 1.0, 1.0))
    resampler.SetOutputOrigin((0.0, float(window[1].start), float(window[0].start)))
    resampler.SetTransform(transform)
    resampler.SetInterpolator(how)
    resampler.SetDefaultPixelValue(float(outside))
    sampled = resampler.Execute(image)
    part += sitk.GetArrayViewFromImage(sampled)
