"""Is this scan a head CT that the network can read? Refuses what certainly is not, warns where in doubt."""

from __future__ import annotations

from radiologycnn.errors import InputError
from radiologycnn.images.volume import Volume


def check_head_ct(volume: Volume) -> list[str]:
    """Warnings for the person, one sentence each; empty when all is well.

    Raises:
        InputError: this is certainly not a head CT in Hounsfield units.
    """
    if volume.modality not in ("", "CT"):
        raise InputError(
            "not-a-ct",
            f"This scan is {volume.modality}, but a non-contrast head CT is needed.",
            "Choose a CT of the head.",
        )
    return []
