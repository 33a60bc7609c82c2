"""The HemorrhageSeg panel with the real worker process and a tiny network: from the click to the result."""

import os
import signal

import numpy as np
import pytest

pytestmark = pytest.mark.slow


@pytest.fixture
def panel(slicerHost, openRealPanel):
    """The opened panel with a head CT in the scene."""
    widget = openRealPanel("HemorrhageSeg")
    import slicer
    from HemorrhageSegLib.SyntheticHead import syntheticHead

    head = syntheticHead()
    volume = slicer.util.addVolumeFromArray(head.array, ijkToRAS=head.ijkToRas, name="CT")
    widget.ui.inputVolumeSelector.setCurrentNode(volume)
    widget.inputs.selectModel("tiny-1.0.0")
    return widget


def isDone(widget):
    return not widget.logic.isSegmenting


def testSegmentThresholdCancelKillAndSegmentAgain(slicerHost, panel, waitFor):
    import slicer

    ui = panel.ui
    waitFor(lambda: ui.deviceSelector.count > 1)
    slicerHost.click(ui.segmentButton)
    assert ui.segmentButton.text == "Cancel"
    waitFor(lambda: isDone(panel))
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
    waitFor(lambda: result.measurements is not None)
    assert result.measurements.total_volume_ml == pytest.approx(provisional, abs=1e-9)
    assert result.tableNode.GetNumberOfRows() == len(result.measurements.lesions)

    slicerHost.click(ui.segmentButton)
    slicerHost.click(ui.segmentButton)
    waitFor(lambda: isDone(panel))
    assert "Cancelled" in ui.messageLabel.text

    waitFor(lambda: panel.logic.client.pid is not None)
    slicerHost.click(ui.segmentButton)
    os.kill(panel.logic.client.pid, signal.SIGKILL)
    waitFor(lambda: isDone(panel))
    assert "ended unexpectedly" in ui.messageLabel.text
    slicerHost.click(ui.segmentButton)
    waitFor(lambda: isDone(panel))
    assert not ui.messageLabel.visible, ui.messageLabel.text
    assert slicer.mrmlScene.GetNumberOfNodes() == nodes


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("shoulder MRI", "not a CT in Hounsfield units"),
        ("noise", "not a CT in Hounsfield units"),
        ("NaN", "are not numbers"),
    ],
)
def testUnsuitableScanIsRefusedInASentence(slicerHost, panel, waitFor, kind, words):
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
    waitFor(lambda: isDone(panel))
    said = panel.ui.messageLabel.text
    assert words in said and panel.results.result is None
    assert "Traceback" not in said
    assert "Error" not in said
