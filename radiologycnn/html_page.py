"""A page of HTML that holds its style itself and needs no other file. Light: standard library only."""

from __future__ import annotations

from html import escape

RESEARCH_USE = "For research use only. Not for diagnosis or treatment."


def html_page(title: str, style: str, body: str) -> str:
    """The whole page as text, to be written as UTF-8.

    Args:
        title: in the browser's tab; plain text.
        style: CSS.
        body: HTML, escaped already.
    """
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style></head>\n<body>\n{body}\n</body></html>\n"
    )
