"""The comparison's figures as charts in the scene: ROC with readers, and accuracy and time by group (Figures 3, 4)."""

from slicer.i18n import tr as _

from RotatorCuffCNNLib.ReaderStudyTables import figures


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


def _rocChart(comparison):
    series = []
    for curve in comparison["roc"][:1]:
        rows = list(zip(curve["false_positive_rate"], curve["true_positive_rate"]))
        series.append(figures().series("roc", curve["name"], rows, 0, isLine=True))
    for number, (group, members) in enumerate(comparison["groups"].items()):
        rows = [
            (1 - row["specificity"], row["sensitivity"], row["name"])
            for row in comparison["members"]
            if row["name"] in members and row["specificity"] is not None and row["sensitivity"] is not None
        ]
        if rows:
            series.append(figures().series(f"points {number}", group, rows, number))
    chart = figures().chart("roc", _("ROC curve and readers"), _("1 - specificity"), _("Sensitivity"), series)
    chart.SetXAxisRangeAuto(False)
    chart.SetXAxisRange(0, 1)
    chart.SetYAxisRangeAuto(False)
    chart.SetYAxisRange(0, 1.02)
    return chart


def _memberChart(comparison, measure: str, name: str, axis: str):
    """Each member as a point, one column a group; Slicer's charts have no boxes, so the median is a line."""
    scale = 1 if measure == "seconds" else 100
    series = []
    for number, (group, members) in enumerate(comparison["groups"].items()):
        found = [row for row in comparison["members"] if row["name"] in members and row[measure] is not None]
        count = len(found)
        rows = [
            (number + 1 + (0.5 * (place + 0.5) / count - 0.25 if count > 1 else 0.0), scale * row[measure], row["name"])
            for place, row in enumerate(found)
        ]
        if not rows:
            continue
        series.append(figures().series(f"{measure} {number}", group, rows, number))
        table3 = next((one for one in comparison["table3"] if one["measure"] == measure), None)
        if table3 is not None:
            median = scale * table3["groups"][group]["median"]
            ends = [(number + 0.7, median), (number + 1.3, median)]
            words = _("{group}, median").format(group=group)
            series.append(figures().series(f"{measure} {number} median", words, ends, number, isLine=True))
    chart = figures().chart(measure, name, _("Group"), axis, series)
    chart.SetXAxisRangeAuto(False)
    chart.SetXAxisRange(0.4, len(comparison["groups"]) + 0.6)
    if measure == "seconds":
        chart.SetYAxisLogScale(True)
    else:
        chart.SetYAxisRangeAuto(False)
        chart.SetYAxisRange(0, 102)
    return chart
