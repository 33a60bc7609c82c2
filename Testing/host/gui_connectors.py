"""Binds one widget to one typed parameter, for the classes of widget that Slicer's wrapper supports.

Slicer compares ``type(widget)`` exactly: a subclass of a supported widget is refused there, so it is refused here.
"""

import typing

from . import widgets_ctk, widgets_node_selector, widgets_numbers
from .parameter_types import Choice, Decimals, Maximum, Minimum, SingleStep, WithinRange
from .stand_in import QtWidgets

CHECKABLE = (
    QtWidgets.QCheckBox,
    QtWidgets.QPushButton,
    widgets_ctk.ctkCheckBox,
    widgets_ctk.ctkCheckablePushButton,
)
INTEGERS = (QtWidgets.QSlider, QtWidgets.QSpinBox)
SLIDERS = (widgets_numbers.ctkSliderWidget, widgets_numbers.qMRMLSliderWidget, widgets_numbers.ctkDoubleSlider)
NUMBERS = (*SLIDERS, QtWidgets.QDoubleSpinBox, widgets_numbers.ctkDoubleSpinBox, widgets_numbers.qMRMLSpinBox)
COMBO_BOXES = (QtWidgets.QComboBox, widgets_ctk.ctkComboBox)


class Connector:
    """Reads and writes a widget's value by an attribute, and tells when the signal comes."""

    def __init__(self, widget, attribute, signal):
        self.widget, self.attribute, self.signal = widget, attribute, signal
        self.callback = None

    def connect(self, callback):
        self.callback = callback
        getattr(self.widget, self.signal).connect(callback)

    def disconnect(self):
        if self.callback is not None:
            getattr(self.widget, self.signal).disconnect(self.callback)
            self.callback = None

    def read(self):
        return getattr(self.widget, self.attribute)

    def write(self, value):
        setattr(self.widget, self.attribute, value)


class NodeConnector(Connector):
    def __init__(self, widget, attribute, signal, kind):
        super().__init__(widget, attribute, signal)
        parts = [part for part in typing.get_args(kind) or (kind,) if part is not type(None)]
        widget.nodeTypes = [part.__name__ for part in parts]  # whatever the .ui says

    def read(self):
        return self.widget.currentNode()

    def write(self, value):
        self.widget.setCurrentNode(value)


class PlainTextConnector(Connector):
    def read(self):
        return self.widget.toPlainText()

    def write(self, value):
        if self.read() != value:
            self.widget.setPlainText(value)


class PathConnector(Connector):
    def __init__(self, widget, attribute, signal, kind):
        super().__init__(widget, attribute, signal)
        self.kind = kind

    def read(self):
        return self.kind(getattr(self.widget, self.attribute))

    def write(self, value):
        if self.read() != value:
            setattr(self.widget, self.attribute, str(value))


class ChoiceConnector(Connector):
    """A combo box that lists given values by their labels."""

    def __init__(self, widget, values, labels):
        super().__init__(widget, "currentIndex", "currentIndexChanged")
        self.values = list(values)
        widget.clear()
        for label in labels:
            widget.addItem(label)

    def read(self):
        return self.values[self.widget.currentIndex]

    def write(self, value):
        if value not in self.values:
            raise ValueError(f"Unable to find value {value} in choices {self.values}")
        self.widget.currentIndex = self.values.index(value)


def _set_limits(widget, parameter):
    """Range, decimals and step from the annotations; a slider needs both bounds, as in Slicer."""
    for note, attribute in ((Decimals, "decimals"), (SingleStep, "singleStep")):
        found = parameter.annotation(note)
        if found is not None:
            setattr(widget, attribute, found.value)
    bounds = parameter.annotation(WithinRange)
    low = bounds or parameter.annotation(Minimum)
    high = bounds or parameter.annotation(Maximum)
    if (low is None or high is None) and type(widget) in (*SLIDERS, QtWidgets.QSlider):
        raise RuntimeError(f"Cannot have a connection to a slider where the parameter {parameter.name} is unbounded")
    limit = 2**31 - 1 if type(widget) in INTEGERS else 1e300
    widget.minimum = low.minimum if low is not None else -limit
    widget.maximum = high.maximum if high is not None else limit


def create_connector(widget, parameter) -> Connector:
    """A connector for the widget's exact class and the parameter's type; raises RuntimeError where Slicer has none."""
    cls, kind = type(widget), parameter.kind
    if kind is bool and cls in CHECKABLE:
        widget.checkable = True
        return Connector(widget, "checked", "toggled")
    if (kind is int and cls in INTEGERS) or (kind in (int, float) and cls in NUMBERS):
        _set_limits(widget, parameter)
        return Connector(widget, "value", "valueChanged")
    if cls in COMBO_BOXES and parameter.is_enum:
        label = getattr(kind, "label", lambda value: value.name)
        return ChoiceConnector(widget, kind, [label(value) for value in kind])
    if cls in COMBO_BOXES and kind in (int, float, str, bool):
        choice = parameter.annotation(Choice)
        if choice is None:
            raise RuntimeError("ComboBoxToStringableConnector requires the Choice annotation to be used.")
        return ChoiceConnector(widget, choice.choices, [str(value) for value in choice.choices])
    if kind is str and cls is QtWidgets.QLineEdit:
        return Connector(widget, "text", "textChanged")
    if kind is str and cls is QtWidgets.QTextEdit:
        return PlainTextConnector(widget, "plainText", "textChanged")
    if parameter.is_path and cls is widgets_ctk.ctkPathLineEdit:
        return PathConnector(widget, "currentPath", "currentPathChanged", kind)
    if parameter.is_path and cls is widgets_ctk.ctkDirectoryButton:
        return PathConnector(widget, "directory", "directoryChanged", kind)
    if parameter.is_node and cls is widgets_node_selector.qMRMLNodeComboBox:
        return NodeConnector(widget, "currentNode", "currentNodeChanged", kind)
    raise RuntimeError(
        f"Unable to create GUI connector from datatype '{parameter.annotated_type}' to widget type '{cls}'"
    )
