"""From a shoulder MR to the cube around the humeral head that the network reads (Shim 2020, Methods).

The paper's own steps, as its authors' code shows them: 0-255 by the minimum and maximum of the whole scan, a cube as
large as the scan is deep, centred on the humeral head, resampled linearly to 64^3. The default keeps the idea and
mends what hurts: percentiles instead of one brightest voxel, one size in mm for all scans, averaging instead of
skipping pixels, and left shoulders mirrored, so that the network needs to know right ones only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from radiologycnn.errors import InputError
from radiologycnn.images.affine import transform_points, triple
from radiologycnn.images.separable import inside_axis
from radiologycnn.images.volume import Volume
from radiologycnn.models.preprocessing_record import is_number, read_fields, refuse
from radiologycnn.rotatorcuff.cube import cube_directions, cube_matrix, sample_cube
from radiologycnn.rotatorcuff.humeral_head import find_humeral_head
from radiologycnn.rotatorcuff.results import RegionRecord
from radiologycnn.rotatorcuff.series import through_plane_axis

SCAN_THICKNESS = "scan_thickness"
INTENSITIES = ("percentile", "min_max")
INTENSITY_REGIONS = ("volume", "cube")
INPUT_SCALES = ("grey", "zero_to_one", "minus_one_to_one", "standardized")

IN_PLANE_FACTORS = (1, 2, 4)

EDGE_RANGE_MM = (30.0, 300.0)

# Below this share of the cube inside the scan, the person is told.
_USUAL_SHARE_INSIDE = 0.7
_PERCENTILE_SAMPLES = 200_000


@dataclass(frozen=True)
class Preprocessing:
    """How a model wants its input; stands in ``model.json``.

    Attributes:
        grid_size: voxels along each edge of the cube.
        in_plane_factor: pixels along i and along j, the axes of a coronal slice, for each of these voxels; the network
            folds their squares into channels (``pixel_unshuffle`` of VRN). 1 is the paper.
        edge: the cube's edge in mm, or "scan_thickness" (the paper: largest spacing times smallest number of voxels).
        intensity: what becomes 0 and 255: "percentile" or "min_max" (the paper).
        percentiles: the lower and the upper one, for "percentile".
        intensity_region: over which voxels: the whole "volume" (the paper) or the "cube".
        input_scale: of the network's input: "grey" (0-255), "zero_to_one", "minus_one_to_one", or "standardized" (mean
            0 and standard deviation 1 over the cube).
        antialias: average over what lies between the cube's voxels where the scan is finer.
        mirror_left: mirror left shoulders, so that the network sees right ones only.
    """

    grid_size: int = 64
    edge: float | str = 80.0
    intensity: str = "percentile"
    percentiles: tuple[float, float] = (0.5, 99.5)
    intensity_region: str = "volume"
    input_scale: str = "minus_one_to_one"
    antialias: bool = True
    mirror_left: bool = True
    in_plane_factor: int = 1

    @classmethod
    def preset(cls, name: str) -> Preprocessing:
        """ "default", or "paper" (as the authors' code has it).

        Raises:
            ValueError: another name.
        """
        if name not in PRESETS:
            raise ValueError(f"a preset is one of {', '.join(PRESETS)}, not {name!r}")
        return PRESETS[name]

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "percentiles": list(self.percentiles)}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Preprocessing:
        """Inverse of :meth:`to_dict`, also for what went through JSON.

        Raises:
            InputError: an unknown field or an impossible value.
        """
        choices = {"intensity": INTENSITIES, "intensity_region": INTENSITY_REGIONS, "input_scale": INPUT_SCALES}
        result, problems = read_fields(cls, record, choices, ["antialias", "mirror_left"])
        if not isinstance(result.grid_size, int) or not 16 <= result.grid_size <= 256:
            problems.append("'grid_size' must be a whole number from 16 to 256")
        if type(result.in_plane_factor) is not int or result.in_plane_factor not in IN_PLANE_FACTORS:
            problems.append("'in_plane_factor' must be 1, 2 or 4")
        if result.edge != SCAN_THICKNESS and not _is_edge(result.edge):
            low, high = EDGE_RANGE_MM
            problems.append(f"'edge' must be '{SCAN_THICKNESS}' or a number from {low:g} to {high:g} (mm)")
        pair = result.percentiles
        if not isinstance(pair, list | tuple) or len(pair) != 2 or not all(is_number(x) for x in pair):
            problems.append("'percentiles' must be two numbers")
        elif not 0 <= pair[0] < pair[1] <= 100:
            problems.append("'percentiles' must rise, from 0 to 100")
        refuse(problems)
        edge = result.edge if result.edge == SCAN_THICKNESS else float(result.edge)
        return cls(**{**asdict(result), "edge": edge, "percentiles": (float(pair[0]), float(pair[1]))})

    @property
    def shape(self) -> tuple[int, int, int]:
        """(K, J, I) of the network's input."""
        side = self.grid_size * self.in_plane_factor
        return self.grid_size, side, side

    def edge_mm(self, volume: Volume) -> float:
        """Length of the cube's edges for this scan."""
        if self.edge == SCAN_THICKNESS:
            return float(volume.spacing_mm.max() * min(volume.array.shape))
        return float(self.edge)

    def region(
        self, volume: Volume, centre_lps_mm: Sequence[float] | None = None, edge_mm: float | None = None
    ) -> RegionRecord:
        """The cube: where a person put it, or around the humeral head.

        Args:
            volume: the scan.
            centre_lps_mm: the person's centre; None searches the humeral head. A head that was not found with enough
                confidence is not guessed at: then the cube lies in the middle of the scan.
            edge_mm: the person's size; None takes the model's.

        Raises:
            InputError: ``bad-region``: numbers that make no cube; ``region-outside-image``: the centre lies beyond the
                scan.
        """
        edge_mm = self.edge_mm(volume) if edge_mm is None else edge_mm
        if not _is_edge(edge_mm):
            raise InputError(
                "bad-region",
                f"A cube with an edge of {edge_mm} mm cannot be used.",
                f"Give {EDGE_RANGE_MM[0]:g} to {EDGE_RANGE_MM[1]:g} mm.",
            )
        l_row, p_row, s_row = (triple(row) for row in cube_directions(volume))
        directions = (l_row, p_row, s_row)
        if centre_lps_mm is None:
            head = find_humeral_head(volume)
            centre = head.centre_lps_mm if head.found else _middle(volume)
            return RegionRecord(triple(centre), float(edge_mm), directions, True, head.confidence)
        if len(centre_lps_mm) != 3 or not all(is_number(value) for value in centre_lps_mm):
            raise InputError("bad-region", "The cube's centre is not three numbers.", "Give x,y,z in mm.")
        centre = np.asarray(centre_lps_mm, float)
        index = transform_points(np.linalg.inv(np.asarray(volume.ijk_to_lps, float)), centre[None])[0]
        if not all(inside_axis(size, value) for size, value in zip(volume.array.shape[::-1], index)):
            raise InputError(
                "region-outside-image",
                "The centre of the cube lies outside the image.",
                "Move it onto the humeral head, or let it be found.",
            )
        return RegionRecord(triple(centre), float(edge_mm), directions, False, 1.0)

    def prepare(self, volume: Volume, region: RegionRecord, side: str) -> PreparedShoulder:
        """The cube as the network wants it.

        Args:
            volume: the scan.
            region: of :meth:`region`, for the same scan.
            side: "left", "right" or "unknown"; a left shoulder is mirrored if the model wants that.
        """
        mirrored = self.mirror_left and side == "left"
        matrix = cube_matrix(region, self.shape, mirrored)
        sampled, inside = sample_cube(volume, matrix, self.shape, self.antialias)
        low, high = self._limits(volume, sampled[inside] if self.intensity_region == "cube" else None)
        grey = np.clip((sampled - np.float32(low)) * np.float32(255.0 / (high - low)), 0, 255)
        grey[~inside] = 0
        notes = []
        share = float(inside.mean())
        if share < _USUAL_SHARE_INSIDE:
            notes.append(f"{100 * (1 - share):.0f} % of the cube lies outside the image; the network sees black there.")
        if not region.is_placed:
            notes.append(
                "The humeral head was not found with certainty, so the cube was put into the middle of the scan; "
                "move it onto the humeral head."
            )
        if self.mirror_left and side not in ("left", "right"):
            notes.append("The side is not known, so the shoulder was not mirrored; the network expects right ones.")
        return PreparedShoulder(self.scale_input(grey), grey, matrix, mirrored, region, tuple(notes))

    def scale_input(self, grey: np.ndarray) -> np.ndarray:
        """Grey values (0-255, any shape) as the network's input, float32; also for what training changed in them."""
        grey = np.asarray(grey, np.float32)
        if self.input_scale == "zero_to_one":
            return grey / np.float32(255)
        if self.input_scale == "minus_one_to_one":
            return grey * np.float32(2 / 255) - np.float32(1)
        if self.input_scale == "standardized":
            return (grey - grey.mean()) / max(float(grey.std()), 1e-6)
        return grey

    def _limits(self, volume: Volume, cube: np.ndarray | None) -> tuple[float, float]:
        """The values that become 0 and 255; they differ, so that an empty scan is not divided by zero."""
        # a scan stored the other way round has its slices on another axis: of them none is left out
        values = np.moveaxis(volume.array, 2 - through_plane_axis(volume), 0) if cube is None else cube
        if self.intensity == "percentile":
            low, high = np.percentile(_thinned(values), self.percentiles)
        else:
            low, high = values.min(), values.max()
        return float(low), float(max(high, low + 1e-6 * max(abs(float(low)), 1.0)))


PRESETS: Mapping[str, Preprocessing] = {
    "default": Preprocessing(),
    "paper": Preprocessing(
        edge=SCAN_THICKNESS, intensity="min_max", input_scale="grey", antialias=False, mirror_left=False
    ),
}


@dataclass(frozen=True)
class PreparedShoulder:
    """A prepared scan.

    Attributes:
        array: the network's input, float32, shape (k, j, i): for a right shoulder i runs to the patient's left, j down,
            k to the back; mirrored, i runs to the right.
        grey: the same before scaling, 0-255, float32.
        ijk_to_lps: 4x4 of the cube's grid as it is in ``array``; mirrored, its determinant is negative.
        mirrored: whether the shoulder was mirrored.
        region: what was cut out.
        notes: sentences for the person.
    """

    array: np.ndarray
    grey: np.ndarray
    ijk_to_lps: np.ndarray
    mirrored: bool
    region: RegionRecord
    notes: tuple[str, ...] = ()


def _thinned(values: np.ndarray) -> np.ndarray:
    """Evenly picked values of all slices (first axis), as float32: enough for percentiles, a few ms, not hundreds."""
    if values.ndim == 3:
        step = max(1, int(np.sqrt(values.size / _PERCENTILE_SAMPLES)))
        values = values[:, step // 2 :: step, step // 2 :: step]
    return np.asarray(values, np.float32).ravel()


def _middle(volume: Volume) -> np.ndarray:
    middle = (np.array(volume.array.shape[::-1], float) - 1) / 2
    return transform_points(volume.ijk_to_lps, middle[None])[0]


def _is_edge(value: Any) -> bool:
    return is_number(value) and EDGE_RANGE_MM[0] <= value <= EDGE_RANGE_MM[1]
