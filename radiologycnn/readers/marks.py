"""Where a reader has marked the tear, and how far the activation map's peak is from there (Shim 2020, Figure 6).

Light on purpose: the Slicer panel imports this.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from radiologycnn.images.affine import triple
from radiologycnn.rotatorcuff.results import Classification
from radiologycnn.rotatorcuff.tear_classes import TEAR_VERSUS_NONE

RECORD_NAME = "classification.json"  # as ``radiologycnn classify`` names it
BOX, POINT = "box", "point"
#: A point is a box of this edge: it has a place, but no inside to hit.
POINT_EDGE_MM = 1e-3
Triple = tuple[float, float, float]
_STRAIGHT: tuple[Triple, Triple, Triple] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


@dataclass(frozen=True)
class TearMark:
    """A box or a point in the patient.

    Attributes:
        kind: "box" or "point".
        centre_lps_mm: its middle.
        size_mm: edges along its own axes; zeros for a point.
        directions_lps: 3x3, rows of the matrix whose columns are the box's axes.
    """

    kind: str
    centre_lps_mm: Triple
    size_mm: Triple = (0.0, 0.0, 0.0)
    directions_lps: tuple[Triple, Triple, Triple] = _STRAIGHT

    def distance_mm(self, point_lps_mm: Sequence[float]) -> float:
        """From a point to the mark; 0 inside a box."""
        along = (np.asarray(point_lps_mm, float) - self.centre_lps_mm) @ np.asarray(self.directions_lps)
        outside = np.maximum(np.abs(along) - np.asarray(self.size_mm) / 2, 0)
        return float(np.linalg.norm(outside))

    def ijk_to_lps(self) -> np.ndarray:
        """4x4 of a grid whose one voxel is the mark."""
        size = np.maximum(self.size_mm, POINT_EDGE_MM)
        matrix = np.eye(4)
        matrix[:3, :3] = np.asarray(self.directions_lps) * size
        matrix[:3, 3] = self.centre_lps_mm
        return matrix

    def to_text(self) -> str:
        """For one cell of a table."""
        numbers = [*self.centre_lps_mm, *self.size_mm, *(value for row in self.directions_lps for value in row)]
        return f"{self.kind} " + " ".join(f"{value:.6g}" for value in numbers)

    @classmethod
    def from_text(cls, text: str) -> TearMark:
        """Inverse of :meth:`to_text`.

        Raises:
            ValueError: not such a text.
        """
        kind, *rest = text.split()
        values = [float(value) for value in rest]
        if kind not in (BOX, POINT) or len(values) != 15:
            raise ValueError(f"{text!r} is no mark")
        centre, size, *axes = (triple(values[start : start + 3]) for start in range(0, 15, 3))
        return cls(kind, centre, size, (axes[0], axes[1], axes[2]))


@dataclass(frozen=True)
class PeakCheck:
    """Whether the network looked where the reader has marked the tear."""

    inside: bool
    distance_mm: float

    @property
    def words(self) -> str:
        """Where the peak lies, for a table."""
        return "inside" if self.inside else f"{self.distance_mm:.1f} mm away"


def check_peak(mark: TearMark, peak_lps_mm: Sequence[float]) -> PeakCheck:
    """Compare the map's peak with the mark. A point has no inside."""
    distance = mark.distance_mm(peak_lps_mm)
    return PeakCheck(mark.kind == BOX and distance == 0, distance)


def network_record(folder: Path) -> dict[str, Any] | None:
    """The record that ``radiologycnn classify`` wrote into a folder; None where there is none that can be read."""
    try:
        record = json.loads((folder / RECORD_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and "classification" in record else None


def network_peak_lps(folder: Path) -> Triple | None:
    """Peak of the map that explains the network's answer, or a tear of any size where it says none."""
    record = network_record(folder)
    if record is None:
        return None
    try:
        classification = Classification.from_dict(record["classification"])
    except (KeyError, TypeError, ValueError):
        return None
    target = classification.predicted or TEAR_VERSUS_NONE
    evidence = next((one for one in classification.evidence if one.target == target), None)
    if evidence is None or evidence.peak_ras_mm is None:
        return None
    right, anterior, superior = evidence.peak_ras_mm
    return (-right, -anterior, superior)
