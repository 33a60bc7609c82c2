"""From a head CT to the network's input, and from the network's output back to the CT's own grid (Arab 2020, Methods).

The paper resamples each scan to 128 x 128 x 64 voxels, whatever its spacing, and then sets HU below 0 to 0 and above
100 to 100. That order lets bone bleed into neighbouring voxels, which then look like blood along the skull; the other
order, an antialiasing resample and a crop to the head are options, so that a model states what it was trained with.
Without the crop a third to a half of the paper's grid shows air beside the head, and how large the network sees the
head depends on the field of view.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from radiologycnn.hemorrhage.skull import Skull, find_skull
from radiologycnn.images.boxes import Box, box_shape, box_start, box_within, common_box, moved_box, whole_box
from radiologycnn.images.grid import (
    oriented_box,
    oriented_shape,
    reorient_to_lps,
    resample,
    restore_axes,
    restore_box,
)
from radiologycnn.images.separable import reached_box, resize, resize_labels, resized_matrix
from radiologycnn.images.volume import Volume
from radiologycnn.models.preprocessing_record import is_number, read_fields, refuse

ORDERS = ("resample_then_clamp", "clamp_then_resample")
CROPS = ("none", "head")

# A tilt of the slices against their stacking axis beyond this is put straight before the network sees it.
LARGEST_SHEAR_DEGREES = 2.0

AIR_HU = -1000.0


@dataclass(frozen=True)
class Preprocessing:
    """How a model wants its input; stands in ``model.json``.

    Attributes:
        grid_shape_ijk: the network's grid; it covers the scan's whole extent, or that of the crop, so its spacing
            differs between scans.
        hu_range: HU are clamped to this range.
        order: "resample_then_clamp" (the paper) or "clamp_then_resample".
        antialias: average over each network voxel's neighbourhood instead of reading 2 x 2 of 16 pixels.
        divide_by: clamped HU are divided by this.
        crop: "none" (the paper), or "head": the box around the skull, where :func:`.skull.find_skull` sees one; outside
            it nothing is ever segmented.
    """

    grid_shape_ijk: tuple[int, int, int] = (128, 128, 64)
    hu_range: tuple[float, float] = (0.0, 100.0)
    order: str = "resample_then_clamp"
    antialias: bool = False
    divide_by: float = 100.0
    crop: str = "none"

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Preprocessing:
        """Inverse of :meth:`to_dict`, also for what went through JSON.

        Raises:
            InputError: an unknown field or an impossible value.
        """
        result, problems = read_fields(cls, record, {"order": ORDERS, "crop": CROPS}, ["antialias"])
        shape, hu_range = result.grid_shape_ijk, result.hu_range
        if not _is_list(shape, 3) or not all(isinstance(n, int) and 8 <= n <= 1024 for n in shape):
            problems.append("'grid_shape_ijk' must be three whole numbers from 8 to 1024")
        if not _is_list(hu_range, 2) or not all(is_number(x) for x in hu_range) or not hu_range[0] < hu_range[1]:
            problems.append("'hu_range' must be two rising numbers")
        if not is_number(result.divide_by) or result.divide_by <= 0:
            problems.append("'divide_by' must be a positive number")
        refuse(problems)
        (i, j, k), (low, high) = shape, hu_range  # lists, where they come from JSON
        return replace(
            result,
            grid_shape_ijk=(i, j, k),
            hu_range=(float(low), float(high)),
            divide_by=float(result.divide_by),
        )

    def prepare(self, volume: Volume, skull: Skull | None = None) -> NetworkInput:
        """The scan as the network wants it: axes to L, P, S, cropped, resampled, clamped, divided.

        Args:
            volume: the scan.
            skull: of this volume, where it is known; found here where it is needed and left out.
        """
        low, high = self.hu_range
        straight = _straightened(volume)
        grid = straight or volume
        oriented = reorient_to_lps(grid)
        crop = whole_box(oriented.array.shape)
        if self.crop == "head":
            found = skull if skull is not None and straight is None else find_skull(grid)
            crop = found.box or crop
        image = oriented.array[crop]
        shape_kji = self.grid_shape_ijk[::-1]
        first_to = self.hu_range if self.order == "clamp_then_resample" else None
        resampled = resize(image, shape_kji, self.antialias, first_to)
        resampled = np.clip(resampled, low, high, out=resampled) / np.float32(self.divide_by)
        matrix = np.array(oriented.ijk_to_lps, float)
        matrix[:3, 3] += matrix[:3, :3] @ box_start(crop)[::-1]
        return NetworkInput(resampled, resized_matrix(matrix, image.shape, shape_kji), volume, straight, crop)


@dataclass(frozen=True)
class NetworkInput:
    """A prepared scan, and the way between the network's grid and the scan's own.

    Attributes:
        array: float32, shape (K, J, I) of the network's grid, with i to the left, j to the back, k to the head.
        ijk_to_lps: 4x4, of the network's grid.
        volume: the scan as it came in.
    """

    array: np.ndarray
    ijk_to_lps: np.ndarray
    volume: Volume
    _straight: Volume | None
    _crop: Box  # of the scan's (or its straightened copy's) grid with its axes to L, P, S

    def to_scan(self, on_network_grid: np.ndarray, box: Box | None = None) -> np.ndarray:
        """An array on the network's grid, such as a probability, on the scan's own grid: float32, (K, J, I).

        Trilinear. It is meant for probabilities, not logits: logits run far outside the bleed and only a little
        inside it, so that a boundary interpolated between them moves inwards and volumes shrink; probabilities are
        bounded on both sides, which keeps the boundary half way between a voxel that is in and one that is out. What
        the network did not see, because it was cropped away, is 0.

        Args:
            on_network_grid: shape (K, J, I) of the network's grid.
            box: only this part of the scan's grid (slices K, J, I) is given, to the same last digit.
        """
        if self._straight is None:
            part = None if box is None else oriented_box(box, self.volume)
            return restore_axes(self._uncropped(on_network_grid, part), self.volume)
        straight = restore_axes(self._uncropped(on_network_grid), self._straight)
        shape_kji = self.volume.array.shape
        result = resample(straight, self._straight.ijk_to_lps, self.volume.ijk_to_lps, shape_kji)
        return result if box is None else result[box]

    def scan_box(self, on_network_grid: np.ndarray) -> Box | None:
        """The part of the scan's grid (slices K, J, I) that :meth:`to_scan` makes from the True voxels of a mask.

        It may be larger than needed: the whole grid of a sheared scan. None where no voxel is True.
        """
        box = reached_box(on_network_grid, box_shape(self._crop))
        if box is None:
            return None
        if self._straight is not None:
            return whole_box(self.volume.array.shape)
        return restore_box(moved_box(box, box_start(self._crop)), self.volume)

    def _uncropped(self, on_network_grid: np.ndarray, box: Box | None = None) -> np.ndarray:
        """Back on the oriented grid, or on a part of it: interpolated in the crop, 0 outside."""
        if box is None:
            box = whole_box(oriented_shape(self._straight or self.volume))
        seen = common_box(box, self._crop)
        if seen is None:
            return np.zeros(box_shape(box), np.float32)
        values = resize(on_network_grid, box_shape(self._crop), box=box_within(seen, self._crop))
        if seen == box:
            return values
        whole = np.zeros(box_shape(box), np.float32)
        whole[box_within(seen, box)] = values
        return whole

    def labels_to_network(self, labels: np.ndarray) -> np.ndarray:
        """A mask or label map on the scan's grid, on the network's grid (nearest neighbour), for training."""
        grid = self._straight or self.volume
        if self._straight is not None:
            labels = resample(labels, self.volume.ijk_to_lps, grid.ijk_to_lps, grid.array.shape, "nearest")
        oriented = reorient_to_lps(replace(grid, array=labels)).array[self._crop]
        return np.ascontiguousarray(resize_labels(oriented, self.array.shape))


def _is_list(value: Any, length: int) -> bool:
    return isinstance(value, list | tuple) and len(value) == length


def _straightened(volume: Volume) -> Volume | None:
    """The scan on a grid with right angles, or None where it has them already.

    The in-plane row direction stays; the new grid covers all of the old one and is air beyond it.
    """
    matrix = np.asarray(volume.ijk_to_lps, float)
    spacing = volume.spacing_mm
    i_axis, j_axis, k_axis = (matrix[:3, :3] / spacing).T
    cosines = [abs(i_axis @ j_axis), abs(i_axis @ k_axis), abs(j_axis @ k_axis)]
    if max(cosines) <= np.sin(np.radians(LARGEST_SHEAR_DEGREES)):
        return None
    normal = np.cross(i_axis, j_axis)
    normal *= np.sign(normal @ k_axis) / np.linalg.norm(normal)
    second = np.cross(normal, i_axis)
    second *= np.sign(second @ j_axis)
    directions = np.column_stack((i_axis, second, normal))
    # The slice distance across the slices, not along the sheared axis.
    steps = np.array([spacing[0], spacing[1] * abs(second @ j_axis), spacing[2] * abs(normal @ k_axis)])
    last = np.array(volume.array.shape[::-1]) - 1
    corners = np.array([[a, b, c, 1] for a in (0, last[0]) for b in (0, last[1]) for c in (0, last[2])], float)
    along = (corners @ matrix.T)[:, :3] @ directions
    first = along.min(axis=0)
    shape_ijk = np.round((along.max(axis=0) - first) / steps).astype(int) + 1
    straight = np.eye(4)
    straight[:3, :3] = directions * steps
    straight[:3, 3] = directions @ first

    i, j, k = shape_ijk.tolist()
    array = resample(volume.array, matrix, straight, (k, j, i), fill=AIR_HU)
    return Volume(array, straight, volume.modality, volume.name)
