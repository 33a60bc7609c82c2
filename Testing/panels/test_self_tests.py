"""The self tests that ship with the panels pass in the stand-in host, each in a process of its own: they check that
torch is not in the process."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import sys; sys.path[:0] = ['Testing']
from host import SlicerHost
host = SlicerHost(offscreen=True, **eval(sys.argv[2]))
if "--bare" in sys.argv:  # nothing is installed for the worker
    from RadiologyCNNLib import WorkerRequirements
    isMet = WorkerRequirements.isMet
    WorkerRequirements.isMet = lambda one: one.name not in ("openvino", "torch") and isMet(one)
host.load_module(sys.argv[1])
import slicer
slicer.selfTests[sys.argv[1]]()
print('SELF TEST DONE')
host.close()
"""


def selfTest(repository, module, *arguments, **environment) -> str:
    """What a self test prints that comes to its end; how the host is started is the first of the arguments."""
    command = [sys.executable, "-c", PROGRAM, module, *arguments]
    environment = {**os.environ, **environment}
    done = subprocess.run(command, cwd=repository, env=environment, capture_output=True, text=True, timeout=600)
    assert "SELF TEST DONE" in done.stdout, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "views", "missing"),
    [
        ("HemorrhageSeg", "{}", "left out: the worker"),
        ("RotatorCuffCNN", "{'slice_views': {'Long axis': 'Coronal', 'Short axis': 'Axial'}}", "left out"),
    ],
)
def testSelfTestPassesInTheHost(repository, smallModels, module, views, missing):
    """The views of a person's own layout have names of their own."""
    assert missing not in selfTest(repository, module, views, RADIOLOGYCNN_MODELS=str(smallModels))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "views", "missing"),
    [
        ("RotatorCuffCNN", "{'slice_views': {}}", "the slice views"),
        ("HemorrhageSeg", "{'has_window': False}", "the panel in its window"),
    ],
    ids=["no slice views", "no main window"],
)
def testSelfTestPassesInAFreshSlicerWithFewViews(repository, module, views, missing):
    """No packages for the worker, and the bundled models: what cannot be tested is left out, and said."""
    printed = selfTest(repository, module, views, "--bare")
    for words in ("the worker: not installed are openvino", missing):
        assert f"left out: {words}" in printed
