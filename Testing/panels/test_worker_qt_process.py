"""WorkerClient on Qt's process and timers, with the real worker, inside the stand-in Slicer."""

import importlib
import os
import signal
import sys
import types
from pathlib import Path

import psutil
import pytest
from worker.process_state import is_running

pytest.importorskip("PySide6")
pytest.importorskip("slicer")


@pytest.fixture
def host():
    from host import SlicerHost

    return SlicerHost.instance()


@pytest.fixture
def client(host):
    from RadiologyCNNLib.QtWorkerProcess import QtScheduler, QtWorkerProcess
    from RadiologyCNNLib.WorkerClient import WorkerClient

    client = WorkerClient(QtWorkerProcess(), QtScheduler())
    client.ends = {}
    client.result.connect(lambda job, message: client.ends.update({job: message}))
    client.failed.connect(lambda job, error: client.ends.update({job: error}))
    client.cancelled.connect(lambda job: client.ends.update({job: "cancelled"}))
    yield client
    client.stop()


def test_worker_answers_through_qt(host, client):
    job = client.request("models", task="hemorrhage-segmentation")
    assert host.process_events(until=lambda: job in client.ends)
    assert isinstance(client.ends[job]["models"], list)
    assert is_running(client.pid)
    # an extension whose folder a process works in cannot be updated on Windows
    assert Path(psutil.Process(client.pid).cwd()) == Path(sys.executable).parent


def test_an_answer_that_comes_while_a_dialog_is_open_is_heard_after_it(host, client):
    """Qt announces output only once while somebody is being told of it, and an error's dialog may stay open long."""
    client.start()
    assert host.process_events(until=lambda: client.state == "ready")
    waited = []

    def show_dialog(job, message):
        if not waited:
            waited.append(job)
            host.process_events(2.0)

    client.result.connect(show_dialog)
    first, second = client.request("devices"), client.request("models", task="hemorrhage-segmentation")
    assert host.process_events(until=lambda: bool(waited))
    assert host.process_events(10.0, until=lambda: {first, second} <= set(client.ends))


@pytest.mark.parametrize("is_cancelled", [False, True], ids=["", "cancelled"])
def test_a_timer_calls_at_most_once_and_goes_then(host, is_cancelled):
    """Python cannot see that it and Qt's timer hold each other: each job that is cancelled would leave one behind."""
    from RadiologyCNNLib.QtWorkerProcess import QtScheduler

    called, gone = [], []
    timer = QtScheduler().after(0.01, lambda: called.append(True))
    timer._timer.connect("destroyed()", lambda: gone.append(True))
    if is_cancelled:
        timer.cancel()
    assert host.process_events(10.0, until=lambda: bool(gone))
    assert called == ([] if is_cancelled else [True])
    timer.cancel()  # too late, or again


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_killed_worker_is_told_and_started_anew(host, client):
    client.start()
    assert host.process_events(until=lambda: client.state == "ready")
    pid = client.pid
    job = client.request("devices")
    os.kill(pid, signal.SIGKILL)
    assert host.process_events(until=lambda: job in client.ends and client.state == "ready")
    assert client.ends[job].code == "worker-died"
    assert client.pid != pid


def test_stop_leaves_no_process(host, client):
    client.start()
    assert host.process_events(until=lambda: client.state == "ready")
    pid = client.pid
    client.stop()
    assert not is_running(pid)
    assert client.state == "stopped"


def test_python_of_the_persons_choice_that_does_not_exist(host, client):
    settings = host.qt.QSettings()
    settings.setValue("RadiologyCNN/WorkerPython", "/nowhere/python")
    try:
        job = client.request("devices")
        assert host.process_events(until=lambda: job in client.ends)
        assert client.ends[job].code == "worker-not-started"
        assert "RadiologyCNN/WorkerPython" in client.ends[job].hint
        assert "/nowhere/python" in client.ends[job].details
    finally:
        settings.remove("RadiologyCNN/WorkerPython")


def test_python_of_the_persons_choice_gets_an_environment_without_slicers(host, monkeypatch):
    from RadiologyCNNLib import QtWorkerProcess

    names = ("PYTHONHOME", "PYTHONPATH", "PYTHONNOUSERSITE", "HOME")
    monkeypatch.setattr("slicer.util.startupEnvironment", lambda: dict.fromkeys(names, "/of/slicer"))
    environment = QtWorkerProcess.workerEnvironment(True)
    assert not environment.contains("PYTHONHOME")
    assert not environment.contains("PYTHONNOUSERSITE")
    assert environment.value("HOME") == "/of/slicer"
    assert "/of/slicer" not in environment.value("PYTHONPATH")


def test_one_client_is_shared_and_outlives_a_reload(host, monkeypatch):
    from RadiologyCNNLib import WorkerClient

    monkeypatch.setitem(sys.modules, WorkerClient._SHARED_NAME, types.ModuleType("registry of this test"))
    client = WorkerClient.WorkerClient.shared()
    assert WorkerClient.WorkerClient.shared() is client
    names = [name for name in sys.modules if name.split(".")[0] == "RadiologyCNNLib"]
    before = {name: sys.modules.pop(name) for name in names}
    try:
        reloaded = importlib.import_module("RadiologyCNNLib.WorkerClient").WorkerClient
        assert reloaded is not type(client)
        assert reloaded.shared() is client
        assert type(client) is reloaded
    finally:
        for name in [name for name in sys.modules if name.split(".")[0] == "RadiologyCNNLib"]:
            del sys.modules[name]
        sys.modules.update(before)
