"""Fixtures for tests that run the shipped panels in the stand-in host.

One host lives for the whole test session, as the real application would; each test starts with an empty scene.
"""

import importlib.metadata
import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

os.environ.setdefault("PYSIDE6_OPTION_PYTHON_ENUM", "0x2")
# looked for, not imported: the host must set PySide6's options before its first import
for name in ("slicer", "PySide6"):
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed (pip install radiologycnn[host])", allow_module_level=True)

REPOSITORY = Path(__file__).resolve().parents[2]
MAKE_MODELS = """
import sys
from pathlib import Path
from engine.hand_made import tiny_package
from engine.hand_made_shoulder import make_package
tiny_package(Path(sys.argv[1]) / "tiny-1.0.0")
make_package(Path(sys.argv[1]) / "sees-light-1.0.0")
"""


@pytest.fixture(scope="session")
def slicerHost():
    """The stand-in host, offscreen and in testing mode (message boxes answer at once)."""
    import vtk
    from host import SlicerHost, views

    # A slice of a small scan takes less time than the threads that would share it, and other tests want the cores.
    vtk.vtkMultiThreader.SetGlobalMaximumNumberOfThreads(1)
    views.INTERVAL_MS = 1000  # hardly anybody looks: see promptViews
    host = SlicerHost._instance or SlicerHost(offscreen=True)
    yield host
    host.close()


@pytest.fixture(autouse=True)
def emptyScene(slicerHost, caplog):
    """An empty scene, no message kept; afterwards an exception that a slot or a signal swallowed fails the test."""
    slicerHost.clear_scene()
    slicerHost.messages.clear()
    slicerHost.errors.clear()
    yield
    slicerHost.process_events()
    errors = list(slicerHost.errors)
    slicerHost.errors.clear()
    assert not errors, "exceptions in slots:\n" + "\n".join(errors)
    logged = [record.getMessage() for part in ("setup", "call") for record in caplog.get_records(part)]
    swallowed = [text for text in logged if "connected to a signal failed" in text]
    assert not swallowed, "exceptions in functions of signals:\n" + "\n".join(swallowed)


@pytest.fixture
def promptViews(slicerHost, monkeypatch):
    """Views draw what has changed as soon as on a person's screen, for tests that look at the pictures."""
    monkeypatch.setattr("host.views.INTERVAL_MS", 15)


@pytest.fixture
def loadModule(slicerHost):
    """loadModule("HemorrhageSeg") loads the module of that name, shows its panel and returns its widget object."""

    def load(name):
        return slicerHost.load_module(REPOSITORY / name)

    return load


@pytest.fixture
def hemorrhageSeg(loadModule):
    """The panel of HemorrhageSeg, shown."""
    return loadModule("HemorrhageSeg")


@pytest.fixture
def cuff(slicerHost):
    """A shoulder to put into the scene, and the scene side of RotatorCuffCNN, without its panel."""
    from panels.cuff_scene import shoulderScene

    slicerHost.leave_module()  # a panel that is open shows a loaded result as its own settings say
    return shoulderScene(REPOSITORY)


@pytest.fixture
def openClinic(slicerHost):
    """openClinic(HeadClinic) opens the panel with a scan in it, and a worker that answers what the test says."""
    clinics = []

    def opened(kind):
        clinics.append(kind(slicerHost, slicerHost.load_module(REPOSITORY / kind.MODULE, select=False)))
        return clinics[-1]

    yield opened
    slicerHost.clear_scene()
    for clinic in clinics:
        getattr(clinic.slicer.modules, f"{clinic.MODULE}Widget").logic.client = None


@pytest.fixture
def headClinic(openClinic):
    """The opened panel of HemorrhageSeg with a head CT in it."""
    from panels.head_clinic import HeadClinic

    return openClinic(HeadClinic)


@pytest.fixture
def shoulderClinic(openClinic):
    """The opened panel of RotatorCuffCNN with a shoulder MRI in it."""
    from panels.shoulder_clinic import ShoulderClinic

    return openClinic(ShoulderClinic)


@pytest.fixture(scope="session")
def madeElsewhere(made_once):
    """madeElsewhere(name, program) is a folder that a program filled in a process of its own, where torch may be."""

    def run(program, folder):
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "Testing")])}
        subprocess.run([sys.executable, "-c", program, str(folder)], check=True, env=environment, timeout=600)

    return lambda name, program: made_once(name, lambda folder: run(program, folder))


