"""Keeps Python alive under PySide6 builds that give back a reference to None too many on each call without a result.

PySide6 6.12 takes None for immortal, which it is from Python 3.12 on. Under 3.11 each ``label.setText("x")`` then lowers
None's reference count by one, and after some ten thousand calls the interpreter ends with "deallocating None".
"""

import ctypes
import sys

_MANY = 1 << 40


def keep_none() -> None:
    """Make None's reference count so large that it is never used up."""
    if sys.version_info < (3, 12) and sys.getrefcount(None) < _MANY:
        ctypes.c_ssize_t.from_address(id(None)).value += _MANY
