"""DelayedCall: a function that waits until what it depends on has come to rest."""

import qt


def delayedCall(milliseconds, function):
    """A QTimer, not running yet, that calls the function once, this long after its last ``start()``."""
    timer = qt.QTimer()
    timer.setSingleShot(True)
    timer.setInterval(milliseconds)
    timer.connect("timeout()", function)
    return timer