@pytest.fixture(scope="session")
def smallModels(madeElsewhere):
    """A folder with a small model for each panel."""
    return madeElsewhere("small-models", MAKE_MODELS)


@pytest.fixture(scope="session")
def sharedWorkerClient(slicerHost):
    """One real worker behind all panels, as in Slicer: it imports torch only once."""
    from RadiologyCNNLib.QtWorkerProcess import makeClient

    client = makeClient()
    yield client
    client.stop()


@pytest.fixture
def realWorker(sharedWorkerClient, smallModels, monkeypatch):
    """The real worker's client; worker and panels know the small models."""
    monkeypatch.setenv("RADIOLOGYCNN_MODELS", str(smallModels))
    monkeypatch.setenv("PATH", os.path.dirname(sys.executable), prepend=os.pathsep)
    return sharedWorkerClient


@pytest.fixture
def openRealPanel(slicerHost, realWorker):
    """openRealPanel("HemorrhageSeg") enters a panel behind which the real worker is; returns its widget object."""
    import slicer

    opened = []

    def enter(name):
        widget = slicerHost.load_module(REPOSITORY / name, select=False)
        widget.logic.client = realWorker
        opened.append(widget)
        slicer.util.selectModule(name)
        widget.enter()
        return widget

    yield enter
    slicerHost.clear_scene()
    for widget in opened:
        widget.logic.client = None


@pytest.fixture
def waitFor(slicerHost):
    """waitFor(condition) lets the application run until it is true; generous, as a loaded machine is slow."""

    def wait(condition):
        assert slicerHost.process_events(240, until=condition), "nothing happened"

    return wait


@pytest.fixture
def room(slicerHost, tmp_path, monkeypatch):
    """The opened panel of HemorrhageSeg for an annotator: a folder for scans, and a writer that needs no process."""
    from panels.annotation_room import AnnotationRoom, inlineWriter

    widget = slicerHost.load_module(REPOSITORY / "HemorrhageSeg", select=False)
    room = AnnotationRoom(slicerHost, widget, tmp_path / "scans")
    for name in ("RadiologyCNN/CaseOrder", "RadiologyCNN/CaseFilter"):
        room.qt.QSettings().remove(name)
    room.ui.caseOrderSelector.setCurrentIndex(0)
    room.ui.caseFilterSelector.setCurrentIndex(0)
    monkeypatch.setattr(widget.installer, "missing", lambda: [])
    monkeypatch.setattr(room.qt.QFileDialog, "getExistingDirectory", lambda *arguments: str(room.folder))
    widget.worklist.writer.client = inlineWriter(room.qt)
    yield room
    slicerHost.clear_scene()
    widget.ui.correctCollapsibleButton.collapsed = True
    widget.ui.worklistCollapsibleButton.collapsed = True
    widget.worklist.cases.store = None
    widget.worklist._scans = widget.worklist._dataset = ""
    widget.worklist._show()
    widget.logic.client = None


@pytest.fixture
def office(room):
    """A room with three scans listed and a second worker that answers what the test tells it to."""
    from RadiologyCNNLib.AnswerlessClient import AnswerlessClient

    room.widget.jobs.abandon()
    room.second = AnswerlessClient()
    room.widget.jobs.client = room.second
    room.parts = room.widget.datasetUi
    parts = (room.parts.agreementCollapsibleButton, room.parts.improveCollapsibleButton)
    for part in parts:
        part.collapsed = False
    room.writeScans()
    room.openList()
    yield room
    for part in parts:
        part.collapsed = True
    room.widget.jobs.abandon()


@pytest.fixture
def versions(monkeypatch):
    """Package versions as the metadata tells them; a package that is not named here is as it really is."""
    told = {}
    real = importlib.metadata.distribution

    def distribution(name):
        if name in told:
            if told[name] is None:
                raise importlib.metadata.PackageNotFoundError(name)
            metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {told[name]}\n\nThe text\nVersion: 9999\n"
            return SimpleNamespace(read_text=lambda file: metadata if file == "METADATA" else None)
        return real(name)

    monkeypatch.setattr(importlib.metadata, "distribution", distribution)
    return told
