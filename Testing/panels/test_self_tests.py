"""The self tests that ship with the panels pass in the stand-in host, each in a process of its own: they check that
torch is not in the process."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import sys; sys.path[:0] = ['Testing']
from host import SlicerHost
host = SlicerHost(offscreen=True)
host.load_module(sys.argv[1])
import slicer
slicer.selfTests[sys.argv[1]]()
print('SELF TEST DONE')
host.close()
"""


@pytest.mark.slow
@pytest.mark.parametrize("module, missing", [("HemorrhageSeg", "left out: the worker"), ("RotatorCuffCNN", "left out")])
def testSelfTestPassesInTheHost(repository, smallModels, module, missing):
    environment = {**os.environ, "RADIOLOGYCNN_MODELS": str(smallModels)}
    command = [sys.executable, "-c", PROGRAM, module]
    done = subprocess.run(command, cwd=repository, env=environment, capture_output=True, text=True, timeout=600)
    assert "SELF TEST DONE" in done.stdout, done.stdout + done.stderr
    assert missing not in done.stdout
