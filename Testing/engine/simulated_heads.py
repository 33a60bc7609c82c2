"""Small simulated heads: coarse enough to be drawn in a second, with the bleed and the anatomy that a test asks for."""

import dataclasses

from radiologycnn.simulation.head_ct import HeadCtConfig
from radiologycnn.simulation.head_ct.config import BleedConfig

SMALL = HeadCtConfig.from_dict({"scanner": {"matrix": 128, "coarse_mm": 3.0, "fine_mm": 2.0}})


def only(kind: str, volume_ml: float, place: str = "") -> HeadCtConfig:
    """Heads with one bleed of one kind, place and volume."""
    ranges = {place or kind: (volume_ml, 0.0, volume_ml, volume_ml)}
    bleeds = dataclasses.replace(
        BleedConfig(),
        bleed_free=0.0,
        second_bleed=0.0,
        ivh_extension=0.0,
        primary_weights={kind: 1.0},
        location_weights={place or "deep": 1.0},
        volume_ml={**BleedConfig().volume_ml, **ranges},
    )
    return dataclasses.replace(SMALL, bleeds=bleeds)


def with_anatomy(config: HeadCtConfig, **changes) -> HeadCtConfig:
    return dataclasses.replace(config, anatomy=dataclasses.replace(config.anatomy, **changes))
