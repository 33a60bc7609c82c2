"""Keeps Python alive under PySide6 builds that give back a reference to None, True or False too many on each call.

PySide6 6.12 takes these for immortal, which they are from Python 3.12 on. Under 3.11 each ``label.setText("x")`` then
lowers None's reference count by one, and after some ten thousand calls Python ends with "deallocating None".
"""

import ctypes
import sys

_MANY = 1 << 40


def keep_none() -> None:
    """Make the reference counts of what Python 3.12 holds immortal so large that they are never used up."""
    if sys.version_info >= (3, 12):
        return
    for immortal in (None, True, False, Ellipsis, NotImplemented, "", b"", (), *range(-5, 257)):
        if sys.getrefcount(immortal) < _MANY:
            ctypes.c_ssize_t.from_address(id(immortal)).value += _MANY
