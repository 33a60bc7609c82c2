"""The report of a reproduction as one page that needs no other file."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path

from radiologycnn.html_page import html_page
from radiologycnn.images.write import write_atomically
from radiologycnn.reproduction.plots import FigureEntry
from radiologycnn.reproduction.tables import MISSING, Table

_CSS = """
:root { color-scheme: light; }
body { font: 15px/1.5 "Helvetica Neue", Arial, sans-serif; color: #222; max-width: 62em; margin: 2em auto;
  padding: 0 1.2em; }
h1 { font-size: 1.5em; margin-bottom: .2em; } h2 { font-size: 1.15em; margin: 2.2em 0 .5em; }
.source { color: #555; margin-top: 0; }
.label { background: #fff4d6; border-left: 5px solid #e69f00; padding: .6em 1em; margin: 1.2em 0; }
.label p { margin: .3em 0; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .93em; }
th { text-align: left; border-bottom: 2px solid #444; padding: .35em .8em .35em 0; vertical-align: bottom; }
td { border-bottom: 1px solid #ddd; padding: .3em .8em .3em 0; vertical-align: top; }
td:first-child { width: 30%; }
td.figure, th.figure { white-space: nowrap; font-variant-numeric: tabular-nums; }
td.note { color: #555; font-size: .92em; min-width: 9em; padding-left: .6em; } th.note { padding-left: .6em; }
td.run { background: #f2f7fb; padding-left: .6em; } th.run { padding-left: .6em; }
figure { margin: 1em 0; } figure img { max-width: 100%; }
figcaption, .notes { color: #555; font-size: .92em; }
.notes { padding-left: 1.2em; }
dl.facts { display: grid; grid-template-columns: max-content 1fr; gap: .15em 1.2em; font-size: .93em; }
dl.facts dt { color: #555; } dl.facts dd { margin: 0; overflow-wrap: anywhere; }
@media print { body { max-width: none; margin: 0; } figure, tr { break-inside: avoid; } }
"""

_LONGEST_FIGURE = 30


def write_page(
    path: Path,
    title: str,
    citation: str,
    labels: Sequence[str],
    tables: Sequence[Table],
    figures: Sequence[FigureEntry],
    readings: Sequence[str],
    facts: Sequence[tuple[str, str]],
) -> Path:
    """Write the page.

    Args:
        path: of the page.
        title, citation: of the paper.
        labels: sentences that stand out: what is simulated, what the run was too small for.
        tables, figures: in order.
        readings: contradictions in the paper and how they are read.
        facts: label and words on how the run was made.
    """
    parts = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="source">Reproduction of {escape(citation)}</p>',
        '<div class="label">' + "".join(f"<p>{escape(one)}</p>" for one in labels) + "</div>",
    ]
    parts += [_table(one) for one in tables]
    parts += [_figure(one) for one in figures]
    parts.append("<h2>How the paper's contradictions are read</h2>")
    parts.append('<ul class="notes">' + "".join(f"<li>{escape(one)}</li>" for one in readings) + "</ul>")
    parts.append("<h2>How this run was made</h2>")
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(words)}</dd>" for name, words in facts)
    parts.append(f'<dl class="facts">{rows}</dl>')
    write_atomically(path, html_page(title, _CSS, "\n".join(parts)).encode("utf-8"))
    return path


def _figure(figure: FigureEntry) -> str:
    kind = "svg+xml" if figure.path.suffix == ".svg" else "png"
    content = base64.b64encode(figure.path.read_bytes()).decode("ascii")
    return (
        f"<h2>{escape(figure.title)}</h2><figure>"
        f'<img src="data:image/{kind};base64,{content}" alt="{escape(figure.title)}">'
        f"<figcaption>{escape(figure.caption)}</figcaption></figure>"
    )


def _kind(text: str) -> str:
    """Figures stay on a line; words need not."""
    return "figure" if len(text) <= _LONGEST_FIGURE else "words"


def _table(table: Table) -> str:
    lines = [f"<h2>{escape(table.title)}</h2>", '<div class="wide"><table><thead><tr><th></th>']
    lines.append(
        f'<th class="figure">Paper</th><th class="run">{escape(table.run_title)}</th><th class="note">Note</th></tr>'
    )
    lines.append("</thead><tbody>")
    for row in table.rows:
        lines.append(
            f'<tr><td>{escape(row.what)}</td><td class="{_kind(row.paper)}">{escape(row.paper or MISSING)}</td>'
            f'<td class="figure run">{escape(row.run or MISSING)}</td><td class="note">{escape(row.note)}</td></tr>'
        )
    lines.append("</tbody></table></div>")
    if table.notes:
        lines.append('<ul class="notes">' + "".join(f"<li>{escape(one)}</li>" for one in table.notes) + "</ul>")
    return "".join(lines)
