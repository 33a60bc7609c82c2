"""ProcessKill: the end of a process that does not end by itself, on every system."""

import os
import signal
import subprocess
import sys

#: Windows' program for it answers within a fraction of that, unless something holds it up.
_TASKKILL_SECONDS = 5.0


def killProcess(pid):
    """End one process by its id, on Windows with its children, without a console window; True where it was there."""
    if sys.platform == "win32" and _isKilledWithChildren(pid):
        return True
    try:
        # on Windows SIGTERM is no signal: Python ends the process itself
        os.kill(pid, signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)
    except OSError:
        return False
    return True


def _isKilledWithChildren(pid):
    """Whether Windows' own program has ended a process; where programs have to be allowed, it may not be."""
    command = ["taskkill", "/PID", str(pid), "/T", "/F"]
    flags = subprocess.CREATE_NO_WINDOW
    try:
        done = subprocess.run(command, capture_output=True, creationflags=flags, timeout=_TASKKILL_SECONDS, check=False)
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0
