"""Unusual orders of actions in the HemorrhageSeg panel lose nothing of what was drawn, and mix nothing up."""

import numpy as np
import pytest

from radiologycnn.annotation.records import Mask

STROKE = np.s_[6:9, 30:36, 30:36]


def keptMask(room, caseId="case-0001"):
    """The mask that the dataset holds of a case."""
    store = room.widget.worklist.cases.store
    return store.read_mask(store.annotation(caseId))


def isSameMask(mask, voxels) -> bool:
    whole = Mask.of_whole(voxels)
    mask = Mask.of_whole(np.pad(mask.crop, [(start, 0) for start in mask.offset_kji]))
    return np.array_equal(mask.crop, whole.crop) and mask.offset_kji == whole.offset_kji


@pytest.mark.parametrize("keys", ["Shift+F", "Shift+X"])
def testACaseThatIsFlaggedWhileTheNetworkRunsKeepsItsDraft(room, keys):
    room.writeScans(2)
    room.openList()
    room.openCase("case-0001")
    room.stroke(STROKE)
    room.settled()
    drawn = room.maskOf()
    room.openCase("case-0002")
    room.waitFor(lambda: not room.widget.worklist.cases.store.has_submitted)
    room.widget.inputs.currentModel.package.weights_sha256 = "1" * 64  # so that the network has to run anew
    before = room.count("segment")
    room.widget.worklist.table.select("case-0001")
    room.click(room.ui.openCaseButton)
    room.waitFor(lambda: room.count("segment") > before)
    room.press(keys)
    room.waitFor(lambda: not room.widget.worklist.cases.store.has_submitted)
    assert room.states()["case-0001"] in ("flagged", "rejected")
    assert isSameMask(keptMask(room), drawn)
    room.openCase("case-0001")
    assert np.array_equal(room.maskOf(), drawn)


def testScansAndAnnotationsMayLieInOneFolder(room):
    room.writeScans(2)
    room.ui.worklistCollapsibleButton.collapsed = False
    room.ui.raterLineEdit.text = "ab"
    room.click(room.ui.datasetButton)
    room.click(room.ui.openScansButton)
    room.openCase("case-0001")
    room.accept()
    room.widget.worklist.release()
    room.widget.worklist._dataset = ""  # as after a restart
    room.openList()
    assert room.ui.messageLabel.text == ""
    assert room.states() == {"case-0001": "accepted", "case-0002": "in-progress"}
    assert not (room.folder / "annotations/dataset.json").exists()
