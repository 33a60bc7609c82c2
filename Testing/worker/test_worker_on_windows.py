"""What the worker does on Windows alone, in a process that takes itself to be there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="it stands in for Windows")

#: Windows' functions as far as they are needed, each of which says on stderr that it was called.
_WINDOWS = """
import ctypes, locale, os, sys, types
import radiologycnn.worker.jobs, radiologycnn.worker.server as server

def say(*words):
    os.write(2, (" ".join(map(str, words)) + "\\n").encode())

def terminate(process, code):
    say("terminated", process, code)
    os.kill(os.getpid(), 9)

class Function:
    def __init__(self, call): self.call = call
    def __call__(self, *arguments): return self.call(*arguments)

def library(name, **options):
    assert name == "kernel32"
    own = Function(lambda: "itself")
    return types.SimpleNamespace(GetCurrentProcess=own, TerminateProcess=Function(terminate))

ctypes.WinDLL = library
sys.modules["msvcrt"] = types.SimpleNamespace(
    SEM_FAILCRITICALERRORS=1, SEM_NOGPFAULTERRORBOX=2, SetErrorMode=lambda mode: say("error mode", mode)
)
def setlocale(category, name):
    if "{locale_error}": raise locale.Error("unsupported locale setting")
    say("locale", {locale.LC_CTYPE: "names", locale.LC_TIME: "times"}[category], name)
locale.setlocale = setlocale
sys.platform = "win32"
server.main()
"""


def said(repository: Path, locale_error: str = "") -> tuple[list[str], int]:
    """What a worker whose stdin closes at once says of Windows' functions, and its exit code."""
    program = _WINDOWS.replace("{locale_error}", locale_error)
    done = subprocess.run(
        [sys.executable, "-c", program],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(repository)},
        timeout=120,
    )
    assert b'"event": "ready"' in done.stdout, done.stderr.decode()
    return done.stderr.decode().splitlines(), done.returncode


def test_it_ends_without_waiting_for_threads_that_windows_has_ended(repository: Path) -> None:
    lines, code = said(repository)
    assert "terminated itself 0" in lines
    assert code == -9


def test_a_crash_opens_no_window_that_keeps_the_process(repository: Path) -> None:
    lines, _code = said(repository)
    assert "error mode 3" in lines


def test_libraries_take_file_names_for_utf8(repository: Path) -> None:
    """A scan in a folder “Müller”, and the temporary folder of who is called so, are found."""
    lines, _code = said(repository)
    assert "locale names .UTF-8" in lines


def test_names_of_time_zones_are_written_in_the_letters_that_they_are_read_in(repository: Path) -> None:
    """Python takes “Mitteleuropäische Zeit” from C's clock in the letters of times, and reads it in those of names."""
    lines, _code = said(repository)
    times, names = [line for line in lines if line.startswith("locale")]
    assert times == "locale times en_US.UTF-8" and names.endswith("UTF-8")


def test_an_older_windows_without_utf8_has_a_worker_too(repository: Path) -> None:
    lines, _code = said(repository, "yes")
    assert "terminated itself 0" in lines
