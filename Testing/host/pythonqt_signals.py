"""Signals as PythonQt connects them: by their C++ signature, with no more arguments than the callback takes."""

import inspect
from collections.abc import Callable

import shiboken6
from PySide6 import QtCore

_static_connect = QtCore.QObject.connect
_static_disconnect = QtCore.QObject.disconnect
_connections: dict[tuple[int, str], list[tuple[Callable, Callable]]] = {}


def class_name(instance: QtCore.QObject) -> str:
    """Name of the object's class as Qt knows it."""
    return QtCore.QObject.metaObject(instance).className()


def normalized(signature: str) -> str:
    """Qt's normal form of a signature: no blanks, no names of const references."""
    return QtCore.QMetaObject.normalizedSignature(signature).data().decode()


def trimmed(callback: Callable) -> Callable:
    """The callback, given no more arguments than it takes, as PythonQt does for functions and methods.

    PythonQt counts default arguments too, so a lambda's defaults are overwritten by the signal's arguments; other
    callables (functools.partial, objects) get every argument.
    """
    function = getattr(callback, "__func__", callback)
    if isinstance(function, type(print)):  # a C++ method: Qt would not find its slot by name
        taken = None
    elif inspect.isfunction(function) and not function.__code__.co_flags & inspect.CO_VARARGS:
        taken = function.__code__.co_argcount - (1 if inspect.ismethod(callback) else 0)
    else:
        taken = None

    def slot(*arguments):
        callback(*arguments[:taken])

    return slot


def find_signal(sender: QtCore.QObject, signature: str) -> tuple[QtCore.QObject, str]:
    """Sender and signature to hand to Qt for a C++ signature; raises where no such signal exists."""
    normal = normalized(signature)
    for cls in type(sender).__mro__:
        stand_in = cls.__dict__.get("_SIGNATURES", {}).get(normal)
        if stand_in is not None:
            normal = stand_in
            break
    if QtCore.QObject.metaObject(sender).indexOfSignal(normal) < 0:
        raise ValueError(f"'{class_name(sender)}' object has no signal {signature!r}")
    return sender, normal


def connect(sender: QtCore.QObject, signature: str, *receiver) -> bool:
    """PythonQt's ``object.connect("signal(type)", callable)`` or ``connect("signal", object, "slot()")``."""
    sender, normal = find_signal(sender, signature)
    if len(receiver) == 2:
        target, slot_signature = receiver
        return bool(_static_connect(sender, QtCore.SIGNAL(normal), target, QtCore.SLOT(normalized(slot_signature))))
    (callback,) = receiver
    if not callable(callback):
        raise TypeError(f"connect({signature!r}): {callback!r} cannot be called")
    slot = trimmed(callback)
    if "::" in normal:  # PySide6 does not read scoped types in a signature
        getattr(sender, normal.split("(")[0]).connect(slot)
    else:
        _static_connect(sender, QtCore.SIGNAL(normal), slot)
    _connections.setdefault((shiboken6.getCppPointer(sender)[0], normal), []).append((callback, slot))
    return True


def disconnect(sender: QtCore.QObject, signature: str, callback: Callable | None = None) -> bool:
    """PythonQt's ``object.disconnect("signal(type)", callable)``; False where it was not connected."""
    sender, normal = find_signal(sender, signature)
    pairs = _connections.get((shiboken6.getCppPointer(sender)[0], normal), [])
    found = [pair for pair in pairs if callback is None or pair[0] == callback]
    for pair in found:
        pairs.remove(pair)
        if "::" in normal:
            getattr(sender, normal.split("(")[0]).disconnect(pair[1])
        else:
            _static_disconnect(sender, QtCore.SIGNAL(normal), pair[1])
    return bool(found)
