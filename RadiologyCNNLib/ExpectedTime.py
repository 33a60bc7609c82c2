"""ExpectedTime: how long a run will take, in words, from how long it took before."""

import slicer
from slicer.i18n import tr as _


class ExpectedTime:
    """How long a run took here before, by model and device: kept in the application's settings.

    Args:
        moduleName: whose runs.
    """

    def __init__(self, moduleName: str) -> None:
        self._moduleName = moduleName

    def _key(self, model: str, device: str) -> str:
        return f"{self._moduleName}/ExpectedSeconds/{model}/{device}".replace(" ", "_")

    def remember(self, model: str, device: str, seconds: float) -> None:
        slicer.app.userSettings().setValue(self._key(model, device), f"{seconds:.1f}")

    def text(self, model: str, device: str) -> str:
        """The expectation in words."""
        try:
            seconds = float(slicer.app.userSettings().value(self._key(model, device), "0") or 0)
        except ValueError:
            seconds = 0.0
        if seconds <= 0:
            return _("Ready. The first run on this computer shows how long it takes.")
        return _("Ready. Takes about {time} on this computer.").format(time=durationText(seconds))


def durationText(seconds: float) -> str:
    """A duration as one says it: "8 s", "2 min"."""
    if seconds < 90:
        return _("{count} s").format(count=max(round(seconds), 1))
    return _("{count} min").format(count=round(seconds / 60))
