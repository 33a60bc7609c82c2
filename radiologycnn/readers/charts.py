"""Charts of the comparison as inline SVG, drawn by hand: they need no package, and follow the page's colours.

Groups differ in colour and in the shape of their marks, so that they can be told apart without colour vision.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape

#: Okabe and Ito's colours without yellow, which is too faint for marks.
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#8a6d3b")
WIDTH, HEIGHT = 380, 270
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 14, 44


def color_of(number: int) -> str:
    """A reader's colour as #rrggbb, by the reader's number; they repeat after the last one."""
    return COLORS[number % len(COLORS)]


def roc_chart(
    curves: Sequence[tuple[str, Sequence[float], Sequence[float]]],
    points: Sequence[tuple[str, int, float, float]],
) -> str:
    """ROC curves and readers as points (Figure 3A).

    Args:
        curves: (name, false positive rates, true positive rates).
        points: (name, number of the group, 1 - specificity, sensitivity).
    """
    x, y = _scale(0, 1, LEFT, WIDTH - RIGHT), _scale(0, 1, HEIGHT - BOTTOM, TOP)
    parts = [_axes("1 - specificity", "Sensitivity")]
    for share in (0, 0.2, 0.4, 0.6, 0.8, 1.0):
        parts += [_x_tick(x(share), f"{share:.1f}"), _y_tick(y(share), f"{share:.1f}")]
    parts.append(
        f'<line class="chance" x1="{x(0):.1f}" y1="{y(0):.1f}" x2="{x(1):.1f}" y2="{y(1):.1f}">'
        "<title>Chance</title></line>"
    )
    for name, false_rate, true_rate in curves:
        path = " ".join(f"{x(f):.1f},{y(t):.1f}" for f, t in zip(false_rate, true_rate))
        parts.append(
            f'<polyline points="{path}" fill="none" stroke="{color_of(0)}" stroke-width="2">'
            f"<title>{escape(name)}</title></polyline>"
        )
    for name, group, f, t in points:
        words = f"{name}: sensitivity {t:.2f}, specificity {1 - f:.2f}"
        parts.append(_mark(group, x(f), y(t), words, 4.5))
    return _svg(parts, "ROC curve of the network, and sensitivity and specificity of each reader")


def group_chart(
    groups: Mapping[str, Sequence[tuple[str, float]]],
    axis: str,
    words: Callable[[float], str],
    low: float = 0.0,
    high: float = 1.0,
    logarithmic: bool = False,
) -> str:
    """One column a group: its members as marks, the quartiles as a box, the median as a line (Figures 3B, 4A, 4B).

    Args:
        groups: group to (member, value).
        axis: words at the side.
        words: a value as it stands at its tick.
        low, high: of the axis; of a logarithmic one, they follow the values.
    """
    values = [value for members in groups.values() for _name, value in members]
    if logarithmic:
        positive = [value for value in values if value > 0] or [1.0]
        bottom, top = math.floor(math.log10(min(positive))), math.ceil(math.log10(max(positive)))
        top = max(top, bottom + 1)
        ticks = [10.0**power for power in range(bottom, top + 1)]
        along = _scale(bottom, top, HEIGHT - BOTTOM, TOP)

        def y(value: float) -> float:
            return along(math.log10(max(value, 10.0**bottom)))
    else:
        ticks = [low + (high - low) * step / 5 for step in range(6)]
        y = _scale(low, high, HEIGHT - BOTTOM, TOP)
    parts = [_axes("", axis)]
    parts += [_y_tick(y(tick), words(tick)) for tick in ticks]
    step = (WIDTH - LEFT - RIGHT) / max(len(groups), 1)
    for number, (name, members) in enumerate(groups.items()):
        middle = LEFT + (number + 0.5) * step
        label = "".join(
            f'<tspan x="{middle:.1f}" y="{HEIGHT - BOTTOM + 14 + 11 * line}">{escape(words_of)}</tspan>'
            for line, words_of in enumerate(_lines(name, int(step / 5.8)))
        )
        parts.append(
            f'<text class="label" text-anchor="middle">{label}<title>{escape(name)}</title></text>'
            f'<text class="count" x="{middle:.1f}" y="{HEIGHT - 6}" text-anchor="middle">'
            f"n = {len(members)}</text>"
        )
        if not members:
            continue
        found = sorted(value for _name, value in members)
        half = min(step * 0.32, 34)
        first, median, third = (_percentile(found, share) for share in (0.25, 0.5, 0.75))
        box = f'x="{middle - half:.1f}" y="{y(third):.1f}" width="{2 * half:.1f}" height="{y(first) - y(third):.1f}"'
        parts.append(
            f'<rect {box} fill="{color_of(number)}" fill-opacity="0.18" stroke="{color_of(number)}"/>'
            f'<line x1="{middle - half:.1f}" x2="{middle + half:.1f}" y1="{y(median):.1f}" y2="{y(median):.1f}" '
            f'stroke="{color_of(number)}" stroke-width="2.5"/>'
        )
        for place, (member, value) in enumerate(members):
            # Spread sideways in a fixed pattern, so that equal values are seen as several.
            aside = ((place * 0.618) % 1 - 0.5) * 1.3 * half if len(members) > 1 else 0.0
            parts.append(_mark(number, middle + aside, y(value), f"{member}: {words(value)}", 3.5))
    return _svg(parts, axis)


def legend(groups: Sequence[str]) -> str:
    """The groups' marks and names, as HTML."""
    items = "".join(
        f'<span><svg width="14" height="14" viewBox="0 0 14 14" aria-hidden="true">{_mark(number, 7, 7, "", 5)}</svg>'
        f"{escape(name)}</span>"
        for number, name in enumerate(groups)
    )
    return f"<p class='legend'>{items}</p>"


