"""Fixtures for tests that run the shipped panels in the stand-in host.

One host lives for the whole test session, as the real application would; each test starts with an empty scene.
"""

import importlib.util
import os
from pathlib import Path

import pytest

os.environ.setdefault("PYSIDE6_OPTION_PYTHON_ENUM", "0x2")
# looked for, not imported: the host must set PySide6's options before its first import
for name in ("slicer", "PySide6"):
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed (pip install radiologycnn[host])", allow_module_level=True)

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def slicerHost():
    """The stand-in host, offscreen and in testing mode (message boxes answer at once)."""
    from host import SlicerHost

    host = SlicerHost._instance or SlicerHost(offscreen=True)
    yield host
    host.close()


@pytest.fixture(autouse=True)
def emptyScene(slicerHost):
    """An empty scene, no message kept; afterwards an exception that a slot swallowed fails the test."""
    slicerHost.clear_scene()
    slicerHost.messages.clear()
    slicerHost.errors.clear()
    yield
    slicerHost.process_events()
    errors = list(slicerHost.errors)
    slicerHost.errors.clear()
    assert not errors, "exceptions in slots:\n" + "\n".join(errors)


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
def shoulderClinic(slicerHost):
    """The opened panel of RotatorCuffCNN with a shoulder MRI in it, and a worker that answers what the test says."""
    from panels.shoulder_clinic import ShoulderClinic

    widget = slicerHost.load_module(REPOSITORY / "RotatorCuffCNN", select=False)
    clinic = ShoulderClinic(slicerHost, widget)
    yield clinic
    slicerHost.clear_scene()
    clinic.slicer.modules.RotatorCuffCNNWidget.logic.client = None
