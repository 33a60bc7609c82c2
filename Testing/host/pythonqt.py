"""Gives PySide6 the manners of PythonQt, Slicer's own binding of Qt.

In PythonQt a Qt property is an attribute (``label.text``, never ``label.text()``), an unknown attribute cannot be set
on a C++ object, and signals are connected by their C++ signature. PySide6 differs in all three, silently: with it
``label.text = "x"`` makes a Python attribute and the label does not change. ``apply()`` patches the PySide6 classes
once, for the whole process; from then on the host's own code is written in PythonQt's manner as well.

Where PythonQt only warns or returns False (an unknown signal), this raises: the host exists to find mistakes.
"""

import ctypes
import inspect
import os
from collections.abc import Callable

os.environ.setdefault("PYSIDE6_OPTION_PYTHON_ENUM", "0x2")  # enums as int, as in PythonQt (Qt.Checked == 2)

import shiboken6
from PySide6 import QtCore, QtGui, QtNetwork, QtSvg, QtUiTools, QtWidgets  # noqa: F401

from .newer_than_slicer import ABSENT_SIGNALS, Absent, hide_newer
from .pythonqt_signals import class_name, connect, disconnect

if not isinstance(QtCore.Qt.Checked, int):
    raise ImportError("PySide6 was imported before the host: its enums are not integers, as PythonQt's are")

MODULES = (QtCore, QtGui, QtWidgets, QtNetwork, QtSvg)
generic_set_attribute = ctypes.pythonapi.PyObject_GenericSetAttr
generic_set_attribute.argtypes = [ctypes.py_object] * 3
generic_set_attribute.restype = ctypes.c_int

_set_property = QtCore.QObject.setProperty
_get_property = QtCore.QObject.property
_applied = False
# PySide6's loader of .ui files sets every child as an attribute of the top widget; PythonQt does not
loading_ui = False
ANSWERED_HERE = frozenset({"connect", "disconnect", *ABSENT_SIGNALS})


class PropertyAttribute:
    """A Qt property as a Python data descriptor; on the class it is what PySide6 had there."""

    def __init__(self, name: str, original: object, setter: str, meta: QtCore.QMetaProperty):
        self.name, self.original, self.setter, self.writable = name, original, setter, meta.isWritable()
        self.is_enum = meta.isEnumType() or meta.isFlagType()
        self.type_name = meta.typeName()
        self.is_getter = inspect.ismethoddescriptor(original)

    def __get__(self, instance, owner):
        if instance is None:
            return self if self.original is None else self.original
        if self.is_getter:
            # the C++ getter itself: QObject.property() would come back here for virtual getters such as sizeHint
            return self.original.__get__(instance, owner)()
        return _get_property(instance, self.name)

    def __set__(self, instance, value):
        if not self.writable:
            raise AttributeError(f"property '{self.name}' of '{class_name(instance)}' object is not writable")
        check_value(self.name, self.type_name, value)
        setter = getattr(instance, self.setter, None)
        if setter is not None:
            try:
                setter(value)
                return
            except TypeError:
                if not self.is_enum:  # an int for an enum is right in PythonQt, and for Qt's property system
                    raise
        if not _set_property(instance, self.name, value):
            raise TypeError(
                f"property '{self.name}' of '{class_name(instance)}' object cannot be set to {value!r} "
                f"({type(value).__name__})"
            )


def check_value(name: str, type_name: str, value: object) -> None:
    """Refuse what PySide6 takes for a property of that C++ type and PythonQt does not, or takes for something else."""
    if value is None and type_name == "QString":
        raise TypeError(f"property '{name}': PythonQt writes None as the text \"None\"")
    if isinstance(value, str) and type_name == "QString":
        value.encode()  # as PythonQt: a lone surrogate is an error
    if type_name in ("int", "uint") and not isinstance(value, int | float) and not hasattr(value, "__index__"):
        raise TypeError(f"property '{name}' is a whole number, and {value!r} ({type(value).__name__}) is none")
    if type_name in ("int", "uint") and isinstance(value, float) and type(value) is not float:
        raise TypeError(f"property '{name}': PythonQt makes no whole number of a {type(value).__name__}")


def is_host_class(cls: type) -> bool:
    """True for a class written in Python (a stand-in, or a subclass in a panel)."""
    return not cls.__module__.startswith("PySide6")


def _declared(cls: type, name: str) -> object:
    """What a class or one of its bases has under that name, as it stands there; None if nothing.

    As ``inspect.getattr_static``, which takes many times as long: every write to a widget comes here.
    """
    for base in cls.__mro__:
        if name in base.__dict__:
            return base.__dict__[name]
    return None


