"""Makes the module ``qt``: one flat namespace of all Qt classes, as PythonQt's."""

import inspect
import sys
import types
from xml.etree import ElementTree

from . import pythonqt
from .pythonqt import QtCore, QtGui, QtUiTools, QtWidgets


class UiLoader(QtUiTools.QUiLoader):
    """QUiLoader that knows the stand-in widgets and refuses a class that it does not know.

    Qt itself would quietly put a plain QWidget in the place of an unknown class. Connections that the file declares
    between stand-ins (``mrmlSceneChanged(vtkMRMLScene*)`` to ``setMRMLScene(vtkMRMLScene*)``) are made here, because
    Qt cannot name their types; one that is not declared is not made, as in Slicer.
    """

    stand_ins: dict[str, type] = {}

    def createWidget(self, name, parent=None, object_name=""):
        stand_in = self.stand_ins.get(name)
        if stand_in is not None:
            widget = stand_in(parent)
            QtCore.QObject.setObjectName(widget, object_name)
            return widget
        if name not in QtUiTools.QUiLoader.availableWidgets(self):
            # an exception cannot pass through Qt's C++ loader: load() raises it afterwards
            self._problems.append(f"the .ui file uses the class {name}, for which the host has no stand-in")
        return QtUiTools.QUiLoader.createWidget(self, name, parent, object_name)

    def load(self, device, parent=None):
        self._problems = []
        root = ElementTree.fromstring(device.readAll().data())
        connections = self._take_connections(root)
        self._check_properties(root)
        buffer = QtCore.QBuffer()
        buffer.setData(ElementTree.tostring(root))
        buffer.open(QtCore.QIODevice.ReadOnly)
        pythonqt.loading_ui = True
        try:
            widget = QtUiTools.QUiLoader.load(self, buffer, parent)
        finally:
            pythonqt.loading_ui = False
        if self._problems:
            raise TypeError("; ".join(self._problems))
        if widget is not None:
            for connection in connections:
                self._connect(widget, connection)
        return widget

    def _take_connections(self, root):
        """Remove those connections from the file that need the host, and return them."""
        classes = {widget.get("name"): widget.get("class") for widget in root.iter("widget")}
        taken = []
        for parent in root.iter("connections"):
            for connection in list(parent):
                ends = (connection.findtext("sender"), connection.findtext("receiver"))
                if any(classes.get(end) in self.stand_ins for end in ends):
                    parent.remove(connection)
                    taken.append({child.tag: (child.text or "").strip() for child in connection})
        return taken

    def _check_properties(self, root):
        """A property that the widget's class lacks would only become a dynamic one: say so."""
        for element in root.iter("widget"):
            stand_in = self.stand_ins.get(element.get("class"))
            if stand_in is None:
                continue
            for prop in element.findall("property"):
                name = prop.get("name")
                if prop.get("stdset") != "0" and stand_in.staticMetaObject.indexOfProperty(name) < 0:
                    self._problems.append(f"{element.get('class')} {element.get('name')} has no property {name}")

    @staticmethod
    def _connect(top, connection):
        def find(name):
            return top if top.objectName == name else top.findChild(QtCore.QObject, name)

        sender, receiver = find(connection["sender"]), find(connection["receiver"])
        slot = connection["slot"].split("(")[0]
        attribute = getattr(receiver, slot, None)
        if not callable(attribute):
            raise TypeError(f"{receiver.className()} {receiver.objectName} has no slot {connection['slot']}")
        pythonqt.connect(sender, connection["signal"], attribute)


def drop_noise() -> None:
    """Pass Qt's messages on to stderr, but for one that the offscreen platform prints for every window."""

    def handle(kind, context, message):
        if "propagateSizeHints" not in message:
            sys.stderr.write(message + "\n")

    QtCore.qInstallMessageHandler(handle)


def make() -> types.ModuleType:
    """Return the module ``qt`` and put it into sys.modules."""
    pythonqt.apply()
    module = types.ModuleType("qt", "Qt in PythonQt's manner, on PySide6")
    for source in pythonqt.MODULES:
        for name in dir(source):
            value = getattr(source, name)
            if inspect.isclass(value) and not name.startswith("_"):
                setattr(module, name, value)
    # PythonQt has neither of these: code that used them would fail in Slicer
    for name in ("Signal", "Slot", "Property", "SignalInstance", "ClassInfo"):
        if hasattr(module, name):
            delattr(module, name)
    module.QUiLoader = UiLoader
    module.QAction = QtGui.QAction
    module.QShortcut = QtGui.QShortcut
    # with Qt 5, the Qt of most Slicer builds, these two live in QtWidgets and have no scoped enums
    module.QApplication = QtWidgets.QApplication
    module.QWIDGETSIZE_MAX = 16777215
    sys.modules["qt"] = module
    return module
