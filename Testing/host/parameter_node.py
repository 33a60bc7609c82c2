"""slicer.parameterNodeWrapper: typed parameters in a MRML node, bound to widgets.

Written after the behaviour of Slicer's package of that name, and no more lenient: a type or a widget that it does not
support is refused here as well.
"""

import types
import typing
import weakref

import slicer
import vtk

from . import gui_connectors, parameter_types
from .gui_connectors import create_connector
from .parameter_types import Parameter
from .stand_in import QtWidgets

NAME_PROPERTY = "SlicerParameterName"


def parameterNodeWrapper(cls=None):
    """Class decorator; with or without parentheses."""
    return _wrap if cls is None else _wrap(cls)


def _wrap(cls):
    parameters = {}
    for name, annotated in typing.get_type_hints(cls, include_extras=True).items():
        if hasattr(Wrapper, name) or name == "parameterNode":
            raise ValueError(f"Cannot use reserved name '{name}' in a parameterNodeWrapper")
        parameters[name] = Parameter(name, annotated, cls.__dict__.get(name))
        setattr(cls, name, _accessor(name))
    cls.allParameters = parameters
    cls._is_parameter_node_wrapper = True
    for name, value in vars(Wrapper).items():
        if not name.startswith("__") or name == "__init__":
            setattr(cls, name, value)
    return cls


def _accessor(name):
    return property(lambda self: self.getValue(name), lambda self, value: self.setValue(name, value))


class Wrapper:
    """What the decorator adds to a class of parameters."""

    def __init__(self, parameterNode, prefix=None):
        if parameterNode is None:
            raise ValueError("parameterNode is None")
        self.parameterNode = parameterNode
        self._guis = {}
        self._next_tag = 0
        self._updating = False
        self._values, self._writing = {}, set()
        for name, parameter in self.allParameters.items():
            if not parameter.is_in(parameterNode):
                parameter.write(parameterNode, parameter.default)
            self._remember(name)
        # as in Slicer, values are kept: a node that was removed is handed out until the parameter node tells of it,
        # which is after the scene has told of the removal
        itself = weakref.ref(self)
        tag = parameterNode.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda caller, event: itself()._remember_all())
        weakref.finalize(self, parameterNode.RemoveObserver, tag)

    def _remember(self, name):
        self._values[name] = self.allParameters[name].read(self.parameterNode)

    def _remember_all(self):
        for name in self.allParameters:
            if name not in self._writing:
                self._remember(name)

    def _parameter(self, name):
        if name not in self.allParameters:
            raise ValueError(f"Cannot find a param with the given name: {name}. Found {list(self.allParameters)}")
        return self.allParameters[name]

    def getValue(self, name):
        self._parameter(name)
        return self._values[name]

    def setValue(self, name, value):
        parameter = self._parameter(name)
        self._writing.add(name)
        try:
            with slicer.util.NodeModify(self.parameterNode):
                parameter.write(self.parameterNode, value)
                self._remember(name)
        finally:
            self._writing.discard(name)

    def default(self, name):
        return parameter_types.Default(self._parameter(name).default)

    def isCached(self, name):
        return self._parameter(name) is not None

    @classmethod
    def dataType(cls, name):
        return cls.allParameters[name].annotated_type

    def connectGui(self, gui):
        """Bind the widgets whose dynamic property SlicerParameterName names a parameter; returns a tag."""
        if getattr(gui, "isWidgetType", lambda: False)():
            widgets = gui.findChildren(QtWidgets.QWidget)
        else:
            widgets = [widget for widget in vars(gui).values() if hasattr(widget, "property")]
        named = {widget.property(NAME_PROPERTY): widget for widget in widgets if widget.property(NAME_PROPERTY)}
        return self.connectParametersToGui(named)

    def connectParametersToGui(self, mapping):
        connectors = {name: create_connector(widget, self._parameter(name)) for name, widget in mapping.items()}
        tag = self._next_tag
        self._next_tag += 1
        for name, connector in connectors.items():
            connector.write(self.getValue(name))
            connector.connect(self._gui_callback(name, connector))
        observer = self.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda caller, event: self._update_guis())
        self._guis[tag] = (connectors, observer)
        return tag

    def _gui_callback(self, name, connector):
        def changed(*_arguments):
            with slicer.util.NodeModify(self):
                if not self._updating:
                    self.setValue(name, connector.read())

        return changed

    def _update_guis(self):
        if self._updating:
            return
        self._updating = True
        try:
            with slicer.util.NodeModify(self):  # what they change meanwhile is told of at the end, and not to them
                for connectors, _ in self._guis.values():
                    for name, connector in connectors.items():
                        connector.write(self.getValue(name))
        finally:
            self._updating = False

    def disconnectGui(self, tag):
        if tag in self._guis:
            connectors, observer = self._guis.pop(tag)
            for connector in connectors.values():
                connector.disconnect()
            self.RemoveObserver(observer)

    def StartModify(self):
        return self.parameterNode.StartModify()

    def EndModify(self, was_modified):
        return self.parameterNode.EndModify(was_modified)

    def AddObserver(self, event, callback, priority=0.0):
        return self.parameterNode.AddObserver(event, callback, priority)

    def RemoveObserver(self, tag):
        self.parameterNode.RemoveObserver(tag)

    def Modified(self):
        self.parameterNode.Modified()


def make_python_module() -> types.ModuleType:
    """The module ``slicer.parameterNodeWrapper``."""
    module = types.ModuleType("slicer.parameterNodeWrapper")
    names = "Default Decimals SingleStep Minimum Maximum WithinRange NotNone Choice Exclude".split()
    for name in names:
        setattr(module, name, getattr(parameter_types, name))
    module.parameterNodeWrapper = parameterNodeWrapper
    module.isParameterNodeWrapper = lambda thing: getattr(thing, "_is_parameter_node_wrapper", False)
    module.SlicerParameterNamePropertyName = NAME_PROPERTY
    module.createGuiConnector = gui_connectors.create_connector
    module.__all__ = [*names, "parameterNodeWrapper", "isParameterNodeWrapper", "SlicerParameterNamePropertyName"]
    return module
