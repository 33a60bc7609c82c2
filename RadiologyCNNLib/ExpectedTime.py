"""ExpectedTime: how long a run will take, in words, from how long the last ones took."""

import json
import math
import statistics

import slicer
from slicer.i18n import tr as _

_KEPT = 5  # runs


class ExpectedTime:
    """How long the last runs took here, by model and device: kept in the application's settings.

    Args:
        moduleName: whose runs.
    """

    def __init__(self, moduleName: str) -> None:
        self._moduleName = moduleName

    def _key(self, model: str, device: str) -> str:
        return f"{self._moduleName}/ExpectedSeconds/{model}/{device}".replace(" ", "_")

    def remember(self, model: str, device: str, seconds: float) -> None:
        """Keep the time of a run that has just ended."""
        last = [*self._last(model, device), max(round(seconds, 1), 0.1)][-_KEPT:]
        slicer.app.userSettings().setValue(self._key(model, device), json.dumps(last))

    def text(self, model: str, device: str) -> str:
        """The expectation in words."""
        last = self._last(model, device)
        if not last:
            return _("Ready. The first run on this computer shows how long it takes.")
        # The lower of two: the first run of a session may have waited for the worker to start.
        return _("Ready. Takes about {time} on this computer.").format(time=durationText(statistics.median_low(last)))

    def _last(self, model: str, device: str) -> list[float]:
        """Seconds of the last runs, the latest at the end; [] where the settings hold nothing that makes sense."""
        try:
            kept = json.loads(str(slicer.app.userSettings().value(self._key(model, device), "") or "[]"))
        except ValueError:
            return []
        if not isinstance(kept, list):
            return []
        return [float(seconds) for seconds in kept if isinstance(seconds, int | float) and 0 < seconds < math.inf]


def durationText(seconds: float) -> str:
    """A duration as one says it: "8 s", "2 min"."""
    if seconds < 90:
        return _("{count} s").format(count=max(round(seconds), 1))
    return _("{count} min").format(count=round(seconds / 60))
