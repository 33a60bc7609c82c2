"""File names for libraries that take them as bytes."""

from __future__ import annotations

import contextlib
import locale
import sys


def use_utf8_file_names() -> None:
    """Have this process's C library take the bytes of file names for UTF-8, as SimpleITK and OpenVINO are given them.

    On Windows it takes them for the system's own code page unless the locale says UTF-8, which it can since 2018
    (Microsoft, “setlocale: UTF-8 support”): a scan in the folder “Müller” would not be found, and who is called so
    could read no compressed DICOM, as that is unpacked in the person's own temporary folder. Slicer's application
    says UTF-8 in its manifest; no ``python.exe`` does, PythonSlicer's neither (ITK's issue 6739). Elsewhere file names
    are bytes to the system, too.

    For the beginning of a program: the locale is that of all its threads.
    """
    if sys.platform == "win32":
        with contextlib.suppress(locale.Error):  # an older Windows
            # Times first: Python's ``astimezone`` has C write a zone's name (“Mitteleuropäische Zeit”) in the code page
            # of times and reads it in that of names. Their words stay English, as they are by default.
            locale.setlocale(locale.LC_TIME, "en_US.UTF-8")
            locale.setlocale(locale.LC_CTYPE, ".UTF-8")
