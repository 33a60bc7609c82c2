"""How a reproduction's figures look: one style, files that are the same for the same content."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from radiologycnn.errors import missing_package
from radiologycnn.images.write import write_atomically

#: Colours that stay apart without colour vision (Okabe and Ito), in order of use.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#666666")

_STYLE = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11,
    "axes.titleweight": "normal",
    "legend.frameon": False,
    "figure.dpi": 100,
    "savefig.dpi": 130,
    "svg.hashsalt": "radiologycnn",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Arial", "Helvetica", "sans-serif"],
}


@dataclass(frozen=True)
class FigureEntry:
    """One figure of a report.

    Attributes:
        key: of its files ``figures/<key>.svg`` and ``.png``.
        title: with the paper's number.
        caption: what is seen, and whether it is simulated.
        path: what the page shows: the SVG, or the PNG where the figure is made of pictures.
    """

    key: str
    title: str
    caption: str
    path: Path


@contextmanager
def new_figure(
    width: float, height: float, rows: int = 1, columns: int = 1, **options: Any
) -> Iterator[tuple[Any, Any]]:
    """A matplotlib figure and its axes (an array where there are several), without any window.

    Raises:
        ResourceError: matplotlib is not installed.
    """
    try:
        import matplotlib
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise missing_package("The figures need", "matplotlib", "evaluation") from error
    with matplotlib.rc_context(_STYLE):
        figure = Figure((width, height), layout="constrained")
        FigureCanvasAgg(figure)
        yield figure, figure.subplots(rows, columns, **options)


def save_figure(figure: Any, folder: Path, key: str, title: str, caption: str, pictures: bool = False) -> FigureEntry:
    """Write SVG and PNG, without a date in them.

    Args:
        pictures: the figure is made of pictures; the page then shows the PNG.
    """
    paths = {}
    folder.mkdir(parents=True, exist_ok=True)
    for kind, metadata in (("svg", {"Date": None}), ("png", {"Software": None})):
        buffer = io.BytesIO()
        figure.savefig(buffer, format=kind, metadata=metadata)
        paths[kind] = folder / f"{key}.{kind}"
        write_atomically(paths[kind], buffer.getvalue())
        figure.set_layout_engine("none")  # the next one is laid out as this one is
    return FigureEntry(key, title, caption, paths["png" if pictures else "svg"])


def log_axis(axes: Any, direction: str) -> None:
    """A logarithmic axis ("x" or "y") with plain numbers at 1, 2 and 5 of each power of ten."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    getattr(axes, f"set_{direction}scale")("log")
    axis = getattr(axes, f"{direction}axis")
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=7))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())
