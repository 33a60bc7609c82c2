"""The comparison's figures as charts in the scene: ROC with readers, and accuracy and time by group (Figures 3, 4)."""

import slicer
from slicer.i18n import tr as _

from RotatorCuffCNNLib.ReaderStudyTables import fillTable

PLOT_ATTRIBUTE = "RotatorCuffCNN.ReaderStudyPlot"
#: Okabe and Ito's colours, told apart without colour vision; markers differ too.
COLORS = ((0.0, 0.45, 0.7), (0.84, 0.37, 0.0), (0.0, 0.62, 0.45), (0.8, 0.47, 0.65), (0.34, 0.71, 0.91))
MARKERS = ("Circle", "Cross", "Square", "Diamond", "Plus")


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


def canShow() -> bool:
    """Whether this application has plot views."""
    return hasattr(slicer.modules, "plots") and slicer.app.layoutManager() is not None


def show(chartNode) -> None:
    """Show a chart beside the slices."""
    slicer.modules.plots.logic().ShowChartInLayout(chartNode)


def _rocChart(comparison):
    series = []
    for curve in comparison["roc"][:1]:
        rows = list(zip(curve["false_positive_rate"], curve["true_positive_rate"]))
        series.append(_series("roc", curve["name"], rows, 0, isLine=True))
    for number, (group, members) in enumerate(comparison["groups"].items()):
        rows = [
            (1 - row["specificity"], row["sensitivity"], row["name"])
            for row in comparison["members"]
            if row["name"] in members and row["specificity"] is not None and row["sensitivity"] is not None
        ]
        if rows:
            series.append(_series(f"points {number}", group, rows, number))
    chart = _chart("roc", _("ROC curve and readers"), _("1 - specificity"), _("Sensitivity"), series)
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
        series.append(_series(f"{measure} {number}", group, rows, number))
        table3 = next((one for one in comparison["table3"] if one["measure"] == measure), None)
        if table3 is not None:
            median = scale * table3["groups"][group]["median"]
            ends = [(number + 0.7, median), (number + 1.3, median)]
            words = _("{group}, median").format(group=group)
            series.append(_series(f"{measure} {number} median", words, ends, number, isLine=True))
    chart = _chart(measure, name, _("Group"), axis, series)
    chart.SetXAxisRangeAuto(False)
    chart.SetXAxisRange(0.4, len(comparison["groups"]) + 0.6)
    if measure == "seconds":
        chart.SetYAxisLogScale(True)
    else:
        chart.SetYAxisRangeAuto(False)
        chart.SetYAxisRange(0, 102)
    return chart


def _kept(className: str, key: str, name: str):
    nodes = slicer.util.getNodesByClass(className)
    node = next((one for one in nodes if one.GetAttribute(PLOT_ATTRIBUTE) == key), None)
    if node is None:
        node = slicer.mrmlScene.AddNewNodeByClass(className, name)
        node.SetAttribute(PLOT_ATTRIBUTE, key)
    node.SetName(name)
    return node


def _series(key: str, name: str, rows: list, number: int, isLine: bool = False):
    headings = ["x", "y", "reader"][: len(rows[0])]
    tableName = _("Reader study: {table}").format(table=name)
    tableNode = fillTable(f"plot {key}", tableName, headings, rows, isNumeric=True)
    node = _kept("vtkMRMLPlotSeriesNode", key, name)
    node.SetAndObserveTableNodeID(tableNode.GetID())
    node.SetXColumnName("x")
    node.SetYColumnName("y")
    if len(headings) > 2:
        node.SetLabelColumnName("reader")
    node.SetPlotType(slicer.vtkMRMLPlotSeriesNode.PlotTypeScatter)
    kind = slicer.vtkMRMLPlotSeriesNode
    marker = MARKERS[number % len(MARKERS)]
    node.SetMarkerStyle(kind.MarkerStyleNone if isLine else getattr(kind, f"MarkerStyle{marker}"))
    node.SetMarkerSize(10)
    node.SetLineStyle(kind.LineStyleSolid if isLine else kind.LineStyleNone)
    node.SetLineWidth(2)
    node.SetColor(*COLORS[number % len(COLORS)])
    return node


def _chart(key: str, name: str, xTitle: str, yTitle: str, series: list):
    chart = _kept("vtkMRMLPlotChartNode", key, _("Reader study: {figure}").format(figure=name))
    chart.RemoveAllPlotSeriesNodeIDs()
    for node in series:
        chart.AddAndObservePlotSeriesNodeID(node.GetID())
    chart.SetTitle(name)
    chart.SetXAxisTitle(xTitle)
    chart.SetYAxisTitle(yTitle)
    chart.SetLegendVisibility(True)
    return chart
