"""InstallerOutput: what pip prints: its last lines as they come, and the reason of a failure among them."""

import io
import subprocess
import sys
from collections import deque

KEPT_LINES = 40
#: Words of an installer's output that mark the line with the reason, the most telling first.
_REASON_MARKS = ("No space left", "ERROR:", "error:", "Error")
_NO_CONNECTION = "There is no connection to the internet: check network and proxy, then try again."
_DISK_FULL = "The disk is full: free some gigabytes, then try again."
_PATH_TOO_LONG = "Slicer's path is too long for Windows: install Slicer into a shorter folder."
_HINTS = (
    ("No space left", _DISK_FULL),
    ("[WinError 112]", _DISK_FULL),
    ("getaddrinfo", _NO_CONNECTION),
    ("Name or service not known", _NO_CONNECTION),
    ("Temporary failure in name", _NO_CONNECTION),
    ("ProxyError", "The proxy refuses the connection: ask whoever runs the network, then try again."),
    ("CERTIFICATE_VERIFY_FAILED", "The connection is not trusted: ask whoever runs the network, then try again."),
    ("connection broken by", _NO_CONNECTION),  # pip's words for all other ways of not getting through
    ("from versions: none", _NO_CONNECTION),  # an index that was reached would have named some
    ("Permission denied", "Slicer's folder may not be written to: install Slicer into your own folder."),
    (
        "Read-only file system",
        "Slicer's folder may not be written to: move Slicer into your own folder, on a Mac into Applications, then try "
        "again.",
    ),
    (
        "[WinError 5]",  # said of both
        "A file is in use, or Slicer's folder may not be written to: restart Slicer and try again before doing "
        "anything else. If that does not help, install Slicer into your own folder.",
    ),
    ("[WinError 32]", "Another program, such as a virus scanner, holds a file: restart Slicer, then try again."),
    ("[WinError 206]", _PATH_TOO_LONG),
    ("Long Path support", _PATH_TOO_LONG),  # pip's own hint, after an error that only says that a file is not there
    ("ResolutionImpossible", "No version fits this Slicer's own packages: update Slicer, then try again."),
    ("No matching distribution", "No suitable version exists for this Slicer: update Slicer, then try again."),
)


class LastLines(io.TextIOBase):
    """Stands in for stdout: passes everything on, and keeps the last lines.

    Args:
        onLine: function (line) that is called with each whole line that is not blank.
    """

    def __init__(self, onLine):
        self._passOn = sys.stdout
        self._onLine = onLine
        self._lines = deque(maxlen=KEPT_LINES)
        self._rest = ""

    def write(self, text):
        if self._passOn is not None:
            self._passOn.write(text)
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            if line.strip():
                self._lines.append(line)
                self._onLine(line)
        return len(text)

    def flush(self):
        if self._passOn is not None:
            self._passOn.flush()

    @property
    def text(self):
        """The last lines, as one text."""
        return "\n".join([*self._lines, self._rest]).strip()


def failureReason(error, output):
    """The line that holds the reason of a failed installation, and what can be done about it.

    Args:
        error: the exception that ended it.
        output: the last lines that it printed.
    """
    lines = [line for line in output.splitlines() if line.strip()]
    reason = next((line for mark in _REASON_MARKS for line in reversed(lines) if mark in line), "")
    if not reason:
        isProcess = isinstance(error, subprocess.CalledProcessError)
        reason = lines[-1] if isProcess and lines else f"{type(error).__name__}: {error}"
    text = f"{output}\n{error}"
    hint = next((hint for mark, hint in _HINTS if mark in text), "Look at the details, then try again.")
    return reason.strip(), hint
