"""Stand-ins for the widgets that show a segmentation."""

import slicer
import vtk

from .stand_in import Property, QtCore, QtGui, QtWidgets, Signal, stand_in, stored
from .widgets_ctk import ctkMenuButton
from .widgets_mrml import qMRMLWidget

Qt = QtCore.Qt
COLUMNS = ("", "", "Opacity", "Name")  # visibility, colour, opacity, name


class _NodeObserver:
    """Observes one node at a time and calls back on any of its changes."""

    def __init__(self, callback):
        self.callback, self.node, self.tags = callback, None, []

    def observe(self, node):
        for tag in self.tags:
            self.node.RemoveObserver(tag)
        self.node = node
        self.tags = [node.AddObserver(vtk.vtkCommand.AnyEvent, self._changed)] if node is not None else []

    def _changed(self, caller, event):
        if event not in ("DeleteEvent",):
            self.callback()


@stand_in
class qMRMLSegmentationShow3DButton(ctkMenuButton):
    """Makes surfaces of a segmentation, or removes them; checked while there are surfaces."""

    locked = stored(bool, False)

    def __init__(self, *arguments):
        super().__init__(*[a for a in arguments if isinstance(a, QtWidgets.QWidget)])
        self.text = "Show 3D"
        self.checkable = True
        self.enabled = False
        self._observer = _NodeObserver(self._update)
        self.toggled.connect(self._toggle)
        self._updating = False

    def setLocked(self, locked):
        self.locked = locked

    def segmentationNode(self):
        return self._observer.node

    def setSegmentationNode(self, node):
        self._observer.observe(node)
        self._update()

    def _surface_name(self):
        return slicer.vtkSegmentationConverter.GetSegmentationClosedSurfaceRepresentationName()

    def _update(self):
        node = self._observer.node
        self._updating = True
        self.enabled = node is not None and node.GetSegmentation() is not None
        shown = bool(self.enabled and node.GetSegmentation().ContainsRepresentation(self._surface_name()))
        if shown and node.GetDisplayNode() is not None:
            shown = bool(node.GetDisplayNode().GetVisibility3D())
        self.checked = shown
        self._updating = False

    def _toggle(self, checked):
        node = self._observer.node
        if self._updating or node is None:
            return
        if checked:
            node.CreateClosedSurfaceRepresentation()
            if node.GetDisplayNode() is not None:
                node.GetDisplayNode().SetVisibility(True)
                node.GetDisplayNode().SetVisibility3D(True)
        else:
            node.RemoveClosedSurfaceRepresentation()


@stand_in
class qMRMLSegmentsTableView(qMRMLWidget):
    """Lists the segments with visibility, colour, opacity and name."""

    selectionChanged = Signal(QtCore.QItemSelection, QtCore.QItemSelection)
    segmentAboutToBeModified = Signal(str)
    selectionMode = stored(int, QtWidgets.QAbstractItemView.ExtendedSelection)
    headerVisible = stored(bool, True, lambda self: self._columns())
    visibilityColumnVisible = stored(bool, True, lambda self: self._columns())
    colorColumnVisible = stored(bool, True, lambda self: self._columns())
    opacityColumnVisible = stored(bool, True, lambda self: self._columns())
    statusColumnVisible = stored(bool, False)
    layerColumnVisible = stored(bool, False)
    filterBarVisible = stored(bool, False)
    readOnly = stored(bool, False)
    jumpToSelectedSegmentEnabled = stored(bool, False)

    def __init__(self, *arguments):
        super().__init__(*arguments)
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._table = QtWidgets.QTableWidget(0, len(COLUMNS))
        self._table.setHorizontalHeaderLabels(list(COLUMNS))
        self._table.verticalHeader().visible = False
        self._table.horizontalHeader().stretchLastSection = True
        self._table.selectionBehavior = QtWidgets.QAbstractItemView.SelectRows
        for column, width in enumerate((28, 28, 60)):
            self._table.setColumnWidth(column, width)
        layout.addWidget(self._table)
        self._observer = _NodeObserver(self._fill)
        self._filling = False
        self._table.itemChanged.connect(self._edited)
        self._table.selectionModel().selectionChanged.connect(
            lambda new, old: self._filling or self.selectionChanged.emit(new, old)
        )

    def _columns(self):
        self._table.horizontalHeader().visible = self.headerVisible
        shown = (self.visibilityColumnVisible, self.colorColumnVisible, self.opacityColumnVisible, True)
        for column, visible in enumerate(shown):
            self._table.setColumnHidden(column, not visible)

    def setSegmentationNode(self, node):
        self._observer.observe(node)
        self._fill()

    def segmentationNode(self):
        return self._observer.node

    def _ids(self):
        node = self._observer.node
        return list(node.GetSegmentation().GetSegmentIDs()) if node is not None and node.GetSegmentation() else []

    def _fill(self):
        selected = self.selectedSegmentIDs()
        self._filling = True
        ids = self._ids()
        self._table.rowCount = len(ids)
        display = self._observer.node.GetDisplayNode() if ids else None
        for row, segment_id in enumerate(ids):
            segment = self._observer.node.GetSegmentation().GetSegment(segment_id)
            check = QtWidgets.QTableWidgetItem()
            visible = display is None or display.GetSegmentVisibility(segment_id)
            check.setCheckState(Qt.Checked if visible else Qt.Unchecked)
            check.setData(Qt.UserRole, segment_id)
            color = QtWidgets.QTableWidgetItem()
            color.setBackground(QtGui.QColor.fromRgbF(*segment.GetColor()))
            opacity = display.GetSegmentOpacity3D(segment_id) if display is not None else 1.0
            cells = (check, color, QtWidgets.QTableWidgetItem(f"{opacity:.2f}"), QtWidgets.QTableWidgetItem())
            cells[3].setText(segment.GetName() or "")
            for column, cell in enumerate(cells):
                self._table.setItem(row, column, cell)
        self._filling = False
        if selected != self.selectedSegmentIDs():
            self.setSelectedSegmentIDs(selected)

    def _edited(self, item):
        if self._filling or self.readOnly:
            return
        node = self._observer.node
        segment_id = self._table.item(item.row(), 0).data(Qt.UserRole)
        if item.column() == 0:
            node.GetDisplayNode().SetSegmentVisibility(segment_id, item.checkState() == Qt.Checked)
        elif item.column() == 3:
            self.segmentAboutToBeModified.emit(segment_id)
            node.GetSegmentation().GetSegment(segment_id).SetName(item.text())

    def selectedSegmentIDs(self):
        rows = sorted({index.row() for index in self._table.selectedIndexes()})
        ids = [self._table.item(row, 0).data(Qt.UserRole) for row in rows if self._table.item(row, 0)]
        return [segment_id for segment_id in ids if segment_id]

    def setSelectedSegmentIDs(self, ids):
        self._table.clearSelection()
        for row in range(self._table.rowCount):
            if self._table.item(row, 0).data(Qt.UserRole) in ids:
                self._table.selectRow(row)

    def clearSelection(self):
        self._table.clearSelection()

    def displayedSegmentIDs(self):
        return self._ids()

    def rowForSegmentID(self, segment_id):
        return self._ids().index(segment_id) if segment_id in self._ids() else -1

    def segmentIDForRow(self, row):
        return self._ids()[row]

    def tableWidget(self):
        return self._table

    segmentCount = Property(int, lambda self: len(self._ids()))
