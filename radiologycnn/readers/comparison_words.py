"""The comparison's figures in words: the same on its page, in the panel's tables and in the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from radiologycnn.models.package import SIMULATED_NOTE

#: Measures that are shares of cases, and shown in per cent.
SHARES = ("top1", "top1_within_one", "accuracy")


def figure_words(measure: str, value: float | None) -> str:
    """A figure as it stands in a table: shares of cases in per cent, times in seconds, the rest from 0 to 1."""
    if value is None:
        return "–"
    if measure in SHARES:
        return f"{100 * value:.1f}"
    if measure == "seconds":
        return f"{value:.1f}" if value >= 1 else f"{value:.2f}"
    return f"{value:.2f}"


def quartile_words(measure: str, figures: Mapping[str, Any]) -> str:
    """Median (first quartile, third quartile), with the unit where there is one; the value alone of one member."""
    if figures["median"] is None:
        return "–"
    low, median, high = (
        figure_words(measure, figures[name]) for name in ("first_quartile", "median", "third_quartile")
    )
    words = median if figures["members"] == 1 else f"{median} ({low}, {high})"
    return f"{words} %" if measure in SHARES else words


def network_words(network: Mapping[str, Any]) -> str:
    """Who a network is: "Network: model rotator-cuff-1.0.0.", and that it is a demonstration where it is one."""
    model = f"model {network['model']}" if network["model"] else "its table does not name the model"
    return f"{network['name']}: {model}.{f' {SIMULATED_NOTE}' if network['simulated'] else ''}"


def map_words(settings: Mapping[str, Any]) -> str:
    """Whether a study's readers see the network's map; of readers who worked elsewhere nobody knows."""
    if settings["show_map"]:
        return "Readers in this program see the network's map: an aided reading."
    return "Readers in this program do not see the network's map."
