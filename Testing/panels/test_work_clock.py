"""Clocks that stand still while nobody looks, or the computer sleeps."""

import ctypes
import sys
from types import SimpleNamespace

import pytest

from radiologycnn.awake_clock import awake_seconds
from radiologycnn.worker.progress import JobProgress
from RadiologyCNNLib.WorkClock import WorkClock


@pytest.fixture
def windows(monkeypatch):
    """Windows' kernel: ``awake`` seconds have passed without, and any number with sleep."""
    system = SimpleNamespace(awake=100.0)

    def count(pointer):
        pointer._obj.value = round(system.awake * 1e7)

    monkeypatch.setattr(sys, "platform", "win32")
    kernel = SimpleNamespace(QueryUnbiasedInterruptTime=count)
    monkeypatch.setattr(ctypes, "windll", SimpleNamespace(kernel32=kernel), raising=False)
    monkeypatch.setattr("time.monotonic", iter(range(0, 10**9, 36_000)).__next__)
    return system


def test_sleep_is_no_time_that_was_worked(windows):
    clock, progress = WorkClock(), JobProgress(lambda *_: None, lambda: False)
    clock.resume()
    progress.step(0.0, "Running the network")
    windows.awake += 5
    assert awake_seconds() == 105 and clock.seconds == 5
    assert progress.finish()["total"] == 5


def test_clock_only_rises():
    before = awake_seconds()
    assert awake_seconds() >= before


def test_pauses_are_left_out():
    now = [0.0]
    clock = WorkClock(lambda: now[0])
    for isLooking in (True, False, True):
        clock.resume() if isLooking else clock.pause()
        now[0] += 10
    assert clock.isRunning and clock.seconds == 20
    clock.restart(3.0)
    now[0] += 1
    assert clock.seconds == 4
