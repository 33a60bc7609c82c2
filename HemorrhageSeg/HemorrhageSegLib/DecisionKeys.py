"""One key for each decision on a case, while a case is being worked on; otherwise the keys are Slicer's."""

import qt
import slicer

from radiologycnn.annotation.records import ACCEPTED, FLAGGED, REJECTED

KEYS = {ACCEPTED: "A", FLAGGED: "Shift+F", REJECTED: "Shift+X"}


class DecisionKeys:
    """Makes and drops the shortcuts.

    Args:
        decide: function (status).
    """

    def __init__(self, decide) -> None:
        self._decide = decide
        self._shortcuts = []

    def take(self) -> None:
        """The keys decide from now on."""
        if self._shortcuts or slicer.util.mainWindow() is None:
            return
        for status, keys in KEYS.items():
            shortcut = qt.QShortcut(qt.QKeySequence(keys), slicer.util.mainWindow())
            shortcut.autoRepeat = False  # a key that is held would decide the next case before it was seen
            shortcut.connect("activated()", self._decider(status))
            self._shortcuts.append(shortcut)

    def _decider(self, status):
        return lambda: self._decide(status)

    def release(self) -> None:
        """The keys are Slicer's again."""
        for shortcut in self._shortcuts:
            shortcut.setEnabled(False)
            shortcut.setParent(None)
            shortcut.deleteLater()
        self._shortcuts = []
