"""LesionTable: the table of a result's bleeds, as high as its rows, each of which leads to its place."""

import qt

from HemorrhageSegLib.ResultPresenter import panelColumns
from RadiologyCNNLib import SliceViews

MOST_ROWS = 5  #: that are seen at once
NARROWEST_COLUMN = 24  #: Slicer's 60 would make the view scroll sideways


class LesionTable:
    """Shows the table of a result and moves the slice views to the chosen bleed.

    Args:
        view: the qMRMLTableView.
        shown: function () that gives the SceneResult whose table is shown, or None.
    """

    def __init__(self, view, shown) -> None:
        self.view = view
        self._shown = shown
        self._isChoosingTable = False
        view.verticalHeader().setVisible(False)
        self._rowHeight = view.fontMetrics().height() + 8  # follows the person's own font
        view.verticalHeader().setDefaultSectionSize(self._rowHeight)
        view.horizontalHeader().setSectionResizeMode(qt.QHeaderView.ResizeToContents)
        view.connect("selectionChanged()", self.onLesionChosen)
        view.connect("clicked(QModelIndex)", self.onLesionClicked)

    def show(self, result) -> None:
        """Show the table of this result, None for none. While it is empty for a moment it keeps its height."""
        view, tableNode = self.view, result.tableNode if result else None
        measurements = result.measurements if result else None
        if measurements is not None:
            rows = min(max(len(measurements.lesions), 1), MOST_ROWS)
            view.minimumHeight = view.maximumHeight = self._rowHeight * (rows + 1) + 6
        if view.mrmlTableNode() is not tableNode:
            self._isChoosingTable = True  # the view tells of a new selection, though nobody has selected anything
            try:
                view.setMRMLTableNode(tableNode)
            finally:
                self._isChoosingTable = False
            view.horizontalHeader().setMinimumSectionSize(NARROWEST_COLUMN)
        if tableNode is not None:
            count = tableNode.GetNumberOfColumns()
            for column in range(count):
                view.setColumnHidden(column, column not in panelColumns(count))

    def onLesionChosen(self) -> None:
        """Another row was selected, with the mouse or the arrow keys."""
        if not self._isChoosingTable and self.view.selectionModel().hasSelection:
            self.onLesionClicked(self.view.currentIndex())

    def onLesionClicked(self, index) -> None:
        """Jump to the bleed of a table row."""
        result = self._shown()
        measurements = result.measurements if result else None
        if measurements and 0 <= index.row() < len(measurements.lesions):
            SliceViews.jumpTo(measurements.lesions[index.row()].place_ras_mm)
