"""PanelTexts: messages and fonts as both panels write them."""

import html

import qt


def messageHtml(message: str, hint: str = "") -> str:
    """A sentence for the person, and what to do about it, as rich text; "" for no message."""
    return f"<b>{html.escape(message)}</b> {html.escape(hint or '')}".strip() if message else ""


def linesHtml(lines) -> str:
    """Sentences, one below the other, as rich text; "" for none. The label that shows them has to be a rich text one,
    as text without a tag would be taken as plain, with the codes of its apostrophes."""
    return "<br>".join(html.escape(str(line)) for line in lines)


def scaledFont(font, factor: float, atLeastPoints: float = 0.0, isBold: bool = True):
    """A font some times as large as the given one, so that it follows the person's own setting."""
    scaled = qt.QFont(font)
    points = font.pointSizeF() if font.pointSizeF() > 0 else 10.0  # a font may be set in pixels instead
    scaled.setPointSizeF(max(points * factor, atLeastPoints))
    scaled.setBold(isBold)
    return scaled
