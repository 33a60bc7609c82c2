"""What all stand-ins for Slicer's own widgets share.

A stand-in is a PySide6 class named as the Slicer class. Its public members are no more than the widget table lists for
that class (a test compares them); what it needs for itself starts with an underscore. ``_STRICT`` makes setting any
other attribute an error, as on the C++ class. ``_SIGNATURES`` maps signal signatures with types that PySide6 cannot
name (``currentNodeChanged(vtkMRMLNode*)``) to the signal that the stand-in really has.
"""

from collections.abc import Callable

from .pythonqt import QtCore, QtGui, QtWidgets, apply

apply()

Property, Signal = QtCore.Property, QtCore.Signal
__all__ = ["REGISTRY", "Property", "QtCore", "QtGui", "QtWidgets", "Signal", "stand_in", "stored"]

REGISTRY: dict[str, type] = {}


def stand_in(cls: type) -> type:
    """Class decorator: put the class into the registry that the loader, ``ctk`` and ``slicer`` read."""
    cls._STRICT = True
    REGISTRY[cls.__name__] = cls
    return cls


def stored(kind: type | str, default: object, changed: Callable | None = None) -> Property:
    """A Qt property that is merely kept; ``changed(widget)`` is called after a change of value."""
    key = object()

    def get(self):
        return self.__dict__.setdefault("_stored", {}).get(key, default)

    def set_(self, value):
        before = get(self)
        self.__dict__["_stored"][key] = value
        if changed is not None and before != value:
            changed(self)

    return Property(kind, get, set_)
