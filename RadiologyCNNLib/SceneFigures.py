"""SceneFigures: tables and charts of a comparison as nodes of the scene; a later comparison fills the same nodes."""

import slicer
import vtk
from slicer.i18n import tr as _

#: Okabe and Ito's colours, told apart without colour vision; markers differ too.
COLORS = ((0.0, 0.45, 0.7), (0.84, 0.37, 0.0), (0.0, 0.62, 0.45), (0.8, 0.47, 0.65), (0.34, 0.71, 0.91))
MARKERS = ("Circle", "Cross", "Square", "Diamond", "Plus")
#: A chart's legend lies over its upper right corner: so much of the height is kept free for it.
LEGEND_SHARE = 0.35
LEGEND_FONT_SIZE = 12


def markerName(number: int) -> str:
    """How the series of this number is marked, for words beside a chart."""
    return (_("circle"), _("cross"), _("square"), _("diamond"), _("plus"))[number % len(MARKERS)]


def withRoomForLegend(low: float, high: float) -> tuple[float, float]:
    """A range of the y axis in which values from ``low`` to ``high`` do not lie under the legend."""
    span = (high - low) or 1.0
    return low - 0.05 * span, high + (0.05 + LEGEND_SHARE) * span


def canShowCharts() -> bool:
    """Whether this application has plot views."""
    return hasattr(slicer.modules, "plots") and slicer.app.layoutManager() is not None


def showChart(chartNode) -> None:
    """Show a chart beside the slices."""
    slicer.modules.plots.logic().ShowChartInLayout(chartNode)


def canShowTables() -> bool:
    """Whether this application has table views."""
    return hasattr(slicer.modules, "tables") and slicer.app.layoutManager() is not None


def showTable(tableNode) -> None:
    """Show a table beside the slices, as Slicer's Tables module does."""
    layoutManager, application = slicer.app.layoutManager(), slicer.app.applicationLogic()
    layoutManager.setLayout(slicer.modules.tables.logic().GetLayoutWithTable(layoutManager.layout))
    application.GetSelectionNode().SetActiveTableID(tableNode.GetID())
    application.PropagateTableSelection()


class SceneFigures:
    """The nodes of one comparison; each is known by its kind and a key.

    Args:
        tableAttribute: node attribute in which a table's key stands.
        plotAttribute: the same of series and charts.
        title: with {name}: what a node is called.
    """

    def __init__(self, tableAttribute: str, plotAttribute: str, title: str) -> None:
        self._tableAttribute, self._plotAttribute, self._title = tableAttribute, plotAttribute, title

    def table(self, key: str, name: str, headings: list, rows: list, isNumeric: bool = False):
        """A locked table node with these cells.

        Args:
            key: of the node.
            name: of a new node, after the title.
            headings: of the columns.
            rows: of texts; or, with ``isNumeric``, of numbers, for plots; a text among them makes a text column.
            isNumeric: see there.
        """
        tableNode = self._kept("vtkMRMLTableNode", self._tableAttribute, key, name)
        tableNode.SetUseColumnTitleAsColumnHeader(True)
        tableNode.SetLocked(False)
        with slicer.util.NodeModify(tableNode):
            tableNode.RemoveAllColumns()
            for number, heading in enumerate(headings):
                values = [row[number] for row in rows]
                isText = not isNumeric or any(isinstance(value, str) for value in values)
                column = vtk.vtkStringArray() if isText else vtk.vtkDoubleArray()
                column.SetName(heading)
                for value in values:
                    column.InsertNextValue(str(value) if isText else float(value))
                tableNode.AddColumn(column)
        tableNode.SetLocked(True)  # computed, not typed
        return tableNode

    def series(
        self,
        key: str,
        name: str,
        rows: list,
        number: int,
        isLine: bool = False,
        isDashed: bool = False,
        labels="reader",
    ):
        """Points, or with ``isLine`` a line through them.

        Args:
            key: of the node and of its table.
            name: in the legend.
            rows: (x, y) or (x, y, label of the point).
            number: which colour and marker.
            isLine: see there.
            isDashed: the line is a reference, nothing that was measured.
            labels: heading of the points' labels.
        """
        headings = ["x", "y", labels][: len(rows[0])]
        tableNode = self.table(f"plot {key}", name, headings, rows, isNumeric=True)
        node = self._kept("vtkMRMLPlotSeriesNode", self._plotAttribute, key, name)
        node.SetName(name)  # the legend's text
        node.SetAndObserveTableNodeID(tableNode.GetID())
        node.SetXColumnName("x")
        node.SetYColumnName("y")
        if len(headings) > 2:
            node.SetLabelColumnName(labels)
        kind = slicer.vtkMRMLPlotSeriesNode
        node.SetPlotType(kind.PlotTypeScatter)
        marker = MARKERS[number % len(MARKERS)]
        node.SetMarkerStyle(kind.MarkerStyleNone if isLine else getattr(kind, f"MarkerStyle{marker}"))
        node.SetMarkerSize(10)
        style = kind.LineStyleDash if isDashed else kind.LineStyleSolid
        node.SetLineStyle(style if isLine else kind.LineStyleNone)
        node.SetLineWidth(2)
        node.SetColor(*COLORS[number % len(COLORS)])
        return node

    def chart(self, key: str, name: str, xTitle: str, yTitle: str, series: list, xRange=None, yRange=None, legend=True):
        """A chart of these series.

        Args:
            key: of the node.
            name: its title.
            xTitle, yTitle: of the axes.
            series: plot series nodes.
            xRange, yRange: (lowest, highest) that is shown; None for what the values need.
            legend: whether there is one.
        """
        chart = self._kept("vtkMRMLPlotChartNode", self._plotAttribute, key, name)
        chart.RemoveAllPlotSeriesNodeIDs()
        for node in series:
            chart.AddAndObservePlotSeriesNodeID(node.GetID())
        chart.SetTitle(name)
        chart.SetXAxisTitle(xTitle)
        chart.SetYAxisTitle(yTitle)
        chart.SetLegendVisibility(legend)
        chart.SetLegendFontSize(LEGEND_FONT_SIZE)
        chart.SetXAxisRangeAuto(xRange is None)
        chart.SetYAxisRangeAuto(yRange is None)
        if xRange is not None:
            chart.SetXAxisRange(*map(float, xRange))
        if yRange is not None:
            chart.SetYAxisRange(*map(float, yRange))
        return chart

    def _kept(self, className: str, attribute: str, key: str, name: str):
        nodes = slicer.util.getNodesByClass(className)
        node = next((one for one in nodes if one.GetAttribute(attribute) == key), None)
        title = self._title.format(name=name)
        if node is None:
            node = slicer.mrmlScene.AddNewNodeByClass(className, title)
            node.SetAttribute(attribute, key)
        node.SetName(title)
        return node
