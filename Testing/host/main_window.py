"""The window: module panel on the left, views on the right, as in Slicer."""

import slicer

from .stand_in import QtCore, QtWidgets, stand_in

PANEL_WIDTH = 480
Qt = QtCore.Qt


class ModuleSelector(QtWidgets.QWidget):
    """What slicer.util.selectModule talks to: shows one module's panel, leaving the one before."""

    def __init__(self, window):
        super().__init__()
        self._window = window
        self._selected = ""
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(8, 4, 8, 4)
        layout.addWidget(QtWidgets.QLabel("Modules:"))
        self._combo = QtWidgets.QComboBox()
        self._combo.setSizePolicy(QtWidgets.QSizePolicy.Expanding, QtWidgets.QSizePolicy.Fixed)
        layout.addWidget(self._combo)
        self._combo.activated.connect(lambda index: self.selectModule(self._combo.itemData(index)))
        window_level = QtWidgets.QToolButton()
        window_level.text = "Window/Level"
        window_level.toolTip = "Left mouse button: adjust window and level of the scan"
        window_level.checkable = True
        window_level.toggled.connect(self._set_mouse_mode)
        layout.addWidget(window_level)

    @staticmethod
    def _set_mouse_mode(adjust_window_level):
        """As the button of Slicer's mouse mode tool bar."""
        node = slicer.app.applicationLogic().GetInteractionNode()
        node.SetCurrentInteractionMode(node.AdjustWindowLevel if adjust_window_level else node.ViewTransform)

    def _add(self, name, title):
        if self._combo.findData(name) < 0:
            self._combo.addItem(title, name)

    @property
    def selectedModule(self):
        return self._selected

    def selectModule(self, name):
        if name == self._selected:
            return
        module = slicer.app.moduleManager().module(name)
        if module is None:
            raise RuntimeError(f"no module named {name}")
        before = slicer.app.moduleManager().module(self._selected)
        if before is not None:
            before.widgetRepresentation()._exit()
        self._selected = name
        self._combo.currentIndex = self._combo.findData(name)
        self._window._show_panel(module.widgetRepresentation())
        module.widgetRepresentation()._enter()

    def _leave(self):
        """No module is shown any more, as with the empty entry of Slicer's own list."""
        module = slicer.app.moduleManager().module(self._selected)
        if module is not None:
            module.widgetRepresentation()._exit()
        self._selected = ""


@stand_in
class qSlicerMainWindow(QtWidgets.QMainWindow):
    def __init__(self):
        super().__init__()
        self.objectName = "qSlicerMainWindow"
        self.windowTitle = "Slicer stand-in (research use)"
        self._selector = ModuleSelector(self)
        self._panel_area = QtWidgets.QScrollArea()
        self._panel_area.widgetResizable = True
        self._panel_area.frameShape = QtWidgets.QFrame.NoFrame
        self._panel_area.horizontalScrollBarPolicy = Qt.ScrollBarAlwaysOff
        contents = QtWidgets.QWidget()
        layout = QtWidgets.QVBoxLayout(contents)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._selector)
        layout.addWidget(self._panel_area, 1)
        dock = QtWidgets.QDockWidget()
        dock.objectName = "PanelDockWidget"
        dock.features = QtWidgets.QDockWidget.NoDockWidgetFeatures
        dock.setTitleBarWidget(QtWidgets.QWidget(dock))
        dock.setWidget(contents)
        self.addDockWidget(Qt.LeftDockWidgetArea, dock)
        self._dock = dock
        contents.setMinimumWidth(PANEL_WIDTH)
        self._viewport = QtWidgets.QWidget()
        self._viewport.objectName = "CentralWidgetLayoutFrame"
        self.setCentralWidget(self._viewport)
        self.statusBar().sizeGripEnabled = False

    def moduleSelector(self):
        return self._selector

    def _show_panel(self, representation):
        before = self._panel_area.takeWidget()
        if before is not None:
            before.setParent(None)
        self._panel_area.setWidget(representation)
        representation.show()
