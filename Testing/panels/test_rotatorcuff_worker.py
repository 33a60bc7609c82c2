"""The RotatorCuffCNN panel with the real worker process and a tiny network: from choosing a scan to the result."""

import os
import signal
import sys

import numpy as np
import pytest
from panels.test_cuff_worker import MODEL, WORKER_SECONDS, lightModels  # noqa: F401  a fixture

pytestmark = pytest.mark.slow


@pytest.fixture
def panel(slicerHost, repository, lightModels, monkeypatch):  # noqa: F811
    """The opened panel, its own worker behind it, and a shoulder MRI chosen."""
    monkeypatch.setenv("RADIOLOGYCNN_MODELS", str(lightModels))
    monkeypatch.setenv("PATH", os.path.dirname(sys.executable), prepend=os.pathsep)
    widget = slicerHost.load_module(repository / "RotatorCuffCNN", select=False)
    import slicer
    from RotatorCuffCNNLib.SyntheticShoulder import syntheticShoulder

    from RadiologyCNNLib.QtWorkerProcess import makeClient

    client = makeClient()
    widget.logic.client = client
    slicer.util.selectModule("RotatorCuffCNN")
    widget.enter()
    widget.inputs.selectModel(MODEL)
    widget.shoulder = syntheticShoulder()
    choose(widget, widget.shoulder.array, widget.shoulder.ijkToRas, "Shoulder")
    yield widget
    slicerHost.clear_scene()
    widget.logic.client = None
    client.stop()


def choose(widget, array, ijkToRas, name):
    import slicer

    volume = slicer.util.addVolumeFromArray(array, ijkToRAS=ijkToRas, name=name)
    volume.CreateDefaultDisplayNodes()
    widget.ui.inputVolumeSelector.setCurrentNode(volume)
    return volume


def waitFor(host, condition):
    assert host.process_events(WORKER_SECONDS, until=condition), "nothing happened"


def waitForRun(host, widget):
    waitFor(host, lambda: not widget.logic.isRunning)


def waitForSearch(host, widget):
    waitFor(host, lambda: not widget.logic.isLocating(widget._parameterNode.inputVolume))


def testFindClassifyRepeatCancelKillAndClassifyAgain(slicerHost, panel):
    ui = panel.ui
    waitForSearch(slicerHost, panel)
    centre = [0.0] * 3
    assert panel.region.roiNode is not None, ui.regionStatusLabel.text
    panel.region.roiNode.GetCenterWorld(centre)
    assert np.linalg.norm(np.subtract(centre, panel.shoulder.headRas)) < 8.0
    assert "Coronal" in ui.seriesLabel.text

    slicerHost.click(ui.classifyButton)
    assert ui.classifyButton.text == "Cancel"
    waitForRun(slicerHost, panel)
    assert not ui.messageLabel.visible, ui.messageLabel.text
    result = panel.results.result
    assert ui.predictedLabel.text.split(" (")[0] == result.classification.predicted_class.words.split(" (")[0]
    assert result.classification.roi.automatic
    assert not ui.outdatedLabel.visible, ui.outdatedLabel.text
    assert result.record["model"] == MODEL

    ui.repeatsSelector.setCurrentIndex(ui.repeatsSelector.findText("Test-time augmentation"))
    ui.repeatCountSpinBox.value = 3
    slicerHost.click(ui.classifyButton)
    waitForRun(slicerHost, panel)
    assert "3 runs with test-time augmentation" in ui.repeatsLabel.text, ui.messageLabel.text

    slicerHost.click(ui.classifyButton)
    slicerHost.click(ui.classifyButton)
    waitForRun(slicerHost, panel)
    assert "Cancelled" in ui.messageLabel.text

    waitFor(slicerHost, lambda: panel.logic.client.pid is not None)
    slicerHost.click(ui.classifyButton)
    os.kill(panel.logic.client.pid, signal.SIGKILL)
    waitForRun(slicerHost, panel)
    assert "ended unexpectedly" in ui.messageLabel.text
    slicerHost.click(ui.classifyButton)
    waitForRun(slicerHost, panel)
    assert not ui.messageLabel.visible, ui.messageLabel.text


@pytest.mark.parametrize("kind", ["head CT", "noise", "axial", "NaN", "thin slab"])
def testUnsuitableScanIsRefusedOrWarnedAboutInASentence(slicerHost, panel, kind):
    waitForSearch(slicerHost, panel)
    random = np.random.default_rng(1)
    array = random.normal(400, 150, (24, 96, 96)).clip(0, None).astype(np.float32)
    ijkToRas = np.diag([-1.6, -1.6, 4.0, 1.0])  # axial
    if kind == "head CT":
        array = np.full((24, 96, 96), -1000, np.int16)
        array[4:20, 20:76, 20:76] = 900
        array[5:19, 24:72, 24:72] = 40
    elif kind == "NaN":
        array[:] = np.nan
    elif kind == "thin slab":
        array = array[:3]
    choose(panel, array, ijkToRas, kind)
    waitForSearch(slicerHost, panel)
    said = panel.ui.regionAdviceLabel.text + panel.ui.seriesNotesLabel.text
    assert len(said) > 20
    slicerHost.click(panel.ui.classifyButton)
    waitForRun(slicerHost, panel)
    said += panel.ui.messageLabel.text + panel.ui.notesLabel.text
    expected = {
        "head CT": "CT",
        "noise": "Drag the box",
        "axial": "xial",
        "NaN": "are not numbers",
        "thin slab": "too small",
    }[kind]
    assert expected in said, said
    assert "Traceback" not in said
    assert "Error" not in said
