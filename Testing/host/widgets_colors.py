"""Stand-in for the selector of colour tables: a node selector that shows each table's colours."""

from .stand_in import QtCore, QtGui, stand_in
from .widgets_node_selector import qMRMLNodeComboBox

ICON_SIZE = (60, 15)


@stand_in
class qMRMLColorTableComboBox(qMRMLNodeComboBox):
    """Lists all colour nodes, hidden ones too: Slicer's own tables are hidden from editors."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._combo.iconSize = QtCore.QSize(*ICON_SIZE)
        self.showHidden = True
        self.nodeTypes = ["vtkMRMLColorTableNode", "vtkMRMLProceduralColorNode"]
        self.addEnabled = False
        self.removeEnabled = False

    def _fill(self, nodes, current):
        super()._fill(nodes, current)
        for node in nodes:
            self._combo.setItemIcon(self._combo.findData(node.GetID()), _icon(node))


def _icon(node) -> QtGui.QIcon:
    """The table's colours from its first to its last."""
    colors = node.GetScalarsToColors()
    if colors is None:
        return QtGui.QIcon()
    width, height = ICON_SIZE
    low, high = colors.GetRange()
    picture = QtGui.QPixmap(width, height)
    painter = QtGui.QPainter(picture)
    for x in range(width):
        rgb = [0.0] * 3
        colors.GetColor(low + (high - low) * x / (width - 1), rgb)
        painter.fillRect(x, 0, 1, height, QtGui.QColor.fromRgbF(*rgb))
    painter.end()
    return QtGui.QIcon(picture)
