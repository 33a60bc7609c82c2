"""How the worker's process ends: at once, and without a window that waits for somebody to close it."""

from __future__ import annotations

import ctypes
import os
import sys
from typing import NoReturn


def end_without_dialog() -> None:
    """Let a crash end the process at once, where Windows would keep it until somebody has closed a window about it.

    Slicer tells of the end; until then its panel would wait for an answer.
    """
    if sys.platform == "win32":
        import msvcrt

        msvcrt.SetErrorMode(msvcrt.SEM_FAILCRITICALERRORS | msvcrt.SEM_NOGPFAULTERRORBOX)


def end_now(code: int) -> NoReturn:
    """End the process with an exit code, whatever its threads do.

    On Windows ``os._exit`` is not that: it ends the other threads wherever they are and then lets each library tidy
    up, which can wait for ever for one of those threads (Microsoft, “ExitProcess function”; OpenVINO, issue 32423).
    """
    if sys.platform == "win32":
        kernel = ctypes.WinDLL("kernel32")
        kernel.GetCurrentProcess.restype = ctypes.c_void_p
        kernel.TerminateProcess.argtypes = (ctypes.c_void_p, ctypes.c_uint)
        kernel.TerminateProcess(kernel.GetCurrentProcess(), code)
    os._exit(code)
