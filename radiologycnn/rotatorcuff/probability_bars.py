"""The five classes' probabilities as a bar chart in SVG. Light: standard library only."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from radiologycnn.rotatorcuff.results import Classification, percent
from radiologycnn.rotatorcuff.tear_classes import TEAR_CLASSES


def _color(rgb: Sequence[float]) -> str:
    return "#" + "".join(f"{round(255 * value):02x}" for value in rgb)


def probability_bars(classification: Classification) -> str:
    """Probability bars as SVG: the name before, the number behind, the quartiles of the repeats as a whisker."""
    row_height, name_width, bar_width = 28, 146, 190
    height = row_height * len(TEAR_CLASSES) + 4
    repeats = classification.repeats
    parts = []
    for tear_class, probability in zip(TEAR_CLASSES, classification.probabilities, strict=True):
        top = 4 + row_height * tear_class.index
        weight = "bold" if tear_class.index == classification.predicted else "normal"
        parts.append(
            f'<text x="{name_width - 8}" y="{top + 15}" text-anchor="end" font-weight="{weight}">'
            f"{escape(tear_class.name)}</text>"
            f'<rect x="{name_width}" y="{top}" width="{bar_width}" height="22" fill="#eef0f2"/>'
            f'<rect x="{name_width}" y="{top}" width="{max(bar_width * probability, 0.0):.1f}" height="22"'
            f' fill="{_color(tear_class.color_rgb)}"/>'
            f'<text x="{name_width + bar_width + 8}" y="{top + 15}" font-weight="{weight}">'
            f"{escape(percent(probability))} %</text>"
        )
        if repeats:
            low, median, high = (name_width + bar_width * value for value in repeats.class_quartiles[tear_class.index])
            middle = top + 11
            parts.append(
                f'<path d="M{low:.1f} {middle}H{high:.1f}M{low:.1f} {top + 6}v10M{high:.1f} {top + 6}v10"'
                ' stroke="#111" stroke-width="1.4" fill="none"/>'
                f'<circle cx="{median:.1f}" cy="{middle}" r="2.8" fill="#fff" stroke="#111" stroke-width="1.4"/>'
            )
    width = name_width + bar_width + 74
    label = "Probabilities: " + ", ".join(
        f"{tear_class.name} {percent(probability)} per cent"
        for tear_class, probability in zip(TEAR_CLASSES, classification.probabilities, strict=True)
    )
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img"'
        f' aria-label="{escape(label, quote=True)}" font-family="inherit" font-size="13">{"".join(parts)}</svg>'
    )
