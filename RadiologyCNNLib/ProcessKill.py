"""ProcessKill: the end of a process that does not end by itself, on every system."""

import os
import signal
import subprocess
import sys


def killProcess(pid):
    """End one process by its id, on Windows with its children, without a console window; True where it was there."""
    if sys.platform == "win32":
        command = ["taskkill", "/PID", str(pid), "/T", "/F"]
        return subprocess.run(command, capture_output=True, creationflags=subprocess.CREATE_NO_WINDOW).returncode == 0
    try:
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return False
    return True