def _lines(name: str, width: int) -> list[str]:
    """A group's name in one or two lines of so many letters; longer ones are cut."""
    if len(name) <= width:
        return [name]
    place = name.rfind(" ", 0, width + 1)
    lines = [name[:place], name[place + 1 :]] if place > 0 else [name]
    return [line if len(line) <= width else line[: max(width - 1, 1)] + "…" for line in lines]


def _percentile(ordered: Sequence[float], share: float) -> float:
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def _scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    return lambda value: start + (value - low) / (high - low) * (end - start)


def _mark(group: int, x: float, y: float, words: str, size: float) -> str:
    """Circle, triangle, square or diamond, by the group's number."""
    outlines = (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size}"',
        f'<path d="M{x:.1f} {y - size * 1.2:.1f}l{size * 1.1:.1f} {size * 2:.1f}h{-size * 2.2:.1f}z"',
        f'<path d="M{x - size:.1f} {y - size:.1f}h{2 * size}v{2 * size}h{-2 * size}z"',
        f'<path d="M{x:.1f} {y - size * 1.3:.1f}l{size * 1.3:.1f} {size * 1.3:.1f}l{-size * 1.3:.1f} {size * 1.3:.1f}'
        f'l{-size * 1.3:.1f} {-size * 1.3:.1f}z"',
    )
    outline = outlines[group % len(outlines)]
    tag = "circle" if outline.startswith("<circle") else "path"
    title = f"<title>{escape(words)}</title>" if words else ""
    return f'{outline} fill="{color_of(group)}" fill-opacity="0.85" class="mark">{title}</{tag}>'


def _axes(below: str, beside: str) -> str:
    down, across = (TOP + HEIGHT - BOTTOM) / 2, (LEFT + WIDTH - RIGHT) / 2
    words = f'<text class="label" x="{across}" y="{HEIGHT - 8}" text-anchor="middle">{escape(below)}</text>'
    return (
        f'<path class="axis" d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}"/>{words if below else ""}'
        f'<text class="label" transform="translate(13 {down}) rotate(-90)" text-anchor="middle">{escape(beside)}</text>'
    )


def _x_tick(x: float, words: str) -> str:
    base = HEIGHT - BOTTOM
    return (
        f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{base}" y2="{base + 4}"/>'
        f'<text class="tick" x="{x:.1f}" y="{base + 16}" text-anchor="middle">{escape(words)}</text>'
    )


def _y_tick(y: float, words: str) -> str:
    return (
        f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text class="tick" x="{LEFT - 5}" y="{y + 3.5:.1f}" text-anchor="end">{escape(words)}</text>'
    )


def _svg(parts: Sequence[str], description: str) -> str:
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(description)}">'
        f"{''.join(parts)}</svg>"
    )
