"""Stand-in for qMRMLTableView: shows a vtkMRMLTableNode, sortable, with Slicer's selection signal."""

import vtk

from .stand_in import Property, QtCore, QtGui, QtWidgets, Signal, stand_in, stored

Qt = QtCore.Qt
SORT_ROLE = Qt.UserRole + 1


class TableModel(QtGui.QStandardItemModel):
    """The table node's cells as Qt items."""

    def __init__(self, view):
        super().__init__(view)
        self._view = view
        self._node = None
        self._tag = None
        self.itemChanged.connect(self._write_back)
        self._filling = False

    def set_node(self, node):
        if self._node is not None:
            self._node.RemoveObserver(self._tag)
        self._node = node
        self._tag = node.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda caller, event: self.fill()) if node else None
        self.fill()

    def fill(self):
        self._filling = True
        view = self._view
        selected = sorted({index.row() for index in view.selectedIndexes()})
        table = self._node.GetTable() if self._node is not None else None
        columns = table.GetNumberOfColumns() if table is not None else 0
        rows = table.GetNumberOfRows() if table is not None else 0
        use_names = bool(self._node is not None and self._node.GetUseColumnTitleAsColumnHeader())
        use_first = bool(self._node is not None and self._node.GetUseFirstColumnAsRowHeader())
        self.setRowCount(rows)
        self.setColumnCount(columns)
        locked = self._node is None or self._node.GetLocked()
        for column in range(columns):
            array = table.GetColumn(column)
            name = array.GetName() or ""
            title = self._node.GetColumnProperty(name, "title") if name else ""
            self.setHeaderData(column, Qt.Horizontal, (title or name) if use_names else str(column + 1))
            for row in range(rows):
                item = QtGui.QStandardItem(self._text(array, row))
                item.setEditable(not locked)
                item.setData(self._sort_key(array, row), SORT_ROLE)
                if not isinstance(array, vtk.vtkStringArray):
                    item.setTextAlignment(Qt.AlignRight | Qt.AlignVCenter)
                self.setItem(row, column, item)
        for row in range(rows):
            name = table.GetValue(row, 0).ToString() if use_first and columns else str(row + 1)
            self.setHeaderData(row, Qt.Vertical, name)
        for column in range(columns):
            QtWidgets.QTableView.setColumnHidden(view, column, bool(use_first and column == 0))
        self._filling = False
        for row in selected:
            if row < rows and not view._clearing:
                view.selectRow(row)

    @staticmethod
    def _text(array, row):
        value = array.GetValue(row)
        return f"{value:.6g}" if isinstance(value, float) else str(value)

    @staticmethod
    def _sort_key(array, row):
        value = array.GetValue(row)
        return value if isinstance(value, (int, float)) else str(value)

    def _write_back(self, item):
        if not self._filling and self._node is not None:
            self._node.SetCellText(item.row(), item.column(), item.text())


@stand_in
class qMRMLTableView(QtWidgets.QTableView):
    _SIGNATURES = {"mrmlSceneChanged(vtkMRMLScene*)": "mrmlSceneChanged(PyObject)"}
    selectionChanged = Signal()
    mrmlSceneChanged = Signal(object)
    transposed = stored(bool, False)
    firstRowLocked = stored(bool, False)

    def __init__(self, *arguments):
        super().__init__(*[a for a in arguments if isinstance(a, QtWidgets.QWidget)])
        self._scene, self._node = None, None
        self._clearing = False
        self._model = TableModel(self)
        self._proxy = QtCore.QSortFilterProxyModel(self)
        self._proxy.setSourceModel(self._model)
        self._proxy.sortRole = SORT_ROLE
        self.setModel(self._proxy)
        self.selectionModel().selectionChanged.connect(lambda new, old: self.selectionChanged.emit())
        self.horizontalHeader().stretchLastSection = False

    def setMRMLScene(self, scene):
        self._scene = scene
        self.mrmlSceneChanged.emit(scene)

    def mrmlScene(self):
        return self._scene

    def setMRMLTableNode(self, node):
        self._clearing = node is not self._node
        self._node = node
        self._model.set_node(node)
        self._clearing = False
        self._proxy.invalidate()
        self.horizontalHeader().setMinimumSectionSize(60)
        self.resizeColumnsToContents()
        self.selectionChanged.emit()  # Slicer tells of it though nobody has selected anything

    def mrmlTableNode(self):
        return self._node

    def tableModel(self):
        return self._model

    def sortFilterProxyModel(self):
        return self._proxy

    def setFirstRowLocked(self, locked):
        self.firstRowLocked = locked

    def setTransposed(self, transposed):
        self.transposed = transposed

    def setFirstColumnLocked(self, locked):
        if self._node is not None:
            self._node.SetUseFirstColumnAsRowHeader(locked)

    def copySelection(self):
        indexes = sorted((index.row(), index.column()) for index in self.selectedIndexes())
        rows = {}
        for row, column in indexes:
            rows.setdefault(row, []).append(self._proxy.index(row, column).data())
        QtGui.QGuiApplication.clipboard().setText("\n".join("\t".join(map(str, cells)) for cells in rows.values()))

    firstColumnLocked = Property(
        bool,
        lambda self: bool(self._node is not None and self._node.GetUseFirstColumnAsRowHeader()),
        setFirstColumnLocked,
    )
