"""What PySide6 has and the Qt 5.15 of Slicer 5.12 has not, hidden from the panels: code that needs it fails here."""

from PySide6 import QtCore, QtGui, QtWidgets

NEWER_THAN_SLICER = {
    "QtCore.QTimer": "id intervalAsDuration remainingTimeAsDuration",
    "QtCore.QProcess": "UnixProcessFlag UnixProcessParameters failChildProcessModifier setUnixProcessParameters "
    "startCommand unixProcessParameters",
    "QtCore.QIODevice": "readLineInto",
    "QtGui.QAction": "associatedObjects checkableChanged enabledChanged resetEnabled visibleChanged",
    "QtGui.QShortcut": "keys setKeys",
    "QtWidgets.QWidget": "accessibleIdentifier encodeMetricF find internalWinId isTopLevel painters "
    "setAccessibleIdentifier setScreen topLevelWidget",
    "QtWidgets.QLayout": "align getContentsMargins horizontalSizeConstraint setHorizontalSizeConstraint "
    "setSizeConstraints setVerticalSizeConstraint totalMinimumHeightForWidth unsetContentsMargins "
    "verticalSizeConstraint",
    "QtWidgets.QFormLayout": "isRowVisible setRowVisible",
    "QtWidgets.QGridLayout": "getItemPosition",
    "QtWidgets.QCheckBox": "checkStateChanged",
    "QtWidgets.QComboBox": "LabelDrawingMode labelDrawingMode setLabelDrawingMode",
    "QtWidgets.QMessageBox": "Option buttonText options setButtonText setOption setOptions standardIcon testOption",
    "QtWidgets.QAbstractSpinBox": "returnPressed",
    "QtWidgets.QSplitter": "getRange",
    "QtWidgets.QAbstractItemView": "keyboardSearchFlags setKeyboardSearchFlags setUpdateThreshold updateThreshold",
}


ABSENT_SIGNALS = frozenset({"checkStateChanged", "checkableChanged", "enabledChanged", "visibleChanged"})


class Absent:
    """A member that the class lacks in Slicer."""

    def __init__(self, name):
        self.name = name

    def __get__(self, instance, owner):
        raise AttributeError(f"'{owner.__name__}' has no attribute '{self.name}' in Slicer 5.12")

    def __set__(self, instance, value):
        self.__get__(instance, type(instance))


def hide_newer() -> None:
    """Put an ``Absent`` in the place of each."""
    modules = {"QtCore": QtCore, "QtGui": QtGui, "QtWidgets": QtWidgets}
    for path, names in NEWER_THAN_SLICER.items():
        module, class_ = path.split(".")
        for name in names.split():
            setattr(getattr(modules[module], class_), name, Absent(name))
