"""What a shoulder scan is and where its humeral head lies: what is known before any network runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from radiologycnn.errors import InputError
from radiologycnn.images.checks import check_array
from radiologycnn.images.volume import Volume
from radiologycnn.rotatorcuff.preprocessing import Preprocessing
from radiologycnn.rotatorcuff.results import RegionRecord
from radiologycnn.rotatorcuff.series import SeriesDescription, describe_series
from radiologycnn.rotatorcuff.series_check import check_shoulder_mr

SIDES = ("left", "right")


@dataclass(frozen=True)
class Location:
    """Where the network is to look.

    Attributes:
        region: the cube, as found or as a person placed it.
        series: what kind of scan it is.
        notes: sentences for the person.
        found: whether the humeral head was found with enough confidence, or a person gave the place.
    """

    region: RegionRecord
    series: SeriesDescription
    notes: tuple[str, ...]
    found: bool


def check_scan(volume: Volume) -> list[str]:
    """Warnings on a scan, one sentence each.

    Raises:
        InputError: it is no MR of a shoulder, or no sound image.
    """
    check_array(volume)
    return check_shoulder_mr(volume)


def locate(
    volume: Volume,
    preprocessing: Preprocessing,
    roi: Mapping[str, Any] | None = None,
) -> Location:
    """The cube around the humeral head of a scan that :func:`check_scan` has let pass.

    Args:
        volume: the scan.
        preprocessing: the model's, which knows the size of its cube.
        roi: ``{"centre_lps_mm", "edge_mm"}`` of a person; either may be absent or None.

    Raises:
        InputError: the region makes no cube or lies outside the image.
    """
    roi = roi or {}
    unknown = sorted(set(roi) - {"centre_lps_mm", "edge_mm"})
    if unknown:
        raise InputError("bad-region", f"The region has unknown fields: {', '.join(unknown)}.")
    series = describe_series(volume)
    region = preprocessing.region(volume, roi.get("centre_lps_mm"), roi.get("edge_mm"))
    return Location(region, series, series.notes, region.is_placed)


def chosen_side(side: str | None, series: SeriesDescription) -> str:
    """The side that counts: a person's word before the scan's.

    Raises:
        InputError: a side that does not exist.
    """
    if side is None:
        return series.side
    if side not in SIDES:
        raise InputError("unknown-side", f"The side {side!r} is unknown.", f"Use {' or '.join(SIDES)}.")
    return side
