"""What can be known of a shoulder scan before anybody asks for its class: checked, located, and cut out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from radiologycnn.images.volume import Volume
from radiologycnn.inference_stages import Stages
from radiologycnn.rotatorcuff.location import SIDES, Location, check_scan, chosen_side, locate
from radiologycnn.rotatorcuff.padding import without_padding
from radiologycnn.rotatorcuff.preprocessing import PreparedShoulder, Preprocessing

# Where each stage ends, of the whole job.
_CHECKED, _LOCATED = 0.05, 0.25


@dataclass(frozen=True)
class PreparedCuff:
    """A scan, ready for a network.

    Attributes:
        shoulder: the network's input.
        location: where the network is to look.
        side: "left", "right" or "unknown".
        notes: sentences of all of that.
    """

    shoulder: PreparedShoulder
    location: Location
    side: str
    notes: tuple[str, ...]


def prepare_cuff(
    volume: Volume, preprocessing: Preprocessing, roi: Mapping[str, Any] | None, side: str | None, stages: Stages
) -> PreparedCuff:
    """Everything before the network.

    Args:
        volume: an oblique-coronal MR.
        preprocessing: the model's.
        roi: of a person, as for ``location.locate``; None finds the humeral head.
        side: of a person, "left" or "right"; None goes by the scan.
        stages: told what is done, and where a cancel is noticed.

    Raises:
        InputError: the scan, region or side cannot be used.
        Cancelled: as the stages said.
    """
    stages.begin(0.0, "Checking the scan")
    volume = without_padding(volume)
    notes = check_scan(volume)
    stages.begin(_CHECKED, "Finding the humeral head")
    location = locate(volume, preprocessing, roi)
    side = chosen_side(side, location.series)
    stages.begin(_LOCATED, "Preparing the cube")
    shoulder = preprocessing.prepare(volume, location.region, side)
    stated = location.series.side
    if side == stated:
        notes += location.notes
    elif stated in SIDES:
        notes += (f"By its header or picture this is a {stated} shoulder; it was taken for a {side} one, as chosen.",)
    return PreparedCuff(shoulder, location, side, (*notes, *shoulder.notes))
