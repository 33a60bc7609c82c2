"""The keys 1, 2, 3 ... of a reader study: each is an answer, wherever the keyboard is, but in a field for text."""

import qt
import slicer

#: In these a digit is text, not an answer.
TEXT_FIELDS = ("QLineEdit", "QTextEdit", "QPlainTextEdit", "QAbstractSpinBox")


class ReaderStudyKeys:
    """Shortcuts of a window, off until :meth:`enable`.

    Args:
        window: QWidget.
        answer: function (number from 0 on) that is called at a key.
        count: how many keys, from 1 on.
    """

    def __init__(self, window, answer, count: int) -> None:
        self._answer = answer
        self._shortcuts = []
        for number in range(count):
            shortcut = qt.QShortcut(window)
            shortcut.setKey(qt.QKeySequence(str(number + 1)))
            shortcut.autoRepeat = False
            shortcut.enabled = False
            shortcut.connect("activated()", self._pressed(number))
            self._shortcuts.append(shortcut)

    def _pressed(self, number):
        return lambda: None if _isTyping() else self._answer(number)

    def enable(self, enabled: bool) -> None:
        """Hear the keys from now on, or no longer."""
        for shortcut in self._shortcuts:
            shortcut.enabled = enabled

    def remove(self) -> None:
        """The panel goes away, and the window stays."""
        for shortcut in self._shortcuts:
            shortcut.enabled = False
            shortcut.setParent(None)
            shortcut.deleteLater()
        self._shortcuts = []


def _isTyping() -> bool:
    widget = slicer.app.focusWidget()
    return widget is not None and any(widget.inherits(name) for name in TEXT_FIELDS)
