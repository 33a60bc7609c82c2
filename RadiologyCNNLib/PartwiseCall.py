"""PartwiseCall: long work in parts between the events, so that the panel answers meanwhile."""

from RadiologyCNNLib.DelayedCall import delayedCall


class PartwiseCall:
    """Begins at once, in the event loop, and goes on until it is done, fails or is stopped.

    Args:
        step: function () that does a part; True where it was the last one.
        done: function (error or None) that is called once, at the end; not after :meth:`stop`.
    """

    def __init__(self, step, done) -> None:
        self._step, self._done = step, done
        self._timer = delayedCall(0, self._onTimeout)
        self._timer.start()

    def stop(self) -> None:
        """No more parts, and no call of ``done``."""
        if self._done is None:
            return
        # Timer, this and what it calls hold each other in a circle that Python cannot see through Qt: a scan would stay
        # in memory with it.
        self._step = self._done = None
        self._timer.stop()
        self._timer.deleteLater()

    def _onTimeout(self) -> None:
        if self._done is None:
            return
        error = None
        try:
            isLast = self._step()
        except Exception as failure:  # whoever waits has to hear of it
            isLast, error = True, failure
        if self._done is None:
            return
        if isLast:
            done = self._done
            self.stop()
            done(error)
        else:
            self._timer.start()
