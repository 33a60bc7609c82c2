"""WorkClock: how long a person has had something in front of them; it stands still while they look elsewhere."""

from radiologycnn.awake_clock import awake_seconds


class WorkClock:
    """Adds up the time between :meth:`resume` and :meth:`pause`.

    Args:
        now: function that gives seconds that only grow.
    """

    def __init__(self, now=awake_seconds) -> None:
        self._now = now
        self._before = 0.0
        self._since = None

    def restart(self, seconds: float = 0.0) -> None:
        """Begin at so many seconds, running or standing as before."""
        self._before = float(seconds)
        if self._since is not None:
            self._since = self._now()

    def resume(self) -> None:
        """Go on; nothing where it runs already."""
        if self._since is None:
            self._since = self._now()

    def pause(self) -> None:
        """Stand still, and keep what has passed."""
        self._before, self._since = self.seconds, None

    @property
    def isRunning(self) -> bool:
        """Whether it runs."""
        return self._since is not None

    @property
    def seconds(self) -> float:
        """What has passed, pauses left out."""
        return self._before + (self._now() - self._since if self._since is not None else 0.0)


def clockText(seconds: float) -> str:
    """Minutes and seconds as a clock shows them."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02d}"
