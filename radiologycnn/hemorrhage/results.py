"""Result records of the hemorrhage task: what is measured of a bleed, as plain JSON-able records.

Light on purpose: the Slicer panel imports this, so nothing here needs more than the standard library.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True)
class AbcHalf:
    """ABC/2 by Kothari 1996: the diameters in mm, C in mm (weighted slice count x slice distance), volume in mL.

    The simplified C counts every slice as 1; it gives 95.5 % of an ideal ellipsoid, the weighted one less.
    """

    a_mm: float
    b_mm: float
    c_mm: float
    volume_ml: float
    simplified_c_mm: float = 0.0
    simplified_volume_ml: float = 0.0


@dataclass(frozen=True)
class LesionMeasurement:
    """One lesion: a connected component of one label.

    Attributes:
        index: 1 for the largest lesion.
        label_value: which label it belongs to.
        label_name: the label's name.
        voxel_count: voxels on the input's grid.
        volume_ml: voxel count x |det(IJK to LPS)|.
        max_diameter_mm: largest distance between two points of the lesion (maximal 3D diameter).
        mean_hu, sd_hu: over the lesion's voxels in the input; sd is the population's.
        first_slice, last_slice: slice numbers (k index, from 0) of the lesion's extent.
        centroid_ras_mm: centre of mass in RAS.
        side: "left", "right" or "midline" of the head.
        abc2: ABC/2 of this lesion.
        place_ras_mm: where to look at it: the centre of mass, or the lesion's voxel nearest to it where that lies
            outside, as a crescent's does; None in records of earlier versions.
    """

    index: int
    label_value: int
    label_name: str
    voxel_count: int
    volume_ml: float
    max_diameter_mm: float
    mean_hu: float
    sd_hu: float
    first_slice: int
    last_slice: int
    centroid_ras_mm: tuple[float, float, float]
    side: str
    abc2: AbcHalf
    place_ras_mm: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class LabelTotal:
    """Sum over one label: volume in mL, number of lesions, the sum of their ABC/2 in mL.

    ``abc2_as_one_ml`` takes all lesions as one bleed instead: one A, B and C around them all.
    """

    label_value: int
    label_name: str
    volume_ml: float
    lesion_count: int
    abc2_ml: float
    abc2_as_one_ml: float = 0.0


@dataclass(frozen=True)
class Measurements:
    """All measurements of one mask. ``lesions`` is sorted by volume, largest first.

    ``total_abc2_ml`` is the sum of every lesion's ABC/2.
    """

    total_volume_ml: float
    total_abc2_ml: float
    totals: tuple[LabelTotal, ...]
    lesions: tuple[LesionMeasurement, ...]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> Measurements:
        """Inverse of :meth:`to_dict`, also for what went through JSON."""
        lesions = tuple(
            LesionMeasurement(
                **{
                    **lesion,
                    "centroid_ras_mm": tuple(lesion["centroid_ras_mm"]),
                    "abc2": AbcHalf(**lesion["abc2"]),
                    "place_ras_mm": tuple(lesion.get("place_ras_mm") or lesion["centroid_ras_mm"]),
                }
            )
            for lesion in record["lesions"]
        )
        totals = tuple(LabelTotal(**total) for total in record["totals"])
        return cls(record["total_volume_ml"], record["total_abc2_ml"], totals, lesions)


def csv_rows(measurements: Measurements) -> list[list[str]]:
    """Table of the lesions as text cells, heading first, one row a lesion, totals last: for CSV and table views.

    Numbers are written with ``repr`` precision, so that the command line and the panel give the same digits.
    """
    names = [f.name for f in fields(LesionMeasurement) if f.name not in ("centroid_ras_mm", "abc2", "place_ras_mm")]
    heading = [*names, "centroid_r_mm", "centroid_a_mm", "centroid_s_mm", "abc2_ml", "abc2_simplified_ml"]
    rows = [heading]
    for lesion in measurements.lesions:
        abc2 = (lesion.abc2.volume_ml, lesion.abc2.simplified_volume_ml)
        cells = [*(getattr(lesion, name) for name in names), *lesion.centroid_ras_mm, *abc2]
        rows.append([str(cell) for cell in cells])
    for total in measurements.totals:
        row = dict.fromkeys(heading, "")
        row.update(
            index="total",
            label_value=str(total.label_value),
            label_name=total.label_name,
            volume_ml=str(total.volume_ml),
            abc2_ml=str(total.abc2_ml),
        )
        rows.append([row[name] for name in heading])
    return rows
