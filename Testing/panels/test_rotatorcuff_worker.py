"""The RotatorCuffCNN panel with the real worker process and a tiny network: from choosing a scan to the result."""

import os
import signal

import numpy as np
import pytest

pytestmark = pytest.mark.slow

MODEL = "sees-light-1.0.0"


@pytest.fixture
def panel(openRealPanel):
    """The opened panel with a shoulder MRI chosen."""
    widget = openRealPanel("RotatorCuffCNN")
    from RotatorCuffCNNLib.SyntheticShoulder import syntheticShoulder

    widget.inputs.selectModel(MODEL)
    widget.shoulder = syntheticShoulder()
    choose(widget, widget.shoulder.array, widget.shoulder.ijkToRas, "Shoulder")
    return widget


def choose(widget, array, ijkToRas, name):
    import slicer

    volume = slicer.util.addVolumeFromArray(array, ijkToRAS=ijkToRas, name=name)
    volume.CreateDefaultDisplayNodes()
    widget.ui.inputVolumeSelector.setCurrentNode(volume)
    return volume


@pytest.fixture
def waitForRun(panel, waitFor):
    return lambda: waitFor(lambda: not panel.logic.isRunning)


@pytest.fixture
def waitForSearch(panel, waitFor):
    return lambda: waitFor(lambda: not panel.logic.isLocating(panel._parameterNode.inputVolume))


def testFindClassifyRepeatCancelKillAndClassifyAgain(slicerHost, panel, waitFor, waitForRun, waitForSearch):
    ui = panel.ui
    waitForSearch()
    centre = [0.0] * 3
    assert panel.region.roiNode is not None, ui.regionStatusLabel.text
    panel.region.roiNode.GetCenterWorld(centre)
    assert np.linalg.norm(np.subtract(centre, panel.shoulder.headRas)) < 8.0
    assert "Coronal" in ui.seriesLabel.text

    slicerHost.click(ui.classifyButton)
    assert ui.classifyButton.text == "Cancel"
    waitForRun()
    assert not ui.messageLabel.visible, ui.messageLabel.text
    result = panel.results.result
    assert ui.predictedLabel.text.split(" (")[0] == result.classification.predicted_class.words.split(" (")[0]
    assert result.classification.roi.automatic
    assert not ui.outdatedLabel.visible, ui.outdatedLabel.text
    assert result.record["model"] == MODEL

    ui.repeatsSelector.setCurrentIndex(ui.repeatsSelector.findText("Test-time augmentation"))
    ui.repeatCountSpinBox.value = 3
    slicerHost.click(ui.classifyButton)
    waitForRun()
    assert "3 runs with test-time augmentation" in ui.repeatsLabel.text, ui.messageLabel.text

    slicerHost.click(ui.classifyButton)
    slicerHost.click(ui.classifyButton)
    waitForRun()
    assert "Cancelled" in ui.messageLabel.text

    waitFor(lambda: panel.logic.client.pid is not None)
    slicerHost.click(ui.classifyButton)
    os.kill(panel.logic.client.pid, signal.SIGKILL)
    waitForRun()
    assert "ended unexpectedly" in ui.messageLabel.text
    slicerHost.click(ui.classifyButton)
    waitForRun()
    assert not ui.messageLabel.visible, ui.messageLabel.text


@pytest.mark.parametrize("kind", ["head CT", "noise", "axial", "NaN", "thin slab"])
def testUnsuitableScanIsRefusedOrWarnedAboutInASentence(slicerHost, panel, waitForRun, waitForSearch, kind):
    waitForSearch()
    random = np.random.default_rng(1)
    array = random.normal(400, 150, (24, 96, 96)).clip(0, None).astype(np.float32)
    ijkToRas = np.diag([-1.6, -1.6, 4.0, 1.0])  # axial
    if kind == "head CT":
        array = np.full((24, 96, 96), -1000.0)
        array[3:21, 17:79, 17:79] = -90  # fat
        array[4:20, 20:76, 20:76] = 900
        array[5:19, 24:72, 24:72] = 40
        array = np.round(array + random.normal(0, 8, array.shape)).astype(np.int16)
    elif kind == "NaN":
        array[:] = np.nan
    elif kind == "thin slab":
        array = array[:3]
    choose(panel, array, ijkToRas, kind)
    waitForSearch()
    said = panel.ui.regionAdviceLabel.text + panel.ui.seriesNotesLabel.text
    assert len(said) > 20
    slicerHost.click(panel.ui.classifyButton)
    waitForRun()
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
