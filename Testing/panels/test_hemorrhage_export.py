"""HemorrhageSeg writes table and segmentation where the person says, with what the panel shows."""

import csv
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def clinic(headClinic):
    return headClinic


def testCsvEqualsTheTable(clinic, tmp_path, monkeypatch):
    from radiologycnn.hemorrhage.results import csv_rows

    clinic.segment()
    path = tmp_path / "bleed.csv"
    monkeypatch.setattr(clinic.qt.QFileDialog, "getSaveFileName", lambda *arguments: str(path))
    clinic.click(clinic.ui.exportCsvButton)
    rows = list(csv.reader(path.open()))
    assert rows == csv_rows(clinic.result.measurements)
    lesion = dict(zip(rows[0], rows[1]))
    cells = clinic.tableCells()[0]
    assert float(cells[1]) == round(float(lesion["volume_ml"]), 2)
    assert float(cells[2]) == round(float(lesion["abc2_ml"]), 2)
    assert cells[5] == f"{lesion['first_slice']}–{lesion['last_slice']}"
    assert "bleed.csv" in clinic.ui.messageLabel.text


def testExportedSegmentationHoldsTheSameVoxels(clinic, tmp_path, monkeypatch):
    clinic.segment()
    path, suggested = tmp_path / "exports" / "bleed.seg.nrrd", []

    def choose(parent, title, name, types):
        suggested.append(Path(name))
        return str(path)

    monkeypatch.setattr(clinic.qt.QFileDialog, "getSaveFileName", choose)
    clinic.qt.QSettings().remove("RadiologyCNN/ExportFolder")
    clinic.slicer.mrmlScene.SetRootDirectory(str(tmp_path))
    clinic.click(clinic.ui.exportSegmentationButton)  # into a folder that is not there
    path.parent.mkdir()
    for _time in range(2):
        clinic.click(clinic.ui.exportSegmentationButton)
    assert [one.parent for one in suggested] == [tmp_path, tmp_path, path.parent]
    loaded = clinic.slicer.util.loadSegmentation(str(path))
    segmentId = loaded.GetSegmentation().GetNthSegmentID(0)
    assert loaded.GetSegmentation().GetSegment(segmentId).GetName() == "Hemorrhage"
    mask = clinic.slicer.util.arrayFromSegmentBinaryLabelmap(loaded, segmentId, clinic.volume)
    assert np.array_equal(mask != 0, clinic.head.truth != 0)


def testUnwritableFolderIsSaidInASentence(clinic, tmp_path, monkeypatch):
    clinic.segment()
    missing = tmp_path / "missing" / "bleed.csv"
    monkeypatch.setattr(clinic.qt.QFileDialog, "getSaveFileName", lambda *arguments: str(missing))
    clinic.click(clinic.ui.exportCsvButton)
    assert "could not be written" in clinic.ui.messageLabel.text


@pytest.mark.parametrize("typed", ["bleed", "bleed.CSV", "bleed.csv"])
def testFileHasTheEndingOnceHoweverItWasTyped(clinic, tmp_path, monkeypatch, typed):
    clinic.segment()
    monkeypatch.setattr(clinic.qt.QFileDialog, "getSaveFileName", lambda *arguments: str(tmp_path / typed))
    clinic.click(clinic.ui.exportCsvButton)
    assert [path.name for path in tmp_path.glob("bleed*")] == ["bleed.csv"]
    assert "bleed.csv" in clinic.ui.messageLabel.text
