"""The next case of a list in the HemorrhageSeg panel is ready beforehand, and nothing of it stays behind."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from panels.next_case import prepare, waitForPreparing


def testNextCaseIsReadyWhenTheKeyIsPressed(office, monkeypatch):
    import slicer

    office.openCase()
    waitForPreparing(office)
    fields = prepare(office, "case-0002")
    assert fields["segment"]
    asked = office.count("segment")
    with monkeypatch.context() as patch:
        patch.setattr(slicer.util, "loadVolume", lambda *a, **k: pytest.fail("the scan was read in the panel"))
        office.press("A")
    assert office.caseId == "case-0002"
    assert office.count("segment") == asked, "its network has run already"
    assert np.array_equal(office.maskOf(), office.heads["case-0002"].truth != 0)
    scan = slicer.util.arrayFromVolume(office.widget.parameterNode.inputVolume)
    assert np.array_equal(scan, office.heads["case-0002"].array)
    assert office.ui.brainWindowCheckBox.checked
    office.press("A")
    word = office.word("case-0002")
    assert word["network_mask"]
    assert (office.dataset / word["network_mask"]).is_file()
    from radiologycnn.images import read_volume

    assert np.array_equal(read_volume(office.dataset / "images/case-0002.nii").array, scan)


def testPreparedScanOfAnotherModelIsSegmentedAnew(office):
    office.openCase()
    waitForPreparing(office)
    prepare(office, "case-0002", model="another-1.0.0")
    asked = office.count("segment")
    office.press("A")
    assert office.caseId == "case-0002"
    assert office.count("segment") == asked + 1


def testAnotherCaseThanThePreparedOneIsOpenedAsEver(office):
    import os

    office.openCase()
    waitForPreparing(office)
    folder = prepare(office, "case-0002")["output"]
    assert os.path.isdir(folder)
    assert office.openCase("case-0003") == "case-0003"
    assert not os.path.isdir(folder), "patient images do not stay behind"
    waitForPreparing(office)
    assert office.sent("prepare_case")[1]["path"].endswith("_0.nii.gz"), "around the end of the list"


@pytest.mark.skipif(not os.path.exists("/proc/self/maps"), reason="the system does not tell which files are mapped")
def testACaseThatIsHalfInMemoryGoesWhereMappedFilesCannotBeRemoved(office, monkeypatch):
    """As on Windows."""
    remove = shutil.rmtree

    def isMapped(folder):
        return str(folder) in Path("/proc/self/maps").read_text()

    monkeypatch.setattr(shutil, "rmtree", lambda path, **options: isMapped(path) or remove(path, **options))
    monkeypatch.setattr("RadiologyCNNLib.ReadAhead.PART_BYTES", 1)
    office.openCase()
    waitForPreparing(office)
    folder = prepare(office, "case-0002")["output"]
    office.waitFor(lambda: isMapped(folder))
    office.openCase("case-0003")
    assert not os.path.isdir(folder), "patient images do not stay behind"


def testPreparingIsStoppedWhenAnotherCaseIsOpened(office, monkeypatch):
    import os

    office.openCase()
    waitForPreparing(office)
    job, fields = office.sent("prepare_case")
    stopped = []
    with monkeypatch.context() as patch:
        patch.setattr(office.client, "cancel", lambda job, mayKill=True: stopped.append((job, mayKill)))
        office.openCase("case-0003")
    assert (job, False) in stopped, "the warm worker is not ended for that"
    assert not os.path.isdir(fields["output"])


def testSceneCloseDropsWhatWasPrepared(office):
    import os

    office.openCase()
    waitForPreparing(office)
    folder = prepare(office, "case-0002")["output"]
    office.slicer.mrmlScene.Clear(0)
    assert not os.path.isdir(folder)
