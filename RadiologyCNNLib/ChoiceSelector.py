"""A combo box of named values; Slicer's parameter node cannot connect one by itself (it would store the shown text)."""


class ChoiceSelector:
    """Shows (value, text) pairs in a combo box.

    Args:
        comboBox: QComboBox.
        chosen: function (value) that is called when the person chooses, not when :meth:`select` is called.
    """

    def __init__(self, comboBox, chosen) -> None:
        self._comboBox = comboBox
        self._chosen = chosen
        self._values = []
        comboBox.connect("currentIndexChanged(int)", self._onIndexChanged)

    def setChoices(self, choices: list) -> None:
        """Offer these (value, text) pairs; the chosen value stays chosen where it is still there."""
        before = self.value
        wasBlocked = self._comboBox.blockSignals(True)
        self._comboBox.clear()
        self._values = [value for value, _text in choices]
        for _value, text in choices:
            self._comboBox.addItem(text)
        self._comboBox.blockSignals(wasBlocked)
        self.select(before)

    def select(self, value) -> None:
        """Show a value; the first one where it is not offered."""
        index = self._values.index(value) if value in self._values else 0
        wasBlocked = self._comboBox.blockSignals(True)
        self._comboBox.setCurrentIndex(index)
        self._comboBox.blockSignals(wasBlocked)

    @property
    def value(self):
        """The shown value; None where there is nothing to choose from."""
        index = self._comboBox.currentIndex
        return self._values[index] if 0 <= index < len(self._values) else None

    def _onIndexChanged(self, index) -> None:
        if self.value is not None:
            self._chosen(self.value)
