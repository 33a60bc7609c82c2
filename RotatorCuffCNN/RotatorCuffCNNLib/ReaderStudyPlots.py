"""The comparison's figures as charts in the scene: ROC with readers, and accuracy and time by group (Figures 3, 4).

A legend would lie over the best readers, who are in the charts' upper right: the axes' titles name the groups instead.
"""

import numpy as np
from slicer.i18n import tr as _

from RadiologyCNNLib.SceneFigures import markerName
from RotatorCuffCNNLib.ReaderStudyTables import figures

BOX_HALF_WIDTH = 0.3


def updateCharts(comparison: dict) -> list:
    """(name, chart node) of the figures; the nodes of an earlier comparison are used again."""
    charts = [(_("ROC curve and readers"), _rocChart(comparison))]
    for measure, name, axis in (
        ("accuracy", _("Accuracy, tear or none"), _("Accuracy (%)")),
        ("top1", _("Top-1 accuracy"), _("Top-1 accuracy (%)")),
        ("seconds", _("Diagnostic time"), _("Time (s)")),
    ):
        if any(row[measure] is not None for row in comparison["members"]):
            charts.append((name, _memberChart(comparison, measure, name, axis)))
    return charts


def _membersOf(comparison, group: str, *measures) -> list:
    """A group's members of whom all these measures are known."""
    names = comparison["groups"][group]
    rows = [row for row in comparison["members"] if row["name"] in names]
    return [row for row in rows if all(row[measure] is not None for measure in measures)]


def _rocChart(comparison):
    series = [figures().series("chance", _("Chance"), [(0.0, 0.0), (1.0, 1.0)], 4, isLine=True, isDashed=True)]
    for curve in comparison["roc"][:1]:
        rows = list(zip(curve["false_positive_rate"], curve["true_positive_rate"]))
        series.append(figures().series("roc", curve["name"], rows, 0, isLine=True))
    marked = []
    for number, group in enumerate(comparison["groups"]):
        members = _membersOf(comparison, group, "sensitivity", "specificity")
        rows = [(1 - row["specificity"], row["sensitivity"], row["name"]) for row in members]
        if rows:
            series.append(figures().series(f"points {number}", group, rows, number))
            marked.append(f"{markerName(number)}: {group}")
    axis = " · ".join([_("1 - specificity"), *marked])
    name, wide = _("ROC curve and readers"), (0, 1.02)
    return figures().chart("roc", name, axis, _("Sensitivity"), series, (-0.01, 1.0), wide, legend=False)


def _memberChart(comparison, measure: str, name: str, axis: str):
    """Each member as a point, one column a group, and around several a box: median, first and third quartile."""
    scale = 1 if measure == "seconds" else 100
    series, columns = [], []
    for number, group in enumerate(comparison["groups"]):
        members = _membersOf(comparison, group, measure)
        columns.append(f"{number + 1}: {group}")
        if not members:
            continue
        values = [scale * row[measure] for row in members]
        aside = np.linspace(-0.8, 0.8, len(values)) if len(values) > 1 else np.zeros(1)
        places = number + 1 + BOX_HALF_WIDTH * aside
        rows = [(float(place), value, row["name"]) for place, value, row in zip(places, values, members)]
        series.append(figures().series(f"{measure} {number}", group, rows, number))
        if len(values) > 1:
            box = _boxLine(number + 1, values)
            words = _("{group}: median and quartiles").format(group=group)
            series.append(figures().series(f"{measure} {number} box", words, box, number, isLine=True))
    heights = None if measure == "seconds" else (0, 102)
    ends = (0.4, len(comparison["groups"]) + 0.6)
    chart = figures().chart(measure, name, " · ".join(columns), axis, series, ends, heights, legend=False)
    chart.SetYAxisLogScale(measure == "seconds")
    return chart


def _boxLine(place: int, values: list) -> list:
    """One line that draws a box: Slicer's charts have none."""
    low, middle, high = (float(value) for value in np.percentile(values, (25, 50, 75)))
    left, right = place - BOX_HALF_WIDTH, place + BOX_HALF_WIDTH
    return [(left, middle), (right, middle), (right, high), (left, high), (left, low), (right, low), (right, middle)]
