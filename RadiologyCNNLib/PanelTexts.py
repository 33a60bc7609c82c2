"""PanelTexts: messages and fonts as both panels write them."""

import html

import qt


def showable(text: str) -> str:
    """A text that may hold the name of a file, with "?" for each byte of a name that is no UTF-8: Python keeps such a
    byte as half a character, which no widget of Slicer takes."""
    return text.encode("utf-8", "replace").decode("utf-8")


def messageHtml(message: str, hint: str = "") -> str:
    """A sentence for the person, and what to do about it, as rich text; "" for no message."""
    return showable(f"<b>{html.escape(message)}</b> {html.escape(hint or '')}".strip()) if message else ""


def linesHtml(lines) -> str:
    """Sentences, one below the other, as rich text; "" for none. The label that shows them has to be a rich text one,
    as text without a tag would be taken as plain, with the codes of its apostrophes."""
    return showable("<br>".join(html.escape(str(line)) for line in lines))


def scaledFont(font, factor: float, atLeastPoints: float = 0.0, isBold: bool = True):
    """A font some times as large as the given one, so that it follows the person's own setting."""
    scaled = qt.QFont(font)
    points = font.pointSizeF() if font.pointSizeF() > 0 else 10.0  # a font may be set in pixels instead
    scaled.setPointSizeF(max(points * factor, atLeastPoints))
    scaled.setBold(isBold)
    return scaled
