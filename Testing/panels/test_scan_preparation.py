"""The chosen scan is prepared before the click; the answer is always of the scan as it is at the click."""

import os

import numpy as np
import pytest

WAIT_S = 0.5  # longer than the panel waits before it prepares a scan


@pytest.fixture(params=["headClinic", "shoulderClinic"])
def clinic(request):
    opened = request.getfixturevalue(request.param)
    if request.param == "shoulderClinic":
        opened.locate()
    opened.waitFor(lambda: opened.count("prepare"))
    return opened


def prepared(clinic) -> dict:
    """Fields of the last request to prepare."""
    return clinic.sent("prepare")[1]


def test_a_click_uses_the_file_that_was_prepared(clinic):
    fields = prepared(clinic)
    job = clinic.start()
    sent = clinic.sent(clinic.TASK)[1]
    for name in fields.keys() - {"task"}:
        assert sent[name] == fields[name], name
    assert sent["output"] != os.path.dirname(fields["volume"]["array"])
    clinic.answer(job)
    assert clinic.result is not None
    assert not os.path.exists(sent["output"])
    clinic.host.process_events(WAIT_S)
    assert clinic.count("prepare") == 1  # it still fits
    assert os.path.exists(fields["volume"]["array"])


@pytest.mark.parametrize("isTold", [True, False], ids=["VTK is told", "VTK is not told"])
def test_voxels_that_were_changed_meanwhile_are_what_is_answered(clinic, isTold):
    path = prepared(clinic)["volume"]["array"]
    array = clinic.slicer.util.arrayFromVolume(clinic.volume)
    array[2, 3, 4] += 7
    if isTold:
        clinic.slicer.util.arrayFromVolumeModified(clinic.volume)
    job = clinic.start()
    sent = clinic.sent(clinic.TASK)[1]
    assert sent["volume"]["array"] != path
    assert np.array_equal(np.load(sent["volume"]["array"]), array)
    assert clinic.widget.logic.isRunning and clinic.widget.runButton.text == "Cancel"
    clinic.answer(job)
    assert clinic.result is not None
    assert not os.path.exists(path)


def test_a_scan_that_was_moved_meanwhile_is_written_anew(clinic):
    before = prepared(clinic)["volume"]
    transform = clinic.slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    clinic.volume.SetAndObserveTransformNodeID(transform.GetID())
    matrix = np.eye(4)
    matrix[0, 3] = 25.0
    transform.SetMatrixTransformToParent(clinic.slicer.util.vtkMatrixFromArray(matrix))
    clinic.start()
    after = clinic.sent(clinic.TASK)[1]["volume"]
    assert after["array"] != before["array"]
    assert after["ijk_to_lps"][0][3] == pytest.approx(before["ijk_to_lps"][0][3] - 25.0)


def test_another_scan_takes_the_place_of_the_first(clinic):
    path = prepared(clinic)["volume"]["array"]
    second = clinic.addScan()
    if clinic.MODULE == "RotatorCuffCNN":
        clinic.locate()
    clinic.waitFor(lambda: clinic.count("prepare") == 2)
    assert not os.path.exists(path)
    assert np.array_equal(np.load(prepared(clinic)["volume"]["array"]), clinic.slicer.util.arrayFromVolume(second))


def test_another_model_or_device_is_prepared_for_from_the_same_file(clinic):
    path = prepared(clinic)["volume"]["array"]
    clinic.widget._parameterNode.device = "cpu"
    clinic.ui.deviceSelector.addItem("CPU", "cpu")
    clinic.widget.inputs.selectDevice("cpu")
    clinic.widget.onDeviceChosen(0)
    clinic.waitFor(lambda: clinic.count("prepare") == 2)
    assert prepared(clinic)["device"] == "cpu"
    assert prepared(clinic)["volume"]["array"] == path


def test_nothing_is_kept_when_the_panel_is_left_or_the_scene_closed(clinic):
    path = prepared(clinic)["volume"]["array"]
    clinic.host.leave_module()
    assert not os.path.exists(path)
    clinic.host.process_events(WAIT_S)
    assert clinic.count("prepare") == 1  # another module is shown
    clinic.slicer.util.selectModule(clinic.MODULE)
    clinic.waitFor(lambda: clinic.count("prepare") == 2)
    path = prepared(clinic)["volume"]["array"]
    clinic.slicer.mrmlScene.Clear(0)
    assert not os.path.exists(path)


def test_leaving_during_a_run_keeps_its_file_until_the_answer(clinic):
    job = clinic.start()
    path = clinic.sent(clinic.TASK)[1]["volume"]["array"]
    clinic.host.leave_module()
    assert os.path.exists(path)
    clinic.answer(job)
    assert not os.path.exists(path)
    assert clinic.widget.logic.isRunning is False


def test_a_large_scan_is_left_until_the_click(clinic, monkeypatch):
    clinic.host.leave_module()
    sent = clinic.count("prepare")
    # The panel's own module: one that was reloaded is another object.
    monkeypatch.setitem(type(clinic.widget.logic.preparation).prepare.__globals__, "LARGEST_KIB", 1)
    clinic.slicer.util.selectModule(clinic.MODULE)
    clinic.host.process_events(WAIT_S)
    assert clinic.count("prepare") == sent


def test_a_refusal_before_the_click_is_not_shown(clinic):
    clinic.fail(clinic.sent("prepare")[0], "not-suitable", "This is another kind of scan.", "Choose a suitable one.")
    assert not clinic.ui.messageLabel.visible
    assert clinic.run() is not None