def _make_get_attribute(original: Callable) -> Callable:
    def get_attribute(self, name):
        if name not in ANSWERED_HERE:  # half a million times in a minute of tests
            value = original(self, name)
            if type(value) is QtCore.Property:  # what PySide6 answers for a deleted stand-in
                raise ValueError(f"Trying to read property '{name}' from a destroyed {type(self).__name__} object")
            return value
        if name == "connect":
            return lambda *arguments: _bound_connect(self, original, *arguments)
        if name == "disconnect":
            return lambda *arguments: _bound_disconnect(self, original, *arguments)
        if isinstance(_declared(type(self), name), Absent):
            raise AttributeError(f"'{class_name(self)}' emits no {name} in Slicer 5.12")
        return original(self, name)

    return get_attribute


def _bound_connect(sender, original, *arguments):
    if len(arguments) >= 2 and isinstance(arguments[0], str) and not arguments[0].startswith(("1", "2")):
        return connect(sender, *arguments)
    return original(sender, "connect")(*arguments)  # Qt's own calls, such as those of QTimer.singleShot


def _bound_disconnect(sender, original, *arguments):
    if arguments and isinstance(arguments[0], str) and not arguments[0].startswith(("1", "2")):
        return disconnect(sender, *arguments)
    return original(sender, "disconnect")(*arguments)


def _set_attribute(self, name, value):
    if isinstance(value, QtCore.SignalInstance):  # PySide6 keeps a signal, once it was asked for, in the object
        generic_set_attribute(self, name, value)
        return
    found = _declared(type(self), name)
    if type(found) is PropertyAttribute:
        found.__set__(self, value)
    elif isinstance(found, QtCore.Property):
        meta = QtCore.QObject.metaObject(self)
        check_value(name, meta.property(meta.indexOfProperty(name)).typeName(), value)
        if not _set_property(self, name, value):
            raise TypeError(f"property '{name}' of '{class_name(self)}' object cannot be set to {value!r}")
    elif hasattr(found, "__set__"):
        found.__set__(self, value)
    elif is_host_class(type(self)) and (not getattr(type(self), "_STRICT", False) or name.startswith("_")):
        generic_set_attribute(self, name, value)
    elif loading_ui:
        return
    elif found is None:
        raise AttributeError(
            f"'{class_name(self)}' object has no attribute '{name}', and creating new attributes on C++ objects "
            "is not allowed"
        )
    else:
        raise AttributeError(f"'{name}' of '{class_name(self)}' object cannot be overwritten: it is a method")


def _qobject_classes() -> list[type]:
    # dir(), not vars(): PySide6 makes its classes when they are first asked for
    named = [getattr(module, name) for module in MODULES for name in dir(module)]
    classes = {cls for cls in named if inspect.isclass(cls)}
    return [cls for cls in classes if issubclass(cls, QtCore.QObject)]


def _add_properties(cls: type) -> None:
    meta = cls.staticMetaObject
    for index in range(meta.propertyCount()):
        meta_property = meta.property(index)
        name = meta_property.name()
        own = index >= meta.propertyOffset()
        original = cls.__dict__.get(name)
        if not own and original is None:
            continue
        if original is None:
            inherited = inspect.getattr_static(cls, name, None)
            original = inherited.original if isinstance(inherited, PropertyAttribute) else inherited
        if isinstance(original, PropertyAttribute):
            continue
        if isinstance(original, staticmethod):
            original = original.__func__
        setter = "set" + name[0].upper() + name[1:]
        setattr(cls, name, PropertyAttribute(name, original, setter, meta_property))


class _Name:
    """``object.name``: PythonQt's other way to reach objectName."""

    def __get__(self, instance, owner):
        return self if instance is None else QtCore.QObject.objectName.__get__(instance, owner)()

    def __set__(self, instance, value):
        QtCore.QObject.setObjectName(instance, value)


_qt_single_shot = QtCore.QTimer.singleShot


def _single_shot(milliseconds: int, callback: Callable) -> None:
    """Slicer replaces QTimer.singleShot by a function of just these two arguments."""
    if not callable(callback):
        raise TypeError(f"singleShot: {callback!r} cannot be called")
    _qt_single_shot(milliseconds, lambda: callback())


def apply() -> None:
    """Patch PySide6; a second call does nothing."""
    global _applied
    if _applied:
        return
    _applied = True
    classes = sorted(_qobject_classes(), key=lambda cls: len(cls.__mro__))
    QtCore.QObject.className = lambda self: class_name(self)
    QtCore.QObject.delete = lambda self: shiboken6.delete(self)
    QtCore.QObject.__bool__ = lambda self: shiboken6.isValid(self)
    QtCore.QObject.name = _Name()
    QtCore.QTimer.singleShot = staticmethod(_single_shot)
    for cls in classes:
        _add_properties(cls)
    hide_newer()
    for cls in (QtWidgets.QDialog, QtWidgets.QMenu, QtCore.QEventLoop):
        cls.exec_ = lambda self, *arguments, _exec=cls.exec: _exec(self, *arguments)
    # Shiboken answers "connect" before any class dictionary is looked at, in some classes on their own
    for cls in classes:
        cls.__setattr__ = _set_attribute
        if "__getattribute__" in cls.__dict__ or cls is QtCore.QObject:
            cls.__getattribute__ = _make_get_attribute(cls.__getattribute__)
