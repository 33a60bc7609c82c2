"""A worker whose jobs do what a test asks for; all else is the shipped worker.

The name of a ``devices`` job, or the task of a ``models`` job, says what it does: they need no other field.
"""

import ctypes
import errno
import os
import subprocess
import sys
import time
import warnings
from pathlib import Path

from radiologycnn.worker import server
from radiologycnn.worker.array_files import write_array
from radiologycnn.worker.jobs import JobRunner


def _slow(progress, seconds=60.0):
    for step in range(int(seconds / 0.05)):
        progress.step(step * 0.05 / seconds, "Counting")
        time.sleep(0.05)


def _deaf():
    time.sleep(600)


def _chatty(progress):
    for number in range(200):
        progress.step(number / 200, f"Stage {number}")
        print('{"event": "result", "job": "chatty"}')
        print("no line end", end="", flush=True)
        os.write(1, b"straight to the descriptor ")
        sys.stdout.write("ünïcode \n")
    subprocess.run([sys.executable, "-c", "print('from a child'); import sys; sys.stdin.read()"], check=True)
    libc = ctypes.CDLL(None)
    libc.puts(b"from C")
    libc.fflush(None)
    warnings.warn("a warning", stacklevel=1)
    sys.__stdout__.write("by the original name\n")


def _missing_package():
    import a_package_that_nobody_has  # noqa: F401


def _run(self, request, progress, cancelled):
    name = (request.get("task") or request["job"]).split("-")[0]
    if name == "slow":
        _slow(progress)
    elif name == "short":
        _slow(progress, 0.5)
    elif name == "deaf":
        progress.step(0.1, "Deaf")
        _deaf()
    elif name == "chatty":
        _chatty(progress)
    elif name == "memory":
        raise MemoryError
    elif name == "disk":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/some/folder/file.npy")
    elif name == "held":
        error = PermissionError(errno.EACCES, "The process cannot access the file", "/some/folder/file.npy")
        error.winerror = 32  # as Windows has it
        raise error
    elif name == "package":
        _missing_package()
    elif name == "surprise":
        raise KeyError("something nobody expected")
    elif name == "gpu":
        raise RuntimeError("CUDA error: unknown error\nCUDA kernel errors might be asynchronously reported")
    elif name == "exit":
        sys.exit(3)
    elif name == "crash":
        progress.step(0.1, "Crashing")
        os.abort()
    elif name == "writing":
        path = Path(os.environ["SCRIPTED_FILE"])
        self.unfinished_files.add(path)
        path.write_bytes(b"half of it")
        progress.step(0.5, "Writing")
        _deaf()
    elif name == "array":
        import numpy as np

        write_array(os.environ["SCRIPTED_FILE"], np.zeros(4_000_000, np.float32))
    return {"devices": [{"id": "cpu", "name": name, "torch": "torch" in sys.modules}]}


JobRunner.run = _run
if __name__ == "__main__":
    server.main()
