"""The five classes with their probabilities, as bars with numbers beside them."""

from slicer.i18n import tr as _

from radiologycnn.rotatorcuff.results import percent
from radiologycnn.rotatorcuff.tear_classes import TEAR_CLASSES
from RadiologyCNNLib.PanelTexts import scaledFont

#: The trough is light in both themes, so that the darkest class is seen on it.
_BAR_STYLE = """
QProgressBar {{ border: 1px solid #7a7a7a; border-radius: 2px; background-color: #f4f4f4; }}
QProgressBar::chunk {{ background-color: rgb({red}, {green}, {blue}); }}
"""


class ProbabilityBars:
    """Fills the rows of the panel's bars; the likeliest class is written in bold.

    Colours go from light to dark with the size of the tear, so that they are told apart without colour vision; every
    bar also has its name and its number.
    """

    def __init__(self, ui) -> None:
        self._rows = []
        for tearClass in TEAR_CLASSES:
            widgets = [getattr(ui, f"{name}{tearClass.index}") for name in ("classLabel", "classBar", "percentLabel")]
            name, bar, number = widgets
            red, green, blue = (round(255 * part) for part in tearClass.color_rgb)
            bar.styleSheet = _BAR_STYLE.format(red=red, green=green, blue=blue)
            name.text = tearClass.name
            for widget in widgets:
                widget.toolTip = f"{tearClass.name}: {tearClass.definition}"
            self._rows.append((name, bar, number))
        self._plain = scaledFont(ui.classLabel0.font, 1.0, isBold=False)
        self._bold = scaledFont(ui.classLabel0.font, 1.0, isBold=True)

    def show(self, classification) -> None:
        """Show a Classification, or None for no bars."""
        for index, (name, bar, number) in enumerate(self._rows):
            probability = classification.probabilities[index] if classification else 0.0
            bar.value = round(1000 * probability)
            isPredicted = classification is not None and index == classification.predicted
            name.setFont(self._bold if isPredicted else self._plain)
            number.setFont(self._bold if isPredicted else self._plain)
            number.text = self._numbers(classification, index) if classification else ""
            bar.accessibleName = f"{name.text} {number.text}".strip()

    @staticmethod
    def _numbers(classification, index) -> str:
        text = _("{percent} %").format(percent=percent(classification.probabilities[index]))
        if classification.repeats is None:
            return text
        low, _median, high = classification.repeats.class_quartiles[index]
        return _("{text} ({low}–{high})").format(text=text, low=percent(low), high=percent(high))
