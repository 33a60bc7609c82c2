"""The HemorrhageSeg panel with the real worker process and a tiny network, and the self test that ships with it."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

MAKE_MODEL = """
import sys, torch
from radiologycnn.models.weights import save_package
from radiologycnn.networks.architectures import build_network
architecture = {"name": "cnn_ds", "parameters": {"base_filters": 2, "depth": 2}}
torch.manual_seed(0)
save_package(sys.argv[1], build_network(architecture).state_dict(), {
    "name": "tiny", "version": "1.0.0", "task": "hemorrhage-segmentation", "title": "Tiny network for tests",
    "architecture": architecture, "preprocessing": {},
    "labels": [{"value": 1, "name": "Hemorrhage", "color_rgb": [0.86, 0.16, 0.12]}],
    "operating_threshold": float(sys.argv[2]), "licence": "Apache-2.0", "intended_use": "Tests.",
    "training_data": "None: random weights.", "simulated": True, "performance": {}})
"""
WORKER_SECONDS = 120


@pytest.fixture(scope="module")
def tinyModels(tmp_path_factory, repository):
    """A folder with one small network, made in another process: torch stays out of this one."""
    folder = tmp_path_factory.mktemp("models")
    command = [sys.executable, "-c", MAKE_MODEL, str(folder / "tiny-1.0.0"), "0.5"]
    subprocess.run(command, check=True, cwd=repository, timeout=WORKER_SECONDS)
    return folder


@pytest.fixture
def panel(slicerHost, repository, tinyModels, monkeypatch):
    """The opened panel, its own worker behind it, and a head CT in the scene."""
    monkeypatch.setenv("RADIOLOGYCNN_MODELS", str(tinyModels))
    monkeypatch.setenv("PATH", os.path.dirname(sys.executable), prepend=os.pathsep)
    widget = slicerHost.load_module(repository / "HemorrhageSeg", select=False)
    import slicer
    from HemorrhageSegLib.SyntheticHead import syntheticHead

    from RadiologyCNNLib.QtWorkerProcess import makeClient

    client = makeClient()
    widget.logic.client = client
    slicer.util.selectModule("HemorrhageSeg")
    widget.enter()
    head = syntheticHead()
    volume = slicer.util.addVolumeFromArray(head.array, ijkToRAS=head.ijkToRas, name="CT")
    widget.ui.inputVolumeSelector.setCurrentNode(volume)
    widget.inputs.selectModel("tiny-1.0.0")
    yield widget
    slicerHost.clear_scene()
    widget.logic.client = None
    client.stop()


def waitFor(host, condition):
    assert host.process_events(WORKER_SECONDS, until=condition), "nothing happened"


def isDone(widget):
    return not widget.logic.isSegmenting


@pytest.mark.slow
def testSegmentThresholdCancelKillAndSegmentAgain(slicerHost, panel):
    import slicer

    ui = panel.ui
    waitFor(slicerHost, lambda: ui.deviceSelector.count > 1)
    slicerHost.click(ui.segmentButton)
    assert ui.segmentButton.text == "Cancel"
    waitFor(slicerHost, lambda: isDone(panel))
    assert not ui.messageLabel.visible, ui.messageLabel.text
    result = panel.results.result
    assert result.measurements.total_volume_ml == pytest.approx(result.totalMl(), abs=1e-9)
    assert result.record["model"] == "tiny-1.0.0"
    nodes = slicer.mrmlScene.GetNumberOfNodes()

    probability = result.probability()
    threshold = round(float(np.quantile(probability, 0.999)), 2)
    ui.thresholdSlider.value = threshold
    provisional = result.totalMl()
    assert result.measurements is None
    waitFor(slicerHost, lambda: result.measurements is not None)
    assert result.measurements.total_volume_ml == pytest.approx(provisional, abs=1e-9)
    assert result.tableNode.GetNumberOfRows() == len(result.measurements.lesions)

    slicerHost.click(ui.segmentButton)
    slicerHost.click(ui.segmentButton)
    waitFor(slicerHost, lambda: isDone(panel))
    assert "Cancelled" in ui.messageLabel.text

    waitFor(slicerHost, lambda: panel.logic.client.pid is not None)
    slicerHost.click(ui.segmentButton)
    os.kill(panel.logic.client.pid, signal.SIGKILL)
    waitFor(slicerHost, lambda: isDone(panel))
    assert "ended unexpectedly" in ui.messageLabel.text
    slicerHost.click(ui.segmentButton)
    waitFor(slicerHost, lambda: isDone(panel))
    assert not ui.messageLabel.visible, ui.messageLabel.text
    assert slicer.mrmlScene.GetNumberOfNodes() == nodes


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["shoulder MRI", "noise", "NaN"])
def testUnsuitableScanIsRefusedOrWarnedAboutInASentence(slicerHost, panel, kind):
    import slicer

    shape = (24, 64, 64)
    array = np.random.default_rng(1).normal(400, 150, shape).clip(0, None).astype(np.float32)
    if kind == "noise":
        array = array - 400
    elif kind == "NaN":
        array[:] = np.nan
    volume = slicer.util.addVolumeFromArray(array, ijkToRAS=np.diag([2.0, 2.0, 5.0, 1.0]), name=kind)
    panel.ui.inputVolumeSelector.setCurrentNode(volume)
    slicerHost.click(panel.ui.segmentButton)
    waitFor(slicerHost, lambda: isDone(panel))
    said = panel.ui.messageLabel.text + panel.ui.notesLabel.text
    assert len(said) > 20
    assert "Traceback" not in said
    assert "Error" not in said


@pytest.mark.slow
def testSelfTestOfThePanelPassesInTheHost(repository, tinyModels):
    """In a process of its own: it checks that torch is not in the process."""
    code = (
        "import sys; sys.path[:0] = ['Testing'];"
        "from host import SlicerHost; host = SlicerHost(offscreen=True);"
        "host.load_module('HemorrhageSeg');"
        "import slicer; slicer.selfTests['HemorrhageSeg'](); print('SELF TEST DONE'); host.close()"
    )
    environment = {**os.environ, "RADIOLOGYCNN_MODELS": str(tinyModels)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=repository, env=environment, capture_output=True, text=True, timeout=300
    )
    assert "SELF TEST DONE" in done.stdout, done.stdout + done.stderr
    assert "left out: the worker" not in done.stdout
