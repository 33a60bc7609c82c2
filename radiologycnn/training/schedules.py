"""How the learning rate changes over a run."""

from __future__ import annotations

import math


def cosine_rate(rate: float, epochs_done: float, epochs: int, rise_epochs: float = 0.3) -> float:
    """A short rise, then half a cosine down to 1 % of the rate.

    Args:
        epochs_done: since the start of the stage, with the part of the running epoch.
        epochs: of the stage.
        rise_epochs: over which the rate rises to its full value.
    """
    rise = min(1.0, epochs_done / rise_epochs + 0.05)
    return rate * rise * (0.01 + 0.99 * (1 + math.cos(math.pi * epochs_done / epochs)) / 2)
